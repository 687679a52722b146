"""The five models of `vimae`: what each is made of, at every scale."""

import importlib

import numpy as np
import pytest

from trainers import cuts, data, loop

FAMILIES = ("vae", "beta_h", "beta_a", "vimae_n", "vimae_l")
NAMES = ("plane", "mnist", "omniglot", "cifar10", "celeba")


def _config(name, words=""):
    return importlib.import_module(f"configs.vimae.{name}").get_config(words)


@pytest.mark.parametrize("name", NAMES)
def test_the_likelihood_is_an_option(name):
    def likelihood(words):
        return _config(name, words).decoder.likelihood.to_dict()

    squared = likelihood("beta_h")
    assert squared == likelihood("beta_h,squared")
    assert squared["scale"] == pytest.approx(0.5**0.5), "|x - x'|^2 has the weight 1"
    assert likelihood("beta_h,bernoulli") == {"name": "bernoulli"}
    weighted = likelihood("beta_h,weighted,reduced")
    assert 0.5 / weighted["scale"] ** 2 == pytest.approx(0.05)
    assert {**weighted, "scale": squared["scale"]} == squared


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["", "tiny", "reduced"])
def test_five_models_in_every_mode(name, mode):
    grey = name not in ("cifar10", "celeba")
    for family in FAMILIES:
        config = _config(name, f"{family},{mode}".strip(","))
        assert (config.paper, config.family) == ("vimae", family)
        is_whole = mode == "" or (mode == "reduced" and name == "plane")
        assert bool(cuts.differences(config)) != is_whole
        assert config.decoder.likelihood.scale == pytest.approx(0.5**0.5)
        assert (config.optimizer.learning_rate, config.optimizer.beta_1) == (1e-3, 0.5)
        if family.startswith("vimae"):
            assert config.encoder.name == "pixel_noise" and config.encoder.limit == 0.01
            assert config.encoder.base.scale == "deterministic"
            assert config.objective.lambda_ == (10.0 if grey else 100.0)
            assert config.objective.divergence.kernel == "imq"
        else:
            assert config.encoder.scale == "log_variance"
        assert config.marginal.name == ("logistic" if family == "vimae_l" else "normal")
    assert _config(name, mode).family == "vae"


def test_betas_of_the_paper():
    betas = {name: [_config(name, f).objective.beta for f in FAMILIES[:3]] for name in NAMES}
    grey, colour = [1.0, 10.0, 0.2], [1.0, 100.0, 0.4]
    assert betas == {name: colour if name in ("cifar10", "celeba") else grey for name in NAMES}


def test_full_mode_is_as_printed():
    epochs = {name: _config(name).train.epochs for name in NAMES}
    assert epochs == {"plane": 80, "mnist": 80, "omniglot": 80, "cifar10": 60, "celeba": 60}
    config = _config("mnist", "vimae_n")
    assert (config.latent_dim, config.encoder.base.kernel_size) == (8, 4)
    assert tuple(config.encoder.base.filters) == (128, 256, 512, 1024)
    assert (config.encoder.base.width, config.decoder.width) == (1.0, 1.0)
    config = _config("celeba")
    assert (config.latent_dim, config.decoder.kernel_size, config.data.crop) == (64, 5, 140)
    assert tuple(config.decoder.filters) == (1024, 512, 256, 128)
    config = _config("omniglot")
    assert (config.data.train_split, config.data.test_split) == ("train", "test")


def test_omniglot_here_tests_on_alphabets_that_were_not_trained_on(tfds_dir):
    config = _config("omniglot", "reduced")
    config.data.data_dir = tfds_dir
    splits = data.load_splits(config.data)
    assert (len(splits["train"]), len(splits["test"])) == (4 * 2720, 4 * 2120)
    train, test = (np.unique(splits[role].labels) for role in ("train", "test"))
    assert not set(train) & set(test)
    assert set(np.bincount(splits["test"].labels)) == {0, 80}


def test_celeba_runs_on_a_folder_of_faces(tmp_path):
    rng = np.random.default_rng(17)
    images = rng.integers(0, 256, (60, 148, 144, 3), dtype=np.uint8)
    np.savez(tmp_path / "faces.npz", x_train=images, x_test=images[:10])
    config = _config("celeba", "vimae_l,tiny")
    config.data.name = f"npz:{tmp_path / 'faces.npz'}"
    config.data.train_split, config.data.test_split = "train", "test"
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert result.step == 2  # 60 pictures are one batch
    assert result.model.image_shape == (64, 64, 3)
    assert result.evaluation["metrics"]["rate"]["value"] is None
    assert result.evaluation["metrics"]["reconstruction_l2"]["value"] > 0
