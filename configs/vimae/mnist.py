"""`vimae` on MNIST (Figures 6, 7; Table 3): five models, DCGAN networks, 8 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/mnist.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 80 epochs of 50,000 images. An SVM on 1000 labels
reaches 93% with VIMAE's codes, 80% with the VAE's; with half of the pixels masked 86%, 87% and 52%.
Scales: `tiny`, and `reduced`, which one core trains in about three minutes.
"""

from configs.vimae.families import CORRUPTIONS, GREY, METRICS, TINY, networks, recipe, reduced


def base(config):
    """Sets the data, the epochs and the metrics."""
    config.data.name = "mnist"
    config.data.train_split = "train[:50000]"
    config.data.validation_split = "train[50000:]"
    config.train.epochs = 80
    config.evaluation.metrics = (*METRICS, *(f"svm_1000{how}" for how in CORRUPTIONS["mnist"]))


get_config = recipe(
    GREY,
    networks(8, 4, (1024, 512, 256)),
    base,
    tiny=TINY,
    reduced=reduced(8),
)
