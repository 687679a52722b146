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


def gated_conv_encoder(latents=64, depth=DEPTH):
    """Returns the multiply-adds of `gated_conv` for one image of 28 x 28."""
    d = depth
    return sum(
        [
            convolution(_FULL, 5, 1, 2 * d),
            convolution(_HALF, 5, d, 2 * d),
            convolution(_HALF, 5, d, 4 * d),
            convolution(_QUARTER, 5, 2 * d, 4 * d),
            convolution(1, 7, 2 * d, 16 * d),
            2 * dense(8 * d, latents),
        ]
    )


def gated_deconv(latents=64, depth=DEPTH):
    """Returns the multiply-adds of `gated_deconv` for one image of 28 x 28.

    Transposed convolutions are counted as published, kernel by kernel, however they are computed.
    """
    d = depth
    return sum(
        [
            dense(latents, 2 * _QUARTER**2 * 2 * d),
            convolution(_QUARTER, 5, 2 * d, 4 * d),
            convolution(_QUARTER, 5, 2 * d, 4 * d),
            convolution(_HALF, 5, 2 * d, 2 * d),
            convolution(_HALF, 5, d, 2 * d),
            convolution(_FULL, 4, d, 2 * d),
            convolution(_FULL, 5, d, 1),
        ]
    )


def gated_conv(latents=64, depth=DEPTH):
    """Returns the multiply-adds of `gated_conv` and `gated_deconv` for one image of 28 x 28."""
    return gated_conv_encoder(latents, depth) + gated_deconv(latents, depth)


def pixelcnn(latents=64, depth=64, num_resnets=2):
    """Returns the multiply-adds of `pixelcnn` for one image of 28 x 28: both streams."""
    d, sides = depth, (_FULL, _HALF, _QUARTER)
    total = dense(latents, 2 * _FULL**2) + _FULL**2 * (6 + 3 + 2) * 2 * d + _FULL**2 * d
    for kernel, aside_down, aside_up in ((6, 0, d), (4, d, 2 * d)):  # vertical, horizontal
        for side in sides:
            convolutions = 2 * kernel * d * 2 * d  # two a residual layer
            blocks = 2 * convolutions + (aside_down + aside_up) * 2 * d  # one down, one up
            total += num_resnets * side**2 * blocks
        for side in sides[1:]:
            total += 2 * side**2 * kernel * d * d  # to this size, and from it
    return total


def flow(latents=64, hidden=640, steps=4):
    """Returns the multiply-adds of the MADEs of one flow for one example, masks not deducted."""
    return steps * (2 * dense(latents, hidden) + dense(hidden, hidden))


def family(name, batch_size, pseudo_inputs=500):
    """Returns the multiply-adds an image of one of the twelve families of `broken_elbo`.

    Args:
        name: For example `-+v`.
        batch_size: Images that share one pass of the encoder over a VampPrior's pseudo-inputs.
        pseudo_inputs: Pseudo-inputs of the VampPrior.
    """
    encoder, decoder, marginal = name
    total = gated_conv_encoder() + (flow() if encoder == "+" else 0)
    total += pixelcnn() if decoder == "+" else gated_deconv()
    if marginal == "+":
        total += flow()
    if marginal == "v":
        total += pseudo_inputs * gated_conv_encoder() / batch_size
    return total


def mlp_decoder(pixels=784, hidden=(200, 200, 200, 200), latents=2):
    """Returns the multiply-adds of the dense decoder for one image."""
    inner = sum(dense(a, b) for a, b in itertools.pairwise(hidden))
    return dense(latents, hidden[0]) + inner + dense(hidden[-1], pixels)


def dcgan_encoder(latents=8, depths=(128, 256, 512, 1024)):
    """Returns the multiply-adds of the encoder `dcgan` for one image of 28 x 28."""
    maps = zip((14, 7, 4, 2), itertools.pairwise((1, *depths)))
    head = 2 * dense(2 * 2 * depths[-1], latents)
    return sum(convolution(side, 4, a, b) for side, (a, b) in maps) + head


def dcgan_decoder(latents=8, depths=(1024, 512, 256)):
    """Returns the multiply-adds of the decoder `dcgan` for one image of 28 x 28.

    Transposed convolutions are counted at their input, where each kernel is applied once.
    """
    first, second, third = depths
    maps = convolution(_QUARTER, 4, first, second) + convolution(_HALF, 4, second, third)
    return dense(latents, _QUARTER**2 * first) + maps + convolution(_FULL, 4, third, 1)


def halves(network):
    """Returns the multiply-adds of encoder and decoder of a network for one image."""
    return {
        "mlp": (mlp() - mlp_decoder(), mlp_decoder()),
        "gated_conv": (gated_conv_encoder(), gated_deconv()),
        "dcgan": (dcgan_encoder(), dcgan_decoder()),
        "pixelcnn": (gated_conv_encoder(), pixelcnn()),
    }[network]


MULTIPLY_ADDS = {"mlp": mlp, "gated_conv": gated_conv}


def training_flops(network):
    """Returns floating-point operations a training example: two a multiply-add, three passes."""
    return 2 * PASSES_PER_STEP * MULTIPLY_ADDS[network]()
