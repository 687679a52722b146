"""`vimae` on CelebA (Figure 4, Table 5): five models, DCGAN networks, 64 x 64, 64 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/celeba.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. Faces are cropped to the 140 x 140 pixels in the middle and made
64 x 64. The paper tests on the last 20,000 of 202,599 images: here on TFDS's `test`, the last
19,962. It trains 60 epochs. The FID is 55 (VIMAE-n), 56 (VIMAE-l), 82 (VAE), 89 (beta_A-VAE).
Scales: `tiny` and `reduced`.

CelebA is not downloaded without being asked for: its terms allow research alone. `python -m
trainers.prepare --name=celeb_a` prepares it. A folder of pictures does as well, by
`--config.data.name=folder:PATH --config.data.train_split=train --config.data.test_split=test`.
"""

from configs.vimae.families import COLOUR, TINY, networks, recipe, reduced

FEW = {"data.train_split": "train[:20000]", "data.test_split": "test[:5000]"}


def base(config):
    """Sets the data and the epochs."""
    config.data.name = "celeb_a"
    config.data.download = False
    config.data.crop = 140
    config.data.image_size = 64
    config.data.train_split = "train+validation"
    config.data.validation_split = "none"
    config.data.test_split = "test"
    config.train.epochs = 60


get_config = recipe(
    COLOUR,
    networks(64, 5, (1024, 512, 256, 128)),
    base,
    tiny={**TINY, **FEW},
    reduced={**reduced(1), **FEW},
)
