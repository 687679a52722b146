"""The configs of `mu_vae`: its models by name, its networks as printed."""

import numpy as np
import pytest

import zoo
from configs.mu_vae import fashion, mnist, toy
from trainers import cuts
from trainers.config import model_config
from zoo.backend import to_numpy

MODELS = {
    "vae": ("beta", None),
    "beta_vae": ("beta", None),
    "mu_vae_1": ("mu", 3.0),
    "mu_vae_2": ("mu", 6.0),
}


def test_the_four_models_of_both_data_sets():
    for module, name in ((mnist, "mnist"), (fashion, "fashion_mnist")):
        assert tuple(module.get_config.families) == tuple(MODELS)
        for family, (objective, radius) in MODELS.items():
            config = module.get_config(family)
            assert (config.family, config.data.name) == (family, name)
            assert config.objective.base.name == objective
            assert config.encoder.get("radius") == radius
            assert (config.optimizer.learning_rate, config.train.batch_size) == (1e-4, 64)
        assert module.get_config("").family == "vae"
        assert module.get_config("beta_vae").objective.base.beta == 4.0
    config = mnist.get_config("mu_vae_2,reduced")
    assert config.encoder.base.depth == config.decoder.depth == 64
    assert config.objective.hidden_units == (1024, 1024, 1024)
    assert cuts.phrases({"config": config}) == (
        "4 of 20 epochs",
        "a learning rate of 0.0005 instead of 0.0001",
    )
    with pytest.raises(ValueError, match="Received: 'mu_vae'. Did you mean"):
        mnist.get_config("mu_vae")


def test_the_sum_of_all_steps_is_the_same_in_reduced_mode():
    full, reduced = (mnist.get_config(mode) for mode in ("", "reduced"))
    sums = [c.train.epochs * c.optimizer.learning_rate for c in (full, reduced)]
    assert sums[0] == pytest.approx(sums[1])


def test_the_distortion_is_the_squared_error_up_to_its_constant(rng):
    model = zoo.build(model_config(toy.get_config("vae_tanh,tiny"), (28, 28, 1)))
    x = rng.random((5, 28, 28, 1)).astype("float32")
    parameters = model.decode(np.ones((5, 2), "float32"))
    log_prob = to_numpy(model.decoder.likelihood.distribution(parameters).log_prob(x))
    squared = np.sum((x - to_numpy(parameters["mean"])) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(-log_prob, squared + 392 * np.log(np.pi), rtol=1e-5)


def test_nine_toys_of_figure_1():
    assert len(toy.MODELS) == 9 == len(toy.get_config.families)
    for family, (row, activation) in toy.MODELS.items():
        config = toy.get_config(family)
        encoder = config.encoder.base if "base" in config.encoder else config.encoder
        assert encoder.activation == config.decoder.activation == activation
        assert ("radius" in config.encoder) == (row != "vae")
        assert config.objective.name == ("mu" if row == "mu_vae" else "beta")
        assert encoder.hidden_units == config.decoder.hidden_units == (512,) * 3


def test_a_toy_with_leaky_relu_of_slope_a_fifth_and_weights_by_glorot(rng):
    config = toy.get_config("mu_vae_leaky_relu")
    model = zoo.build(model_config(config, (28, 28, 1)))
    layer = model.encoder.base.hidden[1]
    kernel, bias = (to_numpy(weight) for weight in layer.weights)
    # Uniform with variance 2 / (N + N'): 512^2 draws, whose mean square is known to 0.2%.
    assert np.mean(kernel.astype("float64") ** 2) == pytest.approx(2 / 1024, rel=0.01)
    assert not bias.any()
    h = rng.normal(size=(3, 512)).astype("float32")
    a = h @ kernel
    np.testing.assert_allclose(to_numpy(layer(h)), np.where(a > 0, a, 0.2 * a), atol=1e-5)
