"""Convolutional encoders and decoders against their printed formulas, layer by layer in NumPy."""

import keras
import numpy as np
import pytest

import zoo
from zoo.backend import to_numpy


def _drawn(part, shape, rng):
    """Returns `part`, built, with weights of its own for each layer, variances among them."""
    part.build(shape)
    for weight in part.weights:
        value = rng.normal(size=weight.shape) / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        weight.assign(0.5 + np.abs(value) if weight.name == "moving_variance" else value)
    return part


def _bias(layer):
    return to_numpy(layer.bias) if layer.use_bias else 0.0


def _dense(h, layer):
    return h.reshape(len(h), -1) @ to_numpy(layer.kernel) + _bias(layer)


def _conv(h, layer, strides=1, padding="same"):
    return to_numpy(keras.ops.conv(h, layer.kernel, strides, padding)) + _bias(layer)


def _deconv(h, layer):
    return to_numpy(keras.ops.conv_transpose(h, layer.kernel, 2, "same")) + _bias(layer)


def _gate(doubled):
    linear, gate = np.split(doubled, 2, axis=-1)
    return linear / (1 + np.exp(-gate))


def _leaky(h):
    return np.where(h > 0, h, 0.2 * h)


def _normal_relu(h, norm):
    """ReLU of a batch norm out of training: running moments, an epsilon of 1e-5."""
    gamma, beta, mean, variance = (
        to_numpy(w) for w in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    return np.maximum(gamma * (h - mean) / np.sqrt(variance + 1e-5) + beta, 0)


def _gated_conv(part, x):
    h = 2 * x - 1
    for layer, strides in zip(part.maps, (1, 2, 1, 2)):
        h = _gate(_conv(h, layer.doubled, strides))
    return _gate(_conv(h, part.whole.doubled, 1, "valid"))


def _small_conv(part, x):
    for layer, strides in zip(part.maps, (1, 2, 2)):
        x = _leaky(_conv(x, layer, strides))
    return x


def _dcgan_encoder(part, x):
    for layer, norm in zip(part.maps, part.norms):
        x = _normal_relu(_conv(x, layer, 2), norm)
    return x


def _root_of_softplus(a):
    return np.sqrt(np.log1p(np.exp(a)))


def _of_log_variance(a):
    return np.exp(a / 2)


def _gated_deconv(part, z):
    h = _gate(_dense(z, part.first.doubled)).reshape(-1, 2, 3, 4)
    for layer, strides in zip(part.maps, (1, 2, 1, 2, 1), strict=True):
        h = _gate((_conv if strides == 1 else _deconv)(h, layer.doubled))
    return _conv(h, part.pixels)


def _small_deconv(part, z):
    h = _leaky(_dense(z, part.first)).reshape(-1, 2, 3, 4)
    h = _leaky(_deconv(_leaky(_conv(h, part.maps[0])), part.maps[1]))
    return _deconv(h, part.pixels)


def _dcgan_decoder(part, z):
    h = _dense(z, part.first).reshape(-1, 2, 3, 4)
    for layer, norm in zip(part.maps, part.norms, strict=True):
        h = _normal_relu(_deconv(h, layer), norm)
    return _conv(h, part.pixels)


SHAPE = (8, 12, 1)
ENCODERS = {
    "gated_conv": (lambda: zoo.GatedConvEncoder(2, depth=3), _gated_conv, _root_of_softplus),
    "small_conv": (lambda: zoo.SmallConvEncoder(2, depth=3), _small_conv, _of_log_variance),
    "dcgan": (lambda: zoo.DCGANEncoder(2, (3, 4)), _dcgan_encoder, _of_log_variance),
}
DECODERS = {
    "gated_deconv": (lambda: zoo.GatedDeconvDecoder(2, SHAPE, depth=2), _gated_deconv),
    "small_deconv": (lambda: zoo.SmallDeconvDecoder(2, SHAPE, depth=4), _small_deconv),
    "dcgan": (lambda: zoo.DCGANDecoder(2, SHAPE, (4, 3, 2)), _dcgan_decoder),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_its_printed_network(name, rng):
    make, features, scale = ENCODERS[name]
    encoder, x = _drawn(make(), (None, *SHAPE), rng), rng.random((3, *SHAPE)).astype("float32")
    h, found = features(encoder, x), to_numpy(encoder(x))
    loc = _dense(h, encoder.head.loc_layer)
    assert np.abs(loc).max() > 0.1
    np.testing.assert_allclose(found["loc"], loc, rtol=1e-4, atol=1e-5)
    expected = scale(_dense(h, encoder.head.scale_layer))
    np.testing.assert_allclose(found["scale"], expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_is_its_printed_network(name, rng):
    make, formula = DECODERS[name]
    decoder, z = _drawn(make(), (None, 2), rng), rng.normal(size=(3, 2)).astype("float32")
    expected = formula(decoder, z)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(to_numpy(decoder(z)["logits"]), expected, rtol=1e-4, atol=1e-5)
