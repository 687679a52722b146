"""`bilbo` on CelebA (Figures 7, 16, 17): gated convolutions, 64 x 64 in colour, 16 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/bilbo/celeba.py:learned \\
        --workdir=DIR
    ... --config=configs/bilbo/celeba.py:bilbo --config.encoder.scale=0.1 ...

Families: `learned` (the default; Sigma learned, prior N(0, I), ELBO) and `bilbo` (Sigma =
encoder.scale^2 I; the paper has I and I/100), as in `configs/bilbo/families.py`. After training
the optimal prior of either, eq. 4, is `zoo.aggregate.prior_variance`.

The paper takes "the network architecture from [Barron] with the RGB Pixel model" and prints none
of it. Here: the convolutions of `broken_elbo` F.1 and F.2, whose layers and depths that network
shares, and Gaussian pixels of one learned scale. 10,000 iterations are two epochs of 160,000
images in batches of 32, as that work trains with; the face is cut to 140 x 140 pixels first. Adam
1e-3, as for MNIST.

CelebA is not downloaded without being asked for: its terms allow research alone. `python -m
trainers.prepare --name=celeb_a` prepares it. A folder of pictures does as well, by
`--config.data.name=folder:PATH --config.data.train_split=train --config.data.test_split=test`.
"""

from configs import words
from configs.bilbo import families
from trainers.config import complete, default_config

FAMILIES = ("learned", "bilbo")
DEPTH = {"": 32, "tiny": 4, "reduced": 8}
LIKELIHOOD = {"name": "gaussian", "scale": "scalar"}


def get_config(argument=""):
    """Returns a family's config, by `:bilbo` say; with `,tiny` or `,reduced` a cut one."""
    kinds = {"family": FAMILIES, "mode": ("", "tiny", "reduced")}
    family, mode = words.parse(argument, **kinds).values()
    config = default_config()
    config.paper = "bilbo"
    config.latent_dim = 16
    config.data.update(name="celeb_a", download=False, crop=140, image_size=64, limit=160000)
    families.set_family(config, family)
    scale = config.encoder.scale
    config.encoder = {"name": "gated_conv", "depth": DEPTH[mode], "scale": scale}
    config.decoder = {"name": "gated_deconv", "depth": DEPTH[mode], "likelihood": LIKELIHOOD}
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 2
    config.train.batch_size = 32
    config.train.validation_examples = 1000
    config.train.pictures_every = 1
    config.evaluation.metrics = ["rate", "distortion", "elbo", "active_units"]
    return _cut(complete(config, "tiny" if mode == "tiny" else ""), mode)


def _cut(config, mode):
    """Cuts a complete config as its mode says."""
    if mode == "tiny":
        config.cut += f"; networks of depth {DEPTH[mode]}"
    if mode == "reduced":
        config.data.limit = 8000
        config.data.test_split = "test[:2000]"
        config.train.epochs = 4
        config.train.validation_examples = 200
        config.cut = (
            "1,000 of 10,000 iterations, on 8,000 images; convolutions of depth 8 and 16 where "
            "the paper has 32 and 64"
        )
    return config
