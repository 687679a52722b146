"""The autoregressive decoder: causal, normalised, and drawn the fast way as the slow way."""

import itertools

import keras
import numpy as np
import pytest

import zoo
from zoo.backend import BACKEND, compiled, to_numpy
from zoo.decoders import incremental
from zoo.decoders.autoregressive import draw_slowly
from zoo.layers import CausalConv2D, GatedResidual

LATENTS = 2


def _decoder(rng, shape, depth=4, **kwargs):
    """A decoder whose every weight matters: random biases, and blocks far from the identity."""
    keras.utils.set_random_seed(17)  # the first weights, which have no seed of their own
    decoder = zoo.PixelCNNDecoder(LATENTS, (*shape, 1), depth=depth, **kwargs)
    decoder.build((None, LATENTS))
    for weight in decoder.trainable_variables:
        fan_in = max(1, int(np.prod(weight.shape[:-1])))
        weight.assign(weight + rng.normal(size=weight.shape) / np.sqrt(fan_in))
    return decoder


@pytest.fixture(scope="module")
def small(request):
    """One decoder of 4 x 4 pixels for many tests: its sampler takes seconds to compile."""
    rng = np.random.default_rng(request.config.seed)
    return _decoder(rng, (4, 4), num_resnets=1)


def _logits(decoder):
    return compiled(lambda z, x: decoder(z, x)["logits"], decoder.variables)


@pytest.mark.parametrize("shape", [(8, 8), (5, 6)])
def test_a_pixel_sees_those_before_it_and_no_other(rng, shape):
    decoder, pixels = _decoder(rng, shape), shape[0] * shape[1]
    z = np.repeat(rng.normal(size=(1, LATENTS)), pixels, axis=0).astype("float32")
    x = np.repeat(rng.integers(0, 2, (1, pixels)), pixels, axis=0).astype("float32")
    flipped = np.where(np.eye(pixels), 1 - x, x)
    # Row by row of batches of one size: a row's place in its batch may decide how sums are rounded.
    network = _logits(decoder)
    before, after = (
        to_numpy(network(z, images.reshape(-1, *shape, 1).astype("float32"))).reshape(x.shape)
        for images in (x, flipped)
    )
    depends = before != after  # [flipped pixel, pixel that is predicted]
    assert not np.tril(depends).any()
    assert depends[np.triu_indices(pixels, 1)].mean() > 0.95


@pytest.mark.parametrize("shape", [(8, 8), (5, 6)])
def test_every_pixel_but_the_first_sees_the_latents(rng, shape):
    decoder, count = _decoder(rng, shape), 8
    z = rng.normal(size=(count, LATENTS)).astype("float32")
    x = np.repeat(rng.integers(0, 2, (1, *shape, 1)), count, axis=0).astype("float32")
    logits = to_numpy(_logits(decoder)(z, x))[..., 0]
    spread = np.ptp(logits, axis=0)
    # The plane of latents is shifted with the image: before pixel (0, 0) there is nothing of it.
    assert spread[0, 0] < 1e-5 < 1e-3 < np.delete(spread.ravel(), 0).min()


def test_probabilities_of_all_images_of_nine_pixels_sum_to_one(rng):
    decoder = _decoder(rng, (3, 3))
    x = np.array(list(itertools.product([0, 1], repeat=9)), "float32").reshape(-1, 3, 3, 1)
    z = rng.normal(size=(1, LATENTS)).astype("float32")
    log_prob = to_numpy(decoder.distribution(np.repeat(z, 512, axis=0)).log_prob(x))
    assert np.ptp(log_prob) > 1
    np.testing.assert_allclose(np.exp(log_prob.astype("float64")).sum(), 1.0, rtol=1e-5)


def test_draws_have_the_frequencies_of_the_distribution(rng, seed):
    decoder, count = _decoder(rng, (2, 2), num_resnets=1), 4000
    x = np.array(list(itertools.product([0, 1], repeat=4)), "float32").reshape(-1, 2, 2, 1)
    z = rng.normal(size=(1, LATENTS)).astype("float32")
    expected = np.exp(to_numpy(decoder.distribution(np.repeat(z, 16, axis=0)).log_prob(x)))
    draws = to_numpy(decoder.distribution(z).sample(count, seed=seed))
    assert draws.shape == (count, 1, 2, 2, 1)
    numbers = draws.reshape(count, 4) @ [8, 4, 2, 1]
    found = np.bincount(numbers.astype(int), minlength=16) / count
    error = np.sqrt(expected * (1 - expected) / count)
    assert np.all(np.abs(found - expected) < 5 * error + 1e-6)


# Five rows have every kind of row; tracing each costs seconds.
@pytest.mark.parametrize(
    ("shape", "num_resnets"), [((5, 6), 1), pytest.param((8, 12), 2, marks=pytest.mark.slow)]
)
def test_the_fast_sampler_draws_the_same_pixels(rng, shape, num_resnets, monkeypatch):
    traced, row = [], incremental._row

    def counted(parts, kind, *arguments):
        traced.append(kind)
        return row(parts, kind, *arguments)

    monkeypatch.setattr(incremental, "_row", counted)
    decoder = _decoder(rng, shape, num_resnets=num_resnets)
    z = rng.normal(size=(6, LATENTS)).astype("float32")
    noise = rng.random((6, *shape, 1)).astype("float32")
    slow = to_numpy(draw_slowly(decoder, z, noise))
    assert 0.1 < slow.mean() < 0.9
    np.testing.assert_array_equal(to_numpy(decoder.draw(z, noise)), slow)
    np.testing.assert_array_equal(to_numpy(decoder.draw(z[:2], noise[:2])), slow[:2])
    if BACKEND == "tensorflow":  # traced once a kind of row, not again for another batch
        assert sorted(traced) == sorted({incremental.kind_of(i) for i in range(shape[0])})


def test_the_fast_sampler_reads_the_weights_of_the_moment(rng, small):
    z = rng.normal(size=(3, LATENTS)).astype("float32")
    noise = rng.random((3, 4, 4, 1)).astype("float32")
    for sign in (1.0, -1.0):
        for weight in small.trainable_variables:
            weight.assign(sign * weight)
        slow = to_numpy(draw_slowly(small, z, noise))
        np.testing.assert_array_equal(to_numpy(small.draw(z, noise)), slow)


def test_images_are_the_same_on_every_call_and_draws_differ_by_seed(rng, small):
    z = rng.normal(size=(2, 3, LATENTS)).astype("float32")
    images = to_numpy(small.images(z))
    assert images.shape == (2, 3, 4, 4, 1)
    assert set(np.unique(images)) <= {0.0, 1.0}
    np.testing.assert_array_equal(to_numpy(small.images(z)), images)
    assert np.any(to_numpy(small.images(z, seed=18)) != images)


def test_log_prob_of_several_latents_an_image(rng, small):
    z = rng.normal(size=(3, 2, LATENTS)).astype("float32")
    x = rng.integers(0, 2, (2, 4, 4, 1)).astype("float32")
    together = to_numpy(small.distribution(z).log_prob(x))
    assert together.shape == (3, 2)
    for k in range(3):
        alone = to_numpy(small.distribution(z[k]).log_prob(x))
        np.testing.assert_allclose(together[k], alone, rtol=1e-5)


def test_draws_shown_with_a_bar(small, capsys):
    model = zoo.VAE(zoo.MLPEncoder(LATENTS, hidden_units=(3,)), small)
    model.sample(3)
    assert capsys.readouterr().out == ""
    model.sample(3, progress=True)
    assert "4/4" in capsys.readouterr().out


def test_under_mixed_precision_it_draws_and_its_logits_are_float32(rng):
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        decoder = _decoder(rng, (2, 2), num_resnets=1)
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)
    z = rng.normal(size=(2, LATENTS)).astype("float32")
    images = decoder.images(z)
    assert to_numpy(images).dtype == np.float32
    assert keras.backend.standardize_dtype(decoder(z, images)["logits"].dtype) == "float32"


def test_what_it_cannot_do():
    with pytest.raises(ValueError, match="one channel.*image_shape=\\(8, 8, 3\\)"):
        zoo.PixelCNNDecoder(LATENTS, (8, 8, 3))
    with pytest.raises(ValueError, match="likelihood='gaussian'"):
        zoo.PixelCNNDecoder(LATENTS, (8, 8, 1), likelihood="gaussian")
    decoder = zoo.PixelCNNDecoder(LATENTS, (4, 4, 1), depth=2)
    with pytest.raises(ValueError, match="give x too"):
        decoder(np.zeros((1, LATENTS), "float32"))
    with pytest.raises(ValueError, match="direction='up'"):
        CausalConv2D(2, (2, 3), direction="up")


@pytest.mark.parametrize("direction", ["down", "down_right"])
def test_causal_convolution_is_the_printed_sum(rng, direction):
    layer = CausalConv2D(3, (2, 3), direction=direction, bias_initializer="ones")
    x = rng.normal(size=(1, 4, 5, 2)).astype("float32")
    found = to_numpy(layer(x))[0]
    kernel, left = to_numpy(layer.kernel), 2 if direction == "down_right" else 1
    for r, c in itertools.product(range(4), range(5)):
        expected = np.ones(3)
        for i, j in itertools.product(range(2), range(3)):
            row, column = r - 1 + i, c - left + j
            if 0 <= row < 4 and 0 <= column < 5:
                expected = expected + x[0, row, column] @ kernel[i, j]
        np.testing.assert_allclose(found[r, c], expected, rtol=1e-4, atol=1e-5)
    copy = CausalConv2D.from_config(layer.get_config())
    assert (copy.direction, copy.margins) == (direction, layer.margins)


def test_residual_block_is_the_printed_formula(rng):
    block = GatedResidual(3, (2, 2), "down_right", has_aside=True)
    x = rng.normal(size=(1, 4, 4, 3)).astype("float32")
    aside = rng.normal(size=(1, 4, 4, 5)).astype("float32")
    found = to_numpy(block(x, aside))

    def gate(doubled):
        return doubled[..., :3] / (1 + np.exp(-doubled[..., 3:]))

    h = gate(to_numpy(block.first(x)) + aside @ to_numpy(block.aside.kernel))
    expected = x + gate(to_numpy(block.second(h)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
