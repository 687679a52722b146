"""Contender: training, sampling and NLL of the four networks of this project, on one device."""

import os

import numpy as np

import zoo
from zoo import backend, optimizers

PARTS = {
    "mlp": ("mlp", "mlp", 2, {}, {}),
    "gated_conv": ("gated_conv", "gated_deconv", 64, {"depth": 2}, {"depth": 2}),
    "dcgan": ("dcgan", "dcgan", 8, {"width": 0.02}, {"width": 0.02}),
    "pixelcnn": ("gated_conv", "pixelcnn", 64, {"depth": 2}, {"depth": 2, "num_resnets": 1}),
}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def build(network, dtype="bfloat16", tiny=False, steps=1):
    """Returns a compiled `zoo.VAE` of a network.

    Args:
        network: A name of `PARTS`.
        dtype: "float32", in which matrix products are TF32 on a GPU, or "bfloat16".
        tiny: Whether to make a small network, to see it work.
        steps: Steps an execution.
    """
    zoo.load_parts(needed_by=__name__)
    encoder, decoder, latents, small_encoder, small_decoder = PARTS[network]
    common = {"latent_dim": latents}
    with backend.dtype_policy(POLICIES[dtype]):
        model = zoo.VAE(
            {"name": encoder, **common, **(small_encoder if tiny else {})},
            {"name": decoder, **common, **(small_decoder if tiny else {})},
        )
    model.compile(
        optimizers.Adam(1e-3), jit_compile=backend.prefer_xla(model), steps_per_execution=steps
    )
    return model


def make(network, task, batch_size, dtype="bfloat16", tiny=False, samples=16):
    """Returns `run(steps)`; arguments as those of `benchmarks.gpu_torch`."""
    allow_tf32()
    steps = 2 if tiny else 20
    model = build(network, dtype, tiny, steps if task == "train" else 1)
    pixels = np.random.default_rng(17).random((batch_size, 28, 28, 1)) > 0.5
    images = pixels.astype("float32")

    def train(count):
        model.fit((((images,)) for _ in range(count)), steps_per_epoch=count, verbose=0)

    def sample(count):
        for seed in range(count):
            model.sample(batch_size, seed=seed, batch_size=batch_size)

    def nll(count):
        for seed in range(count):
            model.log_prob(images, num_samples=samples, seed=seed)

    run = {"train": train, "sample": sample, "nll": nll}[task]
    if task == "train":
        run.multiple = steps
    return run


def allow_tf32():
    """Lets float32 matrix products use TF32 units; before anything is computed."""
    if backend.BACKEND == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
