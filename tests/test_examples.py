"""Every script of `examples/` does what its first lines say, in a process of its own."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("sklearn")

ROOT = pathlib.Path(__file__).parents[1]
SCRIPTS = sorted(path for path in (ROOT / "examples").glob("*.py"))


def _run(name, *arguments):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_features():
    output = _run("features.py", "--num_train=100")
    accuracy = float(output.partition("labels: ")[2].partition(" %")[0])
    assert output.startswith("8 features, 100 labels") and accuracy > 60


def test_outliers():
    output = _run("outliers.py")
    assert float(output.rpartition("curve ")[2]) > 0.9


@pytest.mark.slow
def test_train(tmp_path):
    output = _run("train.py", f"--out={tmp_path / 'digits'}", "--epochs=3")
    assert "features (297, 4), samples (16, 8, 8, 1)" in output


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_how_to_run_it(path):
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"examples/{path.name}" in doc
