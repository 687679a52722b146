"""The DCGAN networks: the printed shapes, and batch norms that know training from use."""

import numpy as np
import pytest

import zoo
from zoo.backend import to_numpy


def test_the_printed_shapes():
    encoder = zoo.DCGANEncoder(8)
    encoder.build((None, 28, 28, 1))
    kernels = [tuple(layer.kernel.shape) for layer in encoder.maps]
    depths = [(1, 128), (128, 256), (256, 512), (512, 1024)]
    assert kernels == [(4, 4, *pair) for pair in depths]
    assert encoder.head.loc_layer.kernel.shape == (2 * 2 * 1024, 8)
    decoder = zoo.DCGANDecoder(8, likelihood={"name": "gaussian", "mean_activation": "sigmoid"})
    decoder.build((None, 8))
    assert decoder.first.kernel.shape == (8, 7 * 7 * 1024)
    kernels = [tuple(layer.kernel.shape) for layer in [*decoder.maps, decoder.pixels]]
    assert kernels == [(4, 4, 512, 1024), (4, 4, 256, 512), (4, 4, 256, 1)]


@pytest.mark.parametrize(
    ("side", "filters", "first"), [(64, (1024, 512, 256, 128), 8), (32, (1024, 512, 256), 8)]
)
def test_colour_images(side, filters, first):
    shape = (side, side, 3)
    decoder = zoo.DCGANDecoder(
        5, shape, filters, kernel_size=5, width=1 / 128, likelihood="gaussian"
    )
    assert to_numpy(decoder(np.zeros((2, 5), "float32"))["mean"]).shape == (2, *shape)
    assert decoder.to_map.target_shape == (first, first, 8)
    encoder = zoo.DCGANEncoder(5, kernel_size=5, width=1 / 128)
    assert to_numpy(encoder(np.zeros((2, *shape), "float32"))["loc"]).shape == (2, 5)


def test_batch_norms_use_the_batch_in_training_and_running_moments_elsewhere(rng):
    encoder = zoo.DCGANEncoder(3, filters=(4, 6))
    x = rng.random((8, 8, 8, 1)).astype("float32")
    alone = to_numpy(encoder(x[:1])["loc"])
    np.testing.assert_allclose(to_numpy(encoder(x)["loc"])[:1], alone, rtol=1e-4, atol=1e-6)
    in_training = to_numpy(encoder(x, training=True)["loc"])[:1]
    assert not np.allclose(to_numpy(encoder(x[:4], training=True)["loc"])[:1], in_training)
    # Those two calls moved the running moments.
    assert not np.allclose(to_numpy(encoder(x[:1])["loc"]), alone)


def test_what_they_cannot_do():
    with pytest.raises(ValueError, match="divisible by 8. Received: image_shape=\\(28, 28, 1\\)"):
        zoo.DCGANDecoder(8, (28, 28, 1), filters=(8, 8, 8, 8))
    with pytest.raises(ValueError, match="width above 0. Received: .*width=0"):
        zoo.DCGANEncoder(8, width=0)
