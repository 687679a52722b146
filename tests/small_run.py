"""A run of seconds on images that have something to learn."""

import numpy as np

from trainers.config import complete, default_config


def images(folder, count=41, labels=True):
    """Writes an npz of small grey pictures that have something to learn: bars of three kinds."""
    rng = np.random.default_rng(17)
    kinds = rng.integers(0, 3, count)
    images = rng.integers(0, 60, (count, 6, 6, 1)).astype("uint8")
    for image, kind in zip(images, kinds):
        image[2 * kind : 2 * kind + 2] += 180
    arrays = {"images": images, **({"labels": kinds} if labels else {})}
    np.savez(folder / "bars.npz", **arrays)
    return f"npz:{folder / 'bars.npz'}"


def config(folder, epochs=3, **changes):
    config = default_config()
    config.data.name = images(folder)
    config.encoder = {"name": "mlp", "hidden_units": [12]}
    config.decoder = {"name": "mlp", "hidden_units": [12]}
    config.train.epochs = epochs
    config.train.batch_size = 8
    config.train.jit_compile = "off"
    config.train.pictures_every = 2
    config.evaluation.num_samples = 3
    config = complete(config)
    for key, value in changes.items():
        config[key.split("__")[0]][key.split("__")[1]] = value
    return config
