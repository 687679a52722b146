"""`vimae`, the 2-d study (Figure 1): MNIST in the plane by dense networks, five models.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/plane.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`. What they are, and how the
paper is interpreted, is at the top of `configs/vimae/families.py`. Both networks have three dense
layers of 256 units. The paper's MMD of the VIMAE models is by far the smallest. Scales: `tiny`;
`reduced` is the same as the full scale, which is small.
"""

from configs.vimae.families import GREY, LIKELIHOOD, recipe

NETWORK = {"name": "mlp", "hidden_units": (256, 256, 256)}


def base(config):
    """Sets the data, the networks and the epochs."""
    config.latent_dim = 2
    config.data.name = "mnist"
    config.data.train_split = "train[:50000]"
    config.data.validation_split = "train[50000:]"
    config.encoder = NETWORK
    config.decoder = {**NETWORK, "likelihood": LIKELIHOOD}
    config.train.epochs = 80
    config.train.validation_every = 5
    config.train.checkpoint_every = 5
    config.train.pictures_every = 0


get_config = recipe(
    GREY,
    base,
    tiny={"encoder.hidden_units": (16, 16, 16), "decoder.hidden_units": (16, 16, 16)},
    reduced={},
)
