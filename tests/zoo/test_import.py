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
    # Of the processor: the clock on the wall counts what other processes do as well.
    code = "import time; t = time.process_time(); import zoo; print(time.process_time() - t)"
    assert any(float(_run(code)) < 0.3 for _ in range(3))


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
        for name in ("VAE", "load")
    ]


def test_a_registry_is_there_before_any_part_is():
    said = _run("import zoo; print(zoo.registry.ENCODERS.register('mine').__name__)")
    assert said.strip() == "decorate"


def test_every_public_name_exists():
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)
    with pytest.raises(AttributeError, match="no attribute 'VEA'"):
        _ = zoo.VEA


# What a light install has: neither Keras nor its backends, and scikit-learn or not.
_BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in {blocked} else find(name, *a)
import inspect, pydoc, rlcompleter
import zoo
"""
_FRAMEWORKS = {"tensorflow", "keras", "tensorflow_probability", "jax"}
_LIGHT_NAMES = [
    "list_models",
    "load",
    "load_autoencoder",
    "load_decoder",
    "load_encoder",
    "load_probability",
]


@pytest.mark.parametrize("sklearn", [True, False])
def test_a_light_install_lists_what_it_can_load(sklearn):
    blocked = _FRAMEWORKS if sklearn else _FRAMEWORKS | {"sklearn"}
    expected = ["FeatureExtractor", "OutlierDetector", *_LIGHT_NAMES] if sklearn else _LIGHT_NAMES
    said = _run(
        _BLOCK.format(blocked=blocked) + "names = {}\n"
        "exec('from zoo import *', names)\n"
        "names.pop('__builtins__')\n"
        "print(sorted(names) == zoo.__all__, *zoo.__all__)\n"
        "text = pydoc.plain(pydoc.render_doc(zoo))\n"
        "print(all(name in text for name in zoo.__all__), 'elbo-zoo[train]' in text)\n"
        "print({name for name, _ in inspect.getmembers(zoo)} == set(dir(zoo)))\n"
        "completer = rlcompleter.Completer({'zoo': zoo})\n"
        "print(completer.attr_matches('zoo.load_e'))\n"
        "try: zoo.VAE\nexcept ImportError as error: print(error)\n"
    )
    assert said.splitlines() == [
        " ".join(["True", *expected]),
        "True True",
        "True",
        "['zoo.load_encoder(']",
        'zoo.VAE needs keras, which is not installed: pip install "elbo-zoo[train]"',
    ]


def test_a_full_install_lists_every_name():
    assert zoo.__all__ == sorted(zoo._public())
    assert {"VAE", "FeatureExtractor", "load_encoder", "registry"} <= set(dir(zoo))
