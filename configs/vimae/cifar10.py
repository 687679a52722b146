"""`vimae` on CIFAR10 (Figures 3, 5; Tables 2, 5): five models, DCGAN networks, 64 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/cifar10.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 60 epochs of 50,000 images; an SVM on 1000 labels
reaches 29% to 32%, the FID is 103 (VIMAE-l), 104 (VIMAE-n), 168 (VAE). `,reduced` is what one core
trains in about three minutes.
"""

from configs.vimae import families
from trainers.config import default_config

REDUCED = {"width": 1 / 16, "epochs": 7, "cut": ""}


def get_config(argument=""):
    """Returns a model's config, by `:vimae_n` say; with `,tiny` or `,reduced` a cut one."""
    config = default_config()
    config.data.name = "cifar10"
    config.data.image_size = 32
    families.networks(config, 64, 5, (1024, 512, 256, 128))
    config.train.epochs = 60
    config, mode = families.base_config(config, argument, families.COLOUR)
    config.evaluation.metrics += [f"svm_1000{how}" for how in families.CORRUPTIONS["cifar10"]]
    return families.finish(config, mode, REDUCED)
