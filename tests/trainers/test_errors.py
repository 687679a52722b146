"""A user's mistake ends a command in one `error:` line; a bug keeps its traceback."""

import logging
import os
import pathlib
import select
import subprocess
import sys

import pytest

from trainers import errors, scripts
from zoo.light import runtime

ROOT = pathlib.Path(__file__).parents[2]
# Runs a command as a script where only the packages of the light install are there.
LIGHT = """
import runpy, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("absl", "ml_collections", "keras", "tensorflow", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


def _ends(command, *arguments, cwd=ROOT):
    """Returns the exit code and the lines that a command writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", command, *arguments], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["trainers.train"], 2, "Expected --config and --workdir. Example: python -m trainers.tr"),
        (["trainers.train", "--workdri=x"], 2, "Unknown command line flag 'workdri'. Did you mean"),
        (["trainers.train", "--config=no.py", "--workdir=x"], 2, "Expected a config's Python file"),
        (["trainers.train", "more"], 2, "Expected --config and --workdir"),
        (["trainers.evaluate"], 2, "Expected either --workdir or --model. Received: neither"),
        (["trainers.reproduce", "--paper=infovae"], 2, "Expected --item, or --list, or --sco"),
        (["trainers.sweep", "--workdir=x"], 2, "Expected --config and --grid, or --plot_only"),
        (["export.publish", "--name=x"], 2, "Expected --workdir. Example: python -m export.publ"),
        (["trainers.prepare"], 2, "Expected --name. Example: "),
        (["export.remeasure"], 2, "Expected --models. Example: python -m export.remeasure"),
        (["export.release"], 2, "Expected --runs. Example: python -m export.release"),
        (["export.verify"], 2, "expected a model, or --all"),
        (["export.verify", "/absent"], 1, "Expected an artifact's folder. Received: '/absent'"),
        (["export.encode", "--imges=x"], 2, 'Unknown flag --imges. Did you mean "--images"?'),
        (["export.quantize", "x"], 2, "the following arguments are required: --images, --out"),
        (["export.explorer"], 2, "the following arguments are required: models, --out"),
        (["benchmarks.encode_speed", "--rouds=1"], 2, 'Unknown flag --rouds. Did you mean "--rou'),
    ],
)
def test_wrong_flags_end_in_one_line(arguments, code, line):
    received, lines = _ends(*arguments)
    assert received == code and len(lines) == 1, lines
    assert lines[0].startswith(f"error: {line}")


@pytest.mark.parametrize(
    "command",
    ["trainers.train", "trainers.evaluate", "trainers.sweep", "trainers.reproduce",
     "trainers.prepare",
     "export.publish", "export.release", "export.remeasure"],
)  # fmt: skip
def test_a_light_install_says_what_to_install(command):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, command], cwd=ROOT, capture_output=True, text=True
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.endswith('is needed and not installed: pip install "elbo-zoo[train]"')


def test_help_lists_every_flag_with_an_example():
    for command, names in (
        ("trainers.train", ("--config:", "--workdir:", "--config=configs/quickstart.py")),
        ("trainers.sweep", ("--config:", "--workdir:", "--numbers:", "--grid=")),
        ("trainers.evaluate", ("--out:", "--model=vimae-mnist-z8-vae")),
        ("trainers.reproduce", ("--runs:", "--item=toy")),
        ("export.publish", ("--workdir:", "--licence:", "--name=NAME")),
        ("export.release", ("--runs:", "--out:", "--names=NAME")),
        ("export.encode", ("--images IMAGES", "example: python -m export.encode --model=NAME")),
        ("benchmarks.encode_speed", ("--rounds", "example: python -m benchmarks.encode_speed")),
    ):
        done = subprocess.run(
            [sys.executable, "-m", command, "--help"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stderr == ""
        assert all(name in done.stdout for name in names), (command, done.stdout)


def _raising(error):
    def main():
        raise error

    return scripts.reported(main)


def test_what_a_library_raises_is_a_bug():
    with pytest.raises(ValueError, match="invalid literal"):
        scripts.reported(lambda: int("x"))()
    with pytest.raises(ZeroDivisionError):
        scripts.reported(lambda: 1 / 0)()
    with pytest.raises(ValueError, match="not of this project"):  # raised in a test's own module
        _raising(ValueError("not of this project"))()


def test_what_the_project_raises_is_one_line(capsys, tmp_path):
    assert scripts.reported(runtime.load_encoder)(str(tmp_path)) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: Expected") and line.count("\n") == 1
    assert scripts.reported(scripts.import_parts)(["no_such_module"]) == 1
    assert "Received: --parts=no_such_module, which is absent" in capsys.readouterr().err
    assert scripts.reported(open)(tmp_path / "absent") == 1
    assert capsys.readouterr().err == f"error: No such file or directory: {tmp_path / 'absent'}\n"
    assert _raising(KeyboardInterrupt())() == 130


def test_a_package_that_is_absent_comes_with_its_command():
    for package, extra in (("keras", "train"), ("jax.numpy", "train,jax"), ("PIL", "images")):
        error = ModuleNotFoundError(f"No module named '{package}'", name=package)
        name = package.partition(".")[0]
        expected = f'{name} is needed and not installed: pip install "elbo-zoo[{extra}]"'
        assert errors.explain(error) == expected
    ours = ModuleNotFoundError("No module named 'trainers.absent'", name="trainers.absent")
    assert errors.explain(ours) is None


def test_log_lines_are_plain_and_of_the_project():
    formatter = scripts._plain_formatter()

    def record(level, path=f"{ROOT}/trainers/loop.py"):
        return logging.LogRecord("absl", level, path, 1, "epoch %d", (1,), None)

    assert formatter.format(record(logging.INFO)) == "epoch 1"
    assert formatter.format(record(logging.WARNING)) == "warning: epoch 1"
    library = f"{ROOT}/venv/tensorflow_datasets/core/load.py"
    assert scripts.is_shown(record(logging.INFO))
    assert scripts.is_shown(record(logging.WARNING, library))
    assert not scripts.is_shown(record(logging.INFO, library))


@pytest.mark.skipif(not hasattr(select, "poll"), reason="needs poll")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_ends_early_is_no_error(unbuffered):
    code = "from trainers import errors\n@errors.reported\ndef main():\n"
    code += "    for i in range(100_000):\n        print(i)\nraise SystemExit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141
