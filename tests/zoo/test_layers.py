"""Shared layers against the formulas they stand for."""

import keras
import numpy as np
import pytest

import zoo
from zoo.backend import BACKEND, to_numpy
from zoo.layers import GatedConv2D, GatedConv2DTranspose, GatedDense, GaussianHead
from zoo.layers.gated import HalvedGlorotUniform, _Gated, gate


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_gated_dense_is_the_printed_formula(rng):
    layer = GatedDense(5)
    x = rng.normal(size=(4, 3)).astype("float32")
    layer.build(x.shape)
    layer.doubled.bias.assign(rng.normal(size=10))
    kernel, bias = to_numpy(layer.doubled.kernel), to_numpy(layer.doubled.bias)
    expected = (x @ kernel[:, :5] + bias[:5]) * _sigmoid(x @ kernel[:, 5:] + bias[5:])
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)


def test_gated_convolution_is_two_convolutions(rng):
    layer = GatedConv2D(5, 3, 2)
    x = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    layer.build(x.shape)
    kernel = layer.doubled.kernel
    linear = keras.ops.conv(x, kernel[..., :5], 2, "same")
    gate = keras.ops.conv(x, kernel[..., 5:], 2, "same")
    expected = to_numpy(linear) * _sigmoid(to_numpy(gate))
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX fuses by itself")
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_fused_gate_of_training_is_the_gate_and_its_gradient(rng, dtype, xla):
    import tensorflow as tf

    x = tf.cast(rng.normal(size=(4, 3, 3, 10)) * 5, dtype)

    def value_and_gradient(x, training):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = _Gated()._split_and_gate(x, training)
            loss = tf.reduce_sum(tf.cast(y, "float32") ** 2)
        return y, tape.gradient(loss, x)

    plain = value_and_gradient(x, False)
    fused = tf.function(value_and_gradient, jit_compile=xla)(x, True)
    for ours, expected in zip(fused, plain):
        assert ours.dtype == expected.dtype == dtype
        # Relative to the largest: bfloat16 has 8 bits, and the plain gradient rounds on its way.
        scale = np.abs(np.float32(expected)).max()
        tolerance = scale * (1e-6 if dtype == "float32" else 2**-7)
        np.testing.assert_allclose(np.float32(ours), np.float32(expected), atol=tolerance)


@pytest.mark.parametrize("layer_class", [GatedConv2D, GatedConv2DTranspose])
@pytest.mark.parametrize("strides", [1, 2])
def test_both_halves_are_glorot_uniform_of_their_own_fan_out(layer_class, strides):
    keras.utils.set_random_seed(17)
    layer = layer_class(32, 5, strides)
    layer.build((None, 14, 14, 64))
    kernel = to_numpy(layer.doubled.kernel)
    transposed = isinstance(layer.doubled, keras.layers.Conv2DTranspose)
    output_axis = 2 if transposed else 3
    limit = np.sqrt(6 / (25 * 64 + 25 * 32))
    for half in np.split(kernel, 2, axis=output_axis):
        assert np.abs(half).max() <= limit
        # The variance of U(-l, l) is l^2 / 3; its estimate from n numbers has a relative
        # standard deviation of sqrt(0.8 / n).
        tolerance = 5 * np.sqrt(0.8 / half.size)
        assert abs(half.var() / (limit**2 / 3) - 1) < tolerance
    assert abs(np.corrcoef(*map(np.ravel, np.split(kernel, 2, axis=output_axis)))[0, 1]) < 0.05


def test_halves_of_one_seed_differ_and_repeat():
    draws = [to_numpy(HalvedGlorotUniform(seed=3)((4, 10))) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert np.abs(draws[0][:, :5] - draws[0][:, 5:]).min() > 0


@pytest.mark.parametrize(("side", "padding"), [(5, "valid"), (6, "valid"), (5, "same")])
def test_a_convolution_that_covers_the_map_is_one_product(rng, side, padding):
    x = rng.normal(size=(3, side, 5, 4)).astype("float32")
    layer = GatedConv2D(6, (5, 5), padding=padding)
    layer.build(x.shape)
    layer.doubled.bias.assign(rng.normal(size=12))
    found = layer(x)
    assert layer.is_product == ((side, padding) == (5, "valid"))
    expected = gate(layer.doubled(x))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_stride_one_transposed_convolution_is_a_convolution_turned_round(rng):
    x = rng.normal(size=(2, 7, 7, 3)).astype("float32")
    kernel = rng.normal(size=(5, 5, 4, 3)).astype("float32")  # rows, columns, out, in
    transposed = keras.ops.conv_transpose(x, kernel, 1, "same")
    turned = np.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
    ordinary = keras.ops.conv(x, turned, 1, "same")
    np.testing.assert_allclose(to_numpy(transposed), to_numpy(ordinary), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("scale", "formula"),
    [
        ("softplus_scale", lambda a: np.log1p(np.exp(a)) + 1e-5),
        ("softplus_variance", lambda a: np.sqrt(np.log1p(np.exp(a)))),
        ("log_variance", lambda a: np.exp(a / 2) + 1e-5),
        (0.25, lambda a: np.full_like(a, 0.25)),
    ],
)
def test_gaussian_head(rng, scale, formula):
    head = GaussianHead(3, scale)
    features = rng.normal(size=(4, 6)).astype("float32")
    head.build(features.shape)
    raw = features @ to_numpy(head.scale_layer.kernel) if head.scale_layer else np.zeros((4, 3))
    out = to_numpy(head(features))
    np.testing.assert_allclose(out["scale"], formula(raw), rtol=1e-5)
    np.testing.assert_allclose(
        out["loc"], features @ to_numpy(head.loc_layer.kernel), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("scale", ["softplus_scale", "softplus_variance", "log_variance"])
def test_gaussian_head_stays_positive_at_hard_points(scale):
    head = GaussianHead(1, scale)
    head.build((None, 1))
    head.scale_layer.kernel.assign([[1.0]])
    out = to_numpy(head(np.float32([[-100.0], [0.0], [80.0]])))["scale"]
    assert np.all(np.isfinite(out))
    assert np.all(out > 0)


@pytest.mark.parametrize("scale", ["softplus", 0.0, -1, None, False])
def test_gaussian_head_refuses(scale):
    with pytest.raises(ValueError, match="`scale` must be one of"):
        GaussianHead(3, scale)


def test_small_convolutions_start_with_variance_two_over_their_inputs():
    keras.utils.set_random_seed(17)
    model = zoo.VAE(zoo.SmallConvEncoder(10), zoo.SmallDeconvDecoder(10))
    encoder, decoder = model.encoder, model.decoder
    for layer, inputs in (
        (encoder.maps[0], 9),
        (encoder.maps[1], 9 * 64),
        (decoder.first, 10),
        (decoder.maps[0], 9 * 64),
        (decoder.maps[1], 9 * 64),
        (decoder.pixels, 9 * 32),
    ):
        kernel = to_numpy(layer.kernel)
        # The variance of n normal draws has a relative standard deviation of sqrt(2 / n).
        tolerance = 5 * np.sqrt(2 / kernel.size)
        assert abs(kernel.var() * inputs / 2 - 1) < tolerance


def test_no_two_layers_of_the_small_convolutions_start_alike():
    keras.utils.set_random_seed(17)
    model = zoo.VAE(zoo.SmallConvEncoder(10), zoo.SmallDeconvDecoder(10))
    head, decoder = model.encoder.head, model.decoder
    pairs = [
        (head.loc_layer.kernel, head.scale_layer.kernel),
        (decoder.maps[1].kernel, decoder.pixels.kernel),
    ]
    for pair in pairs:
        one, other = (to_numpy(kernel).ravel() for kernel in pair)
        size = min(len(one), len(other))
        # Of independent numbers: five standard deviations, 1 / sqrt(n) each.
        assert abs(np.corrcoef(one[:size], other[:size])[0, 1]) < 5 / np.sqrt(size)


def test_dense_layers_start_as_their_initializer_says_each_with_numbers_of_its_own():
    keras.utils.set_random_seed(17)
    name = "he_normal"
    model = zoo.VAE(
        zoo.MLPEncoder(200, kernel_initializer=name), zoo.MLPDecoder(200, kernel_initializer=name)
    )
    encoder, decoder = model.encoder, model.decoder
    layers = [*encoder.hidden, encoder.head.loc_layer, encoder.head.scale_layer]
    layers += [*decoder.hidden, decoder.pixels]
    kernels = [to_numpy(layer.kernel) for layer in layers]
    assert len({kernel.sum() for kernel in kernels}) == len(layers) == 11
    for kernel in kernels:
        # The kurtosis of a normal variable cut at two standard deviations is below 3.
        tolerance = 5 * np.sqrt(2 / kernel.size)
        assert abs(kernel.var() * len(kernel) / 2 - 1) < tolerance


@pytest.mark.parametrize("part", [zoo.MLPEncoder, zoo.MLPDecoder])
def test_dense_parts_refuse_an_initializer_that_would_repeat_itself(part):
    with pytest.raises(ValueError, match="Expected the name of a Keras initializer"):
        part(2, kernel_initializer=keras.initializers.HeNormal(seed=3))
    with pytest.raises(ValueError, match="he_norm"):
        part(2, kernel_initializer="he_norm")
