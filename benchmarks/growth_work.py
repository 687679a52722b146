"""One point of `benchmarks.growth`: compiles, says so, waits for a line, measures, prints JSON."""

import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable

from trainers import scripts


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is measured against one size.

    Attributes:
        title: Of its curve.
        values: The sizes.
        prepare: Takes a size; returns a function without arguments, the work.
        why: The work, how it should grow, and why.
    """

    title: str
    values: tuple
    prepare: Callable
    why: str


def _model(latents=10, width=200, shape=(28, 28, 1), convolutions=False):
    import zoo

    zoo.load_parts()
    if convolutions:
        encoder, decoder = (
            {"name": "small_conv", "depth": 16},
            {"name": "small_deconv", "depth": 16},
        )
    else:
        encoder = {"name": "mlp", "hidden_units": [width] * 4}
        decoder = {"name": "mlp", "hidden_units": [width] * 4}
    decoder["image_shape"] = list(shape)
    return zoo.build(
        {
            "encoder": {**encoder, "latent_dim": latents},
            "decoder": {**decoder, "latent_dim": latents},
        }
    )


def _training(count, batch_size=100, shape=(28, 28, 1), **options):
    """Returns an epoch of training over `count` random images, compiled by one before it."""
    import numpy as np

    model = _model(shape=shape, **options)
    model.compile("adam")
    images = (np.random.default_rng(17).random((count, *shape)) < 0.3).astype("float32")

    def run(images=images):
        model.fit(images, batch_size=batch_size, epochs=1, verbose=0)

    run(images[: 2 * batch_size])
    return run


def _bound(samples):
    import numpy as np

    from zoo.evaluation import nll

    model = _model()
    images = (np.random.default_rng(17).random((128, 28, 28, 1)) < 0.3).astype("float32")
    run = lambda: nll.importance_weighted_bound(model, images, samples)  # noqa: E731
    run()
    return run


AXES = {
    "examples": Axis(
        "training: examples of an epoch",
        (5_000, 10_000, 20_000, 40_000, 80_000),
        _training,
        "an epoch of a dense network. Linear, above what each call of `fit` takes; the memory is "
        "that of the images.",
    ),
    "latents": Axis(
        "training: latents",
        (2, 8, 32, 128, 512),
        lambda latents: _training(20_000, latents=latents),
        "an epoch over 20,000 examples. Flat until the two layers at the latents are as large as "
        "those between pixels and 200 units, then linear.",
    ),
    "K": Axis(
        "log-likelihood: samples K of 128 images",
        (100, 200, 400, 800, 1_600),
        _bound,
        "the importance-weighted bound of 128 images. Linear; the memory is flat, as the sum over "
        "samples is streamed.",
    ),
    "side": Axis(
        "training: image side",
        (28, 64, 128, 256),
        lambda side: _training(64, 16, (side, side, 1), convolutions=True),
        "64 images through small convolutions. Quadratic (slope 2), as the pixels are.",
    ),
    "channels": Axis(
        "training: channels",
        (1, 3, 6, 12),
        lambda channels: _training(512, 32, (28, 28, channels), convolutions=True),
        "512 images through small convolutions. Nearly flat: the first and the last layer alone "
        "read channels.",
    ),
    "width": Axis(
        "training: hidden units",
        (100, 200, 400, 800, 1_600),
        lambda width: _training(10_000, width=width),
        "an epoch over 10,000 examples, four hidden layers in each network. Linear while the "
        "layers at the pixels dominate, quadratic (slope 2) once those between hidden layers do.",
    ),
    "processes": Axis(
        "training: processes at the same time",
        (1, 2, 4),
        lambda processes: _training(20_000),
        "the same epoch in each of several processes, seconds until all have ended. Flat up to "
        "the number of cores if one process uses one core, linear beyond; an epoch uses all cores "
        "by itself. The memory is that of each.",
    ),
}


def main(axis, value):
    """Measures one point."""
    scripts.start_tensorflow()
    run = AXES[axis].prepare(int(value))
    print("ready", flush=True)
    sys.stdin.readline()
    seconds = []
    for _ in range(1 if axis == "processes" else 2):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    print(json.dumps({"seconds": min(seconds), "megabytes": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
