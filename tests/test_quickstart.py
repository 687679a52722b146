"""The quickstart's model uses its latents, and its reconstructions are the digits that went in."""

import pathlib

import pytest
from sklearn.linear_model import LogisticRegression

from configs import quickstart
from trainers import data, loop, runs

pytestmark = pytest.mark.slow


def test_reconstructions_are_the_same_digits(tmp_path):
    config = quickstart.get_config("")
    config.train.pictures_every = 0
    config.evaluation.num_samples = 5
    run = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert run.evaluation["metrics"]["active_units"]["value"] == config.latent_dim == 8
    splits = data.load_splits(config.data)
    rows = {role: part.float_images().reshape(len(part), -1) for role, part in splits.items()}
    train, test = splits["train"], splits["test"]
    digits = LogisticRegression(max_iter=300).fit(rows["train"], train.labels)
    model = runs.load_run(pathlib.Path(tmp_path / "run")).model
    seen = digits.predict(model.reconstruct(test.float_images()).reshape(len(test), -1))
    for digit in (2, 5):
        assert (seen[test.labels == digit] == digit).mean() > 0.8, digit
    assert (seen == test.labels).mean() > 0.88
