"""Contender: this project's training step, through `fit` as `trainers.loop` calls it."""

import os

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import zoo
from configs.broken_elbo import mnist
from trainers import config as configs
from trainers import data, loop, runs
from zoo import inputs, optimizers

OPTIMIZERS = {"adam": optimizers.Adam, "normalized_adam": optimizers.NormalizedAdam}
LEARNING_RATE = 1e-3


def build(network, optimizer="adam", dtype_policy="float32", jit_compile="auto", steps=20):
    """Returns a compiled `zoo.VAE`.

    Args:
        network: "mlp" (784-200x4-2), "gated_conv" (the `---` network, 64 latents), or one of the
            twelve families of `broken_elbo`, for example `++v`.
        optimizer: "adam" or "normalized_adam".
        dtype_policy: "float32" or "mixed_bfloat16".
        jit_compile: "auto", "on" or "off", as in a config.
        steps: Steps an execution.
    """
    keras.utils.set_random_seed(17)
    policy = {"dtype": dtype_policy}
    if network == "mlp":
        model = zoo.VAE(zoo.MLPEncoder(2, **policy), zoo.MLPDecoder(2, **policy))
    elif network in mnist.get_config.families:
        config = mnist.get_config(network)
        with runs.dtype_policy(dtype_policy):
            model = zoo.build(configs.model_config(config, (28, 28, 1)))
    else:
        model = zoo.VAE(zoo.GatedConvEncoder(**policy), zoo.GatedDeconvDecoder(**policy))
    model.compile(
        OPTIMIZERS[optimizer](LEARNING_RATE),
        jit_compile=loop.resolve_jit(jit_compile, model),
        steps_per_execution=steps,
    )
    return model


def make(network, batch_size, images, callbacks=None, **options):
    """Returns `run(steps)`.

    Args:
        network: As `build` takes it.
        batch_size: Images a step.
        images: How many random ones to make.
        callbacks: Function of the model; returns what `fit` takes. None for no callbacks.
        **options: Of `build`.
    """
    model = build(network, **options)
    pixels = np.random.default_rng(17).integers(0, 256, (images, 28, 28, 1), np.uint8)
    dataset = data.Dataset("noise", "train", pixels, binarisation="static")
    start = [0]

    def run(steps):
        stream = data.training_batches(dataset, batch_size, seed=17, first_step=start[0])
        if keras.backend.backend() == "jax":
            stream = ((batch,) for batch in stream)
        stream = inputs.trusted(stream)
        start[0] += steps
        listed = callbacks(model) if callbacks else None
        model.fit(
            stream, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False, callbacks=listed
        )

    run.multiple = options.get("steps", 20)
    return run
