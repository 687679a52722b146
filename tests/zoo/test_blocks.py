"""What a model computes over many images: block by block, as NumPy, the same numbers."""

import keras
import numpy as np
import pytest

import zoo
from zoo.backend import BACKEND, fold_in, is_traced, tfp_seed, to_numpy
from zoo.blocks import in_blocks

SHAPE = (4, 4, 1)
COUNT = 11  # in blocks of 4: two whole ones and a part


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(17)
    decoder = zoo.MLPDecoder(3, SHAPE, [8], likelihood=zoo.Gaussian("learned"))
    return zoo.VAE(zoo.MLPEncoder(3, [8]), decoder)


class Rows(zoo.AutoregressiveDecoder):
    """Each pixel hangs on the latents and the pixel above it."""

    def __init__(self, latent_dim, image_shape, **kwargs):
        super().__init__(latent_dim, image_shape, **kwargs)
        self.dense = keras.layers.Dense(16)

    def build(self, latent_shape):
        self.dense.build(latent_shape)

    def network(self, z, x, training=False):
        above = keras.ops.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
        return keras.ops.reshape(self.dense(z), (-1, *SHAPE)) + 3 * above


@pytest.fixture(scope="module")
def autoregressive():
    keras.utils.set_random_seed(17)
    return zoo.VAE(zoo.MLPEncoder(3, [8]), Rows(3, SHAPE))


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (COUNT, *SHAPE)).astype("float32")


def _rows_seen(monkeypatch, part, name):
    """Returns a list that gets the number of rows of each call of a part's method."""
    rows, method = [], getattr(type(part), name)

    def keep(self, first, *arguments, **options):
        rows.append(len(first))
        return method(self, first, *arguments, **options)

    monkeypatch.setattr(type(part), name, keep)
    return rows


USES = {
    "sample": lambda model, x, **size: model.sample(COUNT, **size),
    "sample pixels": lambda model, x, **size: model.sample(COUNT, sample_pixels=True, **size),
    "reconstruct": lambda model, x, **size: model.reconstruct(x, **size),
    "reconstruct a draw": lambda model, x, **size: model.reconstruct(x, seed=3, **size),
    "encode": lambda model, x, **size: model.encode(x, **size)["scale"],
    "decode": lambda model, x, **size: model.decode(np.ones((COUNT, 3)), x, **size)["mean"],
}


@pytest.mark.parametrize("use", USES)
def test_blocks_change_memory_and_no_number(model, x, use, monkeypatch):
    images = None if use == "decode" else x
    whole = USES[use](model, images)
    encoded = _rows_seen(monkeypatch, model.encoder, "call")
    decoded = _rows_seen(monkeypatch, model.decoder, "network")
    blocks = USES[use](model, images, batch_size=4)
    assert type(whole) is type(blocks) is np.ndarray
    np.testing.assert_allclose(blocks, whole, rtol=1e-5, atol=1e-6)
    assert max([*encoded, *decoded]) == 4


@pytest.mark.parametrize("use", ["sample", "reconstruct a draw", "decode"])
def test_blocks_of_an_autoregressive_decoder_are_the_same_draws(autoregressive, x, use):
    whole = USES[use](autoregressive, x)
    np.testing.assert_allclose(USES[use](autoregressive, x, batch_size=4), whole, atol=1e-6)


def test_draws_are_those_of_the_parts(model):
    key = tfp_seed(5)
    z = model.marginal.distribution().sample(COUNT, seed=key)
    means = to_numpy(model.decoder.images(z))
    np.testing.assert_allclose(model.sample(COUNT, seed=5, batch_size=4), means, atol=1e-6)
    pixels = to_numpy(model.decoder.distribution(z).sample(seed=fold_in(key, 2)))
    received = model.sample(COUNT, seed=5, sample_pixels=True, batch_size=4)
    np.testing.assert_allclose(received, pixels, atol=1e-5)


def test_a_decoder_s_own_distribution_draws(model):
    class Own(zoo.MLPDecoder):
        def distribution(self, z, training=False):
            return super().distribution(z + 100.0, training)

    own = zoo.VAE(zoo.MLPEncoder(3, [8]), Own(3, SHAPE, [8], likelihood=zoo.Gaussian(1e-3)))
    key = tfp_seed(17)
    z = own.marginal.distribution().sample(2, seed=key)
    expected = to_numpy(own.decoder.distribution(z).sample(seed=fold_in(key, 2)))
    np.testing.assert_allclose(own.sample(2, sample_pixels=True), expected, rtol=1e-5)


def test_latents_of_any_leading_shape(model, x):
    z = np.random.default_rng(17).normal(size=(2, 3, COUNT, 3))
    received = model.decode(z, batch_size=5)
    assert {name: value.shape for name, value in received.items()} == dict.fromkeys(
        ("mean", "scale"), (2, 3, COUNT, *SHAPE)
    )
    one = model.decode(z[1, 2, 4])
    np.testing.assert_allclose(one["scale"], received["scale"][1, 2, 4], rtol=1e-5)


def test_tensors_come_out_of_a_compiled_function(model, x):
    seen = []

    def function(x):
        loc = model.encode(x)["loc"]
        mean = model.decode(loc)["mean"]
        constant = model.encode(np.ones((1, *SHAPE), "float32"))["loc"]
        seen.extend(is_traced(value) for value in (loc, mean, constant))
        return mean

    if BACKEND == "jax":
        import jax

        run = jax.jit(function)
    else:
        import tensorflow as tf

        run = tf.function(function)
    np.testing.assert_allclose(to_numpy(run(x)), model.reconstruct(x), rtol=1e-5, atol=1e-6)
    assert all(seen)


def test_training_is_one_batch(x):
    model = zoo.VAE(zoo.DCGANEncoder(3, [4]), zoo.MLPDecoder(3, SHAPE, [8]))
    whole = model.encoder(keras.ops.convert_to_tensor(x), training=True)["loc"]
    received = model.encode(x, training=True, batch_size=4)["loc"]
    np.testing.assert_allclose(received, to_numpy(whole), rtol=1e-5, atol=1e-6)


def test_what_all_rows_share_is_given_once():
    x = np.arange(6.0).reshape(6, 1)
    outputs = in_blocks(lambda x: {"x": 2 * x, "scale": np.float32(3)}, (x,), 4)
    np.testing.assert_array_equal(outputs["x"], 2 * x)
    assert outputs["scale"].shape == ()


def test_a_size_that_is_none_is_refused(model, x):
    for use in (lambda: model.sample(3, batch_size=0), lambda: model.encode(x, batch_size=1.5)):
        with pytest.raises(ValueError, match="batch_size"):
            use()
