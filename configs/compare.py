"""The networks, data and budget on which `trainers.compare` compares objectives.

    python -m trainers.compare --data=mnist --seeds=3 --workdir=DIR

Dense networks of two layers of 256 units and 16 latents, on MNIST whose pixels are drawn anew in
each epoch. A family is an objective of the zoo with its own defaults; a single run is
`python -m trainers.train --config=configs/compare.py:infovae --workdir=DIR`.

Scales: `tiny`, of a few steps, and `reduced`, of 10 epochs of 10,000 images.
"""

from trainers.comparison import objectives
from trainers.recipe import Recipe


def base(config):
    """Sets the data, the networks, the training and what is measured."""
    config.data.name = "mnist"
    config.data.binarisation = "dynamic"
    config.latent_dim = 16
    config.encoder = {"name": "mlp", "hidden_units": (256, 256)}
    config.decoder = {"name": "mlp", "hidden_units": (256, 256)}
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 100
    config.train.batch_size = 200
    config.train.validation_every = 5
    config.train.checkpoint_every = 10
    config.train.pictures_every = 0
    config.evaluation.metrics = (
        *("rate", "distortion", "elbo", "nll", "mmd", "log_det_cov", "active_units"),
        *("linear_probe", "linear_probe_noise_0.4"),
    )
    config.evaluation.num_samples = 100


def families():
    """Returns dict objective -> change of a config, the ELBO's first."""
    compared, _ = objectives.of_zoo("")
    changes = {
        entry.name: {
            "objective": {"name": entry.name, **_arguments(entry, "objective")},
            **{key: value for key, value in entry.changes.items() if key[:10] != "objective."},
        }
        for entry in compared
    }
    return {"beta": changes.pop("beta"), **changes}


def _arguments(entry, room):
    keys = [key for key in entry.changes if key.startswith(f"{room}.")]
    return {key.removeprefix(f"{room}."): entry.changes[key] for key in keys}


SCALES = {
    "tiny": {"encoder.hidden_units": (16,), "decoder.hidden_units": (16,), "latent_dim": 4},
    "reduced": {
        "data.limit": 10000,
        "train.epochs": 10,
        "evaluation.nll_examples": 1000,
    },
}
get_config = Recipe(base=base, families=families(), scales=SCALES)
