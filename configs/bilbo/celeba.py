"""`bilbo` on CelebA (Figures 7, 16, 17): gated convolutions, 64 x 64 in colour, 16 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/bilbo/celeba.py:learned \\
        --workdir=DIR
    ... --config=configs/bilbo/celeba.py:bilbo --config.encoder.scale=0.1 ...

Families: `learned` (the default; Sigma learned, prior N(0, I), ELBO) and `bilbo` (Sigma =
encoder.scale^2 I; the paper has I and I/100), as in `configs/bilbo/families.py`. After training
the optimal prior of either, eq. 4, is `zoo.aggregate.prior_variance`. Scales: `tiny` and `reduced`.

The paper takes "the network architecture from [Barron] with the RGB Pixel model" and prints none
of it. Here the networks are the convolutions of `broken_elbo` F.1 and F.2, whose layers and depths
that network shares, and Gaussian pixels of one learned scale. 10,000 iterations are two epochs of
160,000 images in batches of 32, as that work trains with. The face is first cropped to 140 x 140
pixels. Adam 1e-3, as for MNIST.

CelebA is not downloaded without being asked for: its terms allow research alone. `python -m
trainers.prepare --name=celeb_a` prepares it. A folder of pictures does as well, by
`--config.data.name=folder:PATH --config.data.train_split=train --config.data.test_split=test`.
"""

from configs.bilbo.families import BILBO, LEARNED
from trainers.recipe import Recipe


def base(config):
    """Sets what both families share."""
    config.latent_dim = 16
    config.data.update(name="celeb_a", download=False, crop=140, image_size=64, limit=160000)
    config.encoder = {"name": "gated_conv"}
    config.decoder = {"name": "gated_deconv", "likelihood": {"name": "gaussian", "scale": "scalar"}}
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 2
    config.train.batch_size = 32
    config.train.validation_examples = 1000
    config.train.pictures_every = 1
    config.evaluation.metrics = ("rate", "distortion", "elbo", "active_units")


SCALES = {
    "tiny": {"encoder.depth": 4, "decoder.depth": 4},
    "reduced": {  # 1,000 iterations
        **{"encoder.depth": 8, "decoder.depth": 8},
        "data.limit": 8000,
        "data.test_split": "test[:2000]",
        "train.epochs": 4,
        "train.validation_examples": 200,
    },
}
get_config = Recipe(
    "bilbo", base=base, families={"learned": LEARNED, "bilbo": BILBO}, scales=SCALES
)
