"""The toy of `mu_vae`, Table 2 and Figure 1: dense networks, two latents, MNIST.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/mu_vae/toy.py --workdir=DIR
    python -m trainers.train --config=configs/mu_vae/toy.py:mu_vae_leaky_relu --workdir=DIR

784-512-512-512 -> 2 -> 512-512-512-784 and a sigmoid; squared error, Adam 1e-4, batch 64. A family
is an objective and an activation: `vae_tanh`, `vae_clipped_relu`, `mu_vae_leaky_relu` and six
others, the nine panels of Figure 1. `vae_relu` is the default.

The text leaves some things open. Both clipped rows have c = 3, "works well in general". There is no
classifier. Weights start by Glorot and Bengio's rule (uniform), which Appendix B cites, as its
N(0, 2/N) is for "convolutional layers". There are 50 epochs, nine to twelve minutes of one core.
mu-VAE's loss is `READING` of `configs/mu_vae/families.py`.
"""

import itertools

from configs.mu_vae.families import READING, SQUARED_ERROR, appendix_b, clipped
from trainers.recipe import Recipe, same_as

# Row of Figure 1 -> objective, c of the clipping or None.
ROWS = {
    "vae": ({"name": "beta", "beta": 1.0}, None),
    "vae_clipped": ({"name": "beta", "beta": 1.0}, 3.0),
    "mu_vae": ({"name": "mu", **READING}, 3.0),
}
ACTIVATIONS = ("tanh", "relu", "leaky_relu")  # Keras's leaky ReLU has the paper's slope, 0.2
MODELS = {f"{row}_{how}": (row, how) for row, how in itertools.product(ROWS, ACTIVATIONS)}
DEFAULT = "vae_relu"


def base(config):
    """Sets what the nine models share."""
    config.data.name = "mnist"
    config.latent_dim = 2
    config.train.epochs = 50
    config.evaluation.metrics = (
        *("rate", "distortion", "elbo", "reconstruction_l2"),
        *("active_units", "knn_probe"),
    )


def model(row, activation):
    """Returns a family: a row and a column of Figure 1."""
    objective, radius = ROWS[row]
    network = {"name": "mlp", "hidden_units": (512, 512, 512), "activation": activation}
    return {
        "encoder": clipped({**network, "scale": "log_variance"}, radius),
        "decoder": {**network, "likelihood": SQUARED_ERROR},
        "objective": objective,
    }


SCALES = {
    "tiny": {"encoder.hidden_units": (16, 16), "decoder.hidden_units": (16, 16)},
    "reduced": {
        "train.epochs": 10,
        "train.checkpoint_every": same_as("train.epochs"),
        "train.pictures_every": 0,
    },
}
get_config = Recipe(
    "mu_vae",
    base=(appendix_b, base),
    families={name: model(*MODELS[name]) for name in (DEFAULT, *MODELS)},
    scales=SCALES,
)
