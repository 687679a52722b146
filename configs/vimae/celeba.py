"""`vimae` on CelebA (Figure 4, Table 5): five models, DCGAN networks, 64 x 64, 64 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/celeba.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. Faces are cut to the 140 x 140 pixels in the middle and made 64 x 64.
The paper tests on the last 20,000 of 202,599: here on TFDS's `test`, the last 19,962. It trains 60
epochs; the FID is 55 (VIMAE-n), 56 (VIMAE-l), 82 (VAE), 89 (beta_A-VAE).

CelebA is not downloaded without being asked for: its terms allow research alone. `python -m
trainers.prepare --name=celeb_a` prepares it. A folder of pictures does as well, by
`--config.data.name=folder:PATH --config.data.train_split=train --config.data.test_split=test`.
"""

from configs.vimae import families
from trainers.config import default_config

REDUCED = {"width": 1 / 16, "epochs": 1, "cut": "20,000 training and 5,000 test images"}


def get_config(argument=""):
    """Returns a model's config, by `:vimae_n` say; with `,tiny` or `,reduced` a cut one."""
    config = default_config()
    config.data.name = "celeb_a"
    config.data.download = False
    config.data.crop = 140
    config.data.image_size = 64
    config.data.train_split = "train+validation"
    config.data.validation_split = "none"
    config.data.test_split = "test"
    families.networks(config, 64, 5, (1024, 512, 256, 128))
    config.train.epochs = 60
    config, mode = families.base_config(config, argument, families.COLOUR)
    if mode:
        config.data.train_split, config.data.test_split = "train[:20000]", "test[:5000]"
    return families.finish(config, mode, REDUCED)
