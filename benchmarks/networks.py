"""Arithmetic of the benchmarked networks: multiply-adds an image, counted from their layers."""

import itertools

# Image side at each resolution of a gated convolution network, and its default depth.
_FULL, _HALF, _QUARTER, DEPTH = 28, 14, 7, 32
# A training step is one forward pass and two products of the same size backward (the gradient of
# a layer's input and of its kernel).
PASSES_PER_STEP = 3


def dense(inputs, outputs):
    """Returns the multiply-adds of a dense layer on one example."""
    return inputs * outputs


def convolution(side, kernel, inputs, outputs):
    """Returns the multiply-adds of a square convolution on one example.

        side^2 kernel^2 inputs outputs

    Args:
        side: Height and width of its output; of its input if it is a transposed convolution.
        kernel: Height and width of the kernel.
        inputs: Channels in.
        outputs: Channels out, both halves of a gated layer.
    """
    return side**2 * kernel**2 * inputs * outputs


def mlp(pixels=784, hidden=(200, 200, 200, 200), latents=2):
    """Returns the multiply-adds of encoder and decoder for one image, forward only."""
    inner = sum(dense(a, b) for a, b in itertools.pairwise(hidden))
    encoder = dense(pixels, hidden[0]) + inner + 2 * dense(hidden[-1], latents)
    decoder = dense(latents, hidden[0]) + inner + dense(hidden[-1], pixels)
    return encoder + decoder


def gated_conv(latents=64, depth=DEPTH):
    """Returns the multiply-adds of `gated_conv` and `gated_deconv` for one image of 28 x 28.

    Transposed convolutions are counted as published, kernel by kernel, however they are computed.
    """
    d = depth
    encoder = [
        convolution(_FULL, 5, 1, 2 * d),
        convolution(_HALF, 5, d, 2 * d),
        convolution(_HALF, 5, d, 4 * d),
        convolution(_QUARTER, 5, 2 * d, 4 * d),
        convolution(1, 7, 2 * d, 16 * d),
        2 * dense(8 * d, latents),
    ]
    decoder = [
        dense(latents, 2 * _QUARTER**2 * 2 * d),
        convolution(_QUARTER, 5, 2 * d, 4 * d),
        convolution(_QUARTER, 5, 2 * d, 4 * d),
        convolution(_HALF, 5, 2 * d, 2 * d),
        convolution(_HALF, 5, d, 2 * d),
        convolution(_FULL, 4, d, 2 * d),
        convolution(_FULL, 5, d, 1),
    ]
    return sum(encoder) + sum(decoder)


MULTIPLY_ADDS = {"mlp": mlp, "gated_conv": gated_conv}


def training_flops(network):
    """Returns floating-point operations a training example: two a multiply-add, three passes."""
    return 2 * PASSES_PER_STEP * MULTIPLY_ADDS[network]()
