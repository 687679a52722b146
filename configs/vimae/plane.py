"""`vimae`, the 2-d study (Figure 1): MNIST in the plane by dense networks, five models.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/plane.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py` for what they are and how the paper is read. Both networks have three
dense layers of 256 units; the paper finds the MMD of the VIMAE models by far the smallest. This is
small enough to be run in full; `reduced` is the same.
"""

from configs.vimae import families
from trainers.config import default_config


def get_config(argument=""):
    """Returns a model's config, by `:vimae_n` say; `,tiny` runs a few steps."""
    config = default_config()
    config.latent_dim = 2
    config.data.name = "mnist"
    config.data.train_split = "train[:50000]"
    config.data.validation_split = "train[50000:]"
    config.encoder = {"name": "mlp", "hidden_units": (256, 256, 256)}
    config.decoder = {"name": "mlp", "hidden_units": (256, 256, 256)}
    config.train.epochs = 80
    config.train.validation_every = 5
    config.train.checkpoint_every = 5
    config.train.pictures_every = 0
    config, mode = families.base_config(config, argument, families.GREY)
    return families.finish(config, mode)
