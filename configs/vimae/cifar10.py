"""`vimae` on CIFAR10 (Figures 3, 5; Tables 2, 5): five models, DCGAN networks, 64 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/cifar10.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 60 epochs of 50,000 images. An SVM on 1000 labels
reaches 29% to 32%. The FID is 103 (VIMAE-l), 104 (VIMAE-n), 168 (VAE). Scales: `tiny`, and
`reduced`, which one core trains in about three minutes.
"""

from configs.vimae.families import COLOUR, CORRUPTIONS, METRICS, TINY, networks, recipe, reduced


def base(config):
    """Sets the data, the epochs and the metrics."""
    config.data.name = "cifar10"
    config.data.image_size = 32
    config.train.epochs = 60
    config.evaluation.metrics = (*METRICS, *(f"svm_1000{how}" for how in CORRUPTIONS["cifar10"]))


get_config = recipe(
    COLOUR,
    networks(64, 5, (1024, 512, 256, 128)),
    base,
    tiny=TINY,
    reduced=reduced(7),
)
