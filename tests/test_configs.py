"""Every config: its tiny mode trains, evaluates and reports; unknown keys raise."""

import importlib.util
import pathlib
import subprocess
import sys

import pytest

from trainers import loop
from trainers.config import complete, default_config, make_optimizer

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.py")
    if path.name != "__init__.py"
)


def _load(path, mode):
    spec = importlib.util.spec_from_file_location("config_under_test", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "python -m trainers.train --config=" + path in module.__doc__
    return module.get_config(mode)


@pytest.mark.parametrize("path", CONFIGS)
def test_tiny_mode_runs(path, tmp_path, request):
    config = _load(path, "tiny")
    if config.data.name != "digits":
        config.data.data_dir = request.getfixturevalue("tfds_dir")
        config.data.download = False
    config.train.jit_compile = "off"  # XLA takes longer to compile than these few steps to run.
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert result.step == 2 * 3
    assert set(result.evaluation["metrics"]) == set(config.evaluation.metrics)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("path", CONFIGS)
def test_an_unknown_key_raises(path):
    config = _load(path, "")
    with pytest.raises(AttributeError, match="objectiv"):
        config.objectiv.beta = 2
    with pytest.raises((KeyError, AttributeError), match="epoch"):
        config.train.epoch = 2
    with pytest.raises(ValueError, match="mode '' or 'tiny'"):
        _load(path, "small")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--config.train.epoch=3", "epochs"),
        ("--config.data.name=minst", '"mnist"'),
        ("--config.encoder.name=mpl", '"mlp"'),
        ("--workdri=x", "workdir"),
    ],
)
def test_wrong_flags_name_the_nearest(flag, message, tmp_path):
    command = [sys.executable, "-m", "trainers.train", "--config=configs/quickstart.py:tiny"]
    command += [f"--workdir={tmp_path / 'run'}", flag]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0
    assert message in result.stderr + result.stdout


def test_optimizer_names():
    config = complete(default_config())
    config.optimizer.name = "normalised_adam"
    with pytest.raises(ValueError, match='Did you mean "normalized_adam"'):
        make_optimizer(config, 10)
    config.optimizer.name = "normalized_adam"
    config.optimizer.schedule = "constant_then_linear"
    config.train.epochs = 200
    schedule = make_optimizer(config, 10).get_config()["learning_rate"]["config"]
    assert (schedule["constant_steps"], schedule["total_steps"]) == (1000, 2000)
