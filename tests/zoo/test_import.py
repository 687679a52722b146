"""Importing `zoo` is light and quick."""

import subprocess
import sys

import pytest

import zoo


def _run(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_loads_no_framework():
    loaded = _run(
        "import sys, zoo; print([m for m in ('tensorflow','keras','jax') if m in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_import_takes_under_0_3_seconds():
    code = "import time; t = time.perf_counter(); import zoo; print(time.perf_counter() - t)"
    assert min(float(_run(code)) for _ in range(3)) < 0.3


def test_without_keras_the_message_says_what_to_install():
    said = _run(
        "import sys, zoo\nsys.modules['keras'] = None\nprint(len(zoo.list_models()))\n"
        "for use in (lambda: zoo.VAE, lambda: zoo.load('vimae-mnist-z8-vae')):\n"
        "    try: use()\n    except ImportError as error: print(error)"
    )
    count, *messages = said.splitlines()
    assert int(count) > 0
    assert messages == [
        f'zoo.{name} needs keras, which is not installed: pip install "elbo-zoo[train]"'
        for name in ("VAE", "build")
    ]


def test_a_registry_is_there_before_any_part_is():
    said = _run("import zoo; print(zoo.registry.ENCODERS.register('mine').__name__)")
    assert said.strip() == "decorate"


def test_every_public_name_exists():
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)
    with pytest.raises(AttributeError, match="no attribute 'VEA'"):
        _ = zoo.VEA
