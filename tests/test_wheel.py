"""A wheel in an environment of its own: small, offline, and friendly to the user's modules."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
pytestmark = pytest.mark.slow

PIP = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
BUILD = ["--no-deps", "--no-build-isolation"]


def _wheel(source, out):
    subprocess.run([*PIP, "wheel", *BUILD, "-w", str(out), str(source)], check=True, cwd=out)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # `build/` is left in it
    left_out = shutil.ignore_patterns(".git", "build", "*.egg-info", "results")
    shutil.copytree(ROOT, source, ignore=left_out)
    command = [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(folder)]
    subprocess.run(command, check=True, cwd=source)
    (packed,) = folder.glob("*.tar.gz")
    assert packed.stat().st_size < 5_000_000
    return _wheel(packed, folder)


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Python of a new environment with the wheel; its requirements are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    interpreter = scripts / pathlib.Path(sys.executable).name
    (site,) = folder.glob("[lL]ib/**/site-packages")
    (site / "requirements.pth").write_text(sysconfig.get_path("purelib"))
    _install(interpreter, wheel)
    return interpreter


def _install(interpreter, *wheels):
    options = ["--no-deps", "--no-index"]
    subprocess.run([*PIP, "--python", str(interpreter), "install", *options, *wheels], check=True)


def _run(*command, cwd, **environment):
    """Runs a command in a folder outside the checkout and returns its output."""
    variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**variables, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_small_and_has_one_top_level_name(wheel):
    assert wheel.stat().st_size < 2_000_000
    with zipfile.ZipFile(wheel) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}
        (listed,) = (n for n in packed.namelist() if n.endswith("top_level.txt"))
        assert packed.read(listed).split() == [b"zoo"]
        assert {"zoo/py.typed", "zoo/_commands/export/runtimes/node.cjs"} <= set(packed.namelist())
    assert {name for name in tops if not name.endswith(".dist-info")} == {"zoo"}


def test_the_first_example_runs_offline(python, tmp_path):
    code = (
        "import numpy, zoo; print(zoo.__file__)\n"
        "print(zoo.load_encoder('vimae-mnist-z8-l').features(numpy.zeros((28, 28), 'u1')).shape)\n"
        "print(len(zoo.list_models()))\n"
        "try: zoo.load_encoder('bilbo-mnist-z2')\n"
        "except FileNotFoundError as error: print(error)\n"
    )
    place, shape, count, error = _run(python, "-c", code, cwd=tmp_path).splitlines()
    assert not place.startswith(str(ROOT)) and shape == "(1, 8)" and int(count) == 36
    assert "install elbo-zoo-models" in error


def test_the_command_and_the_user_s_folders_know_nothing_of_each_other(python, tmp_path):
    """`elbo-zoo` has its own `trainers`; the user's `import trainers` gets the user's."""
    for name in ("trainers", "export", "configs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True")
    command = python.parent / "elbo-zoo"
    runs = [f"--workdir={tmp_path / 'sweep'}", "--grid=seed=0", "--config.train.epochs=1"]
    out = _run(command, "sweep", "--config=configs/quickstart.py", *runs, "--jobs=1", cwd=tmp_path)
    assert "1 finished" in out
    assert "vimae-mnist-z8-l" in _run(command, "list", cwd=tmp_path)
    assert "elbo-zoo verify FOLDER" in _run(command, "verify", "--help", cwd=tmp_path)
    code = "import zoo, trainers, export, configs\nprint(trainers.MINE, export.MINE, configs.MINE)"
    assert _run(python, "-c", code, cwd=tmp_path) == "True True True\n"
    code = "import importlib.util as u, zoo; print(u.find_spec('trainers'), u.find_spec('export'))"
    (tmp_path / "empty").mkdir()
    assert _run(python, "-c", code, cwd=tmp_path / "empty") == "None None\n"


def test_models_are_distributions_of_their_own(python, tmp_path):
    command = python.parent / "elbo-zoo"
    sources = tmp_path / "models"
    printed = _run(command, "package", f"--out={sources}", f"--artifacts={ROOT}/artifacts", cwd="/")
    assert len(printed.splitlines()) == 6
    wheels = []
    for paper in ("bilbo", "mu-vae"):
        out = tmp_path / paper
        out.mkdir()
        wheels.append(_wheel(sources / f"elbo-zoo-models-{paper}", out))
        assert wheels[-1].stat().st_size < 100_000_000
    _install(python, *wheels)
    for name in ("bilbo-mnist-z2", "muvae1-mnist", "vimae-mnist-z8-l"):
        assert "PASSED" in _run(command, "verify", name, cwd=tmp_path)
    absent = _run(command, "list", cwd=tmp_path).splitlines()[-1]
    assert "bilbo-mnist-z2" not in absent and "vimae-mnist-z8-n" in absent
