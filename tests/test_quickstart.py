"""The quickstart's model uses all its latents, and they tell the digits apart."""

import pytest

from configs import quickstart
from trainers import loop


@pytest.mark.slow
def test_all_latents_are_in_use(tmp_path):
    config = quickstart.get_config("")
    config.train.pictures_every = 0
    config.evaluation.num_samples = 5
    run = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    metrics = run.evaluation["metrics"]
    assert metrics["active_units"]["value"] == config.latent_dim == 8
    assert metrics["linear_probe"]["value"] > 0.88
