"""The golden file: inputs and the model's own outputs, which every runtime must reproduce."""

import functools

import keras
import numpy as np
import tensorflow as tf

from export.graphs import graphs_of
from zoo.backend import dtype_policy
from zoo.graph_spec import Example

SEED = 17
NUM_IMAGES = 8
NUM_LATENTS = 7
# In standard deviations of the prior: one normal in 16,000 lies this far out. It is not put in
# every coordinate at once: no prior draws that, and where logits of 100 cancel, float32 itself is
# no better than 1e-5.
LARGE = 4.0
_SUMS = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Conv2DTranspose)


def exact(model):
    """Returns a model of the same parts and weights whose networks compute in float64.

    A deep network in float32 is off by up to 1e-5 itself, as much as a runtime may be. The numbers
    of the golden file are therefore those of this one: sums are exact, and rounded to float32 after
    the layer. What is float32 under every policy takes and gives float32, its dense layers and
    convolutions (heads, a decoder's last layer) with sums in float64 too; flows stay as they are.
    """
    import zoo

    with dtype_policy("float64"):
        twin = zoo.build(zoo.vae_config(model))
    twin.set_weights(model.get_weights())
    for part in (twin.encoder, twin.decoder):
        _give_float32(part)
    for layer in twin._flatten_layers():
        if isinstance(layer, _SUMS) and layer.compute_dtype == "float32":
            _sum_in_float64(layer)
    return twin


def _give_float32(part):
    """Makes a part give float32, because a custom part may end with a layer in float64."""
    call = part.call

    @functools.wraps(call)
    def rounded(*arguments, **options):
        outputs = call(*arguments, **options)
        return {name: keras.ops.cast(value, "float32") for name, value in outputs.items()}

    part.call = rounded


def _sum_in_float64(layer):
    """Makes a built layer compute in float64 between its float32 input and output."""
    precise = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    precise.build(layer.get_build_config()["input_shape"])
    precise.set_weights(layer.get_weights())
    layer.call = lambda x, training=None: keras.ops.cast(precise(x), "float32")


def golden_arrays(model, images=None, seed=SEED, white=1, with_probability=False):
    """Returns the arrays of the golden file, `PART.NAME` -> float32.

    Images: up to 8 real ones, then all 0 and all white. Latents: 7 draws of the prior, the origin,
    +4 in the first coordinate, -4 in the last, in standard deviations of the prior where it has
    them. A flow encoder's sampler, the part `posterior`, gets
    the Gaussians of the images and normal noise. An autoregressive decoder gets the images too, in
    turn, and so does `density`. Its `sampler` gets noise that draws them. A learned
    prior gets normal noise. Outputs are those of Keras on the CPU (a GPU may round products to 10
    bits).

    Args:
        model: A `zoo.VAE`.
        images: Float images [N, H, W, C] in [0, 1] as the model was trained on, or `None` for
            random ones.
        seed: Int, for the prior's draws and random images.
        white: The largest value of a pixel: another than 1 where the data was scaled.
        with_probability: Whether with the parts of `export.probability`.

    Raises:
        ValueError: If the images do not fit, or an output is not finite; names it.
    """
    arrays = {}
    with tf.device("CPU:0"):
        image, z = _images(model, images, seed, white), _latents(model, seed)
        example = Example(image, z, seed, NUM_LATENTS)
        for graph in graphs_of(model, with_probability):
            inputs, outputs = graph.golden(example)
            outputs = graph.call(*inputs.values()) if outputs is None else outputs
            for name, value in {**inputs, **outputs}.items():
                key = f"{graph.part}.{name}"
                arrays[key] = _finite(key, np.asarray(value))
    return arrays


def _images(model, images, seed, white):
    shape = tuple(model.image_shape)
    if images is None:
        images = white * np.random.default_rng(seed).random((NUM_IMAGES, *shape))
    images = np.asarray(images[:NUM_IMAGES], np.float32)
    if images.shape[1:] != shape or images.min() < 0 or images.max() > white:
        raise ValueError(
            f"Expected golden images [N, {', '.join(map(str, shape))}] in [0, {white}]. Received: "
            f"shape={images.shape}, values from {images.min():g} to {images.max():g}"
        )
    return np.concatenate([images, np.zeros((1, *shape), "f4"), np.full((1, *shape), white, "f4")])


def _latents(model, seed):
    from zoo.backend import tfp_seed

    prior = model.marginal.distribution()
    draws = np.asarray(prior.sample(NUM_LATENTS, seed=tfp_seed(seed)), np.float32)
    hard = np.zeros((3, model.latent_dim), np.float32)
    scale = np.asarray(prior.stddev()) if hasattr(prior, "stddev") else np.ones(model.latent_dim)
    hard[1, 0], hard[2, -1] = LARGE * scale[0], -LARGE * scale[-1]
    return np.concatenate([draws, hard])


def _finite(name, array):
    if array.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"Expected {name} in float32: publish under the float32 policy. "
            f"Received: dtype={array.dtype}"
        )
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f"Expected finite outputs for the golden file. Received: {name} with "
            f"{int((~np.isfinite(array)).sum())} of {array.size} values not finite"
        )
    return array
