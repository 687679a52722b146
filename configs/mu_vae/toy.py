"""The toy of `mu_vae`, Table 2 and Figure 1: dense networks, two latents, MNIST.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/mu_vae/toy.py --workdir=DIR
    python -m trainers.train --config=configs/mu_vae/toy.py:mu_vae_leaky_relu --workdir=DIR

784-512-512-512 -> 2 -> 512-512-512-784 and a sigmoid; squared error, Adam 1e-4, batch 64. A family
is an objective and an activation: `vae_tanh`, `vae_clipped_relu`, `mu_vae_leaky_relu`, say, which
are the nine panels of Figure 1; `vae_relu` is the default.

What the text leaves open: both clipped rows have c = 3, "works well in general"; there is no
classifier; weights start by Glorot and Bengio's rule (uniform), which Appendix B cites, as its
N(0, 2/N) is for "convolutional layers"; 50 epochs, nine to twelve minutes of one core; mu-VAE's
loss is the reading that is the default in `configs/mu_vae/families.py`.
"""

import itertools

import configs.words
from configs.mu_vae import families
from trainers.config import complete, default_config

# Row of Figure 1 -> objective, c of the clipping or None.
ROWS = {
    "vae": ({"name": "beta", "beta": 1.0}, None),
    "vae_clipped": ({"name": "beta", "beta": 1.0}, 3.0),
    "mu_vae": ({"name": "mu", **families.READING}, 3.0),
}
ACTIVATIONS = ("tanh", "relu", "leaky_relu")  # Keras's leaky ReLU has the paper's slope, 0.2
MODELS = {f"{row}_{how}": (row, how) for row, how in itertools.product(ROWS, ACTIVATIONS)}
FAMILIES = ("vae_relu", *(name for name in MODELS if name != "vae_relu"))
UNITS, TINY_UNITS = (512, 512, 512), (16, 16)
EPOCHS, REDUCED_EPOCHS = 50, 10


def get_config(argument=""):
    """Returns a family's config, by `:mu_vae_tanh` say; with `,tiny` or `,reduced` a cut one."""
    family, mode = configs.words.parse(argument, family=FAMILIES, mode=families.MODES).values()
    row, activation = MODELS[family]
    objective, radius = ROWS[row]
    units = TINY_UNITS if mode == "tiny" else UNITS
    config = default_config()
    families.shared_settings(config, family)
    config.train.epochs = EPOCHS
    config.latent_dim = 2
    config.data.name = "mnist"
    network = {"name": "mlp", "hidden_units": units, "activation": activation}
    encoder = {**network, "scale": "log_variance"}
    config.encoder = {"name": "clipped", "base": encoder, "radius": radius} if radius else encoder
    config.decoder = {**network, "likelihood": families.squared_error()}
    config.objective = objective
    config.evaluation.metrics = [
        *("rate", "distortion", "elbo", "reconstruction_l2"),
        *("active_units", "knn_probe"),
    ]
    complete(config, "tiny" if mode == "tiny" else "")
    if mode == "tiny":
        config.cut += f"; networks of {len(units)} layers of {units[0]} units"
    if mode == "reduced":
        _reduce(config)
    return config


def _reduce(config):
    """Cuts the steps of a complete config, not its networks, and says so in `cut`."""
    config.train.epochs = config.train.checkpoint_every = REDUCED_EPOCHS
    config.train.pictures_every = 0
    config.cut = f"{REDUCED_EPOCHS} epochs of {EPOCHS}; networks and data in full"
