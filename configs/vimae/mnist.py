"""`vimae` on MNIST (Figures 6, 7; Table 3): five models, DCGAN networks, 8 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/mnist.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 80 epochs of 50,000 images. An SVM on 1000 labels
reaches 93% with VIMAE's codes, 80% with the VAE's; with half of the pixels masked 86%, 87% and 52%.
`,reduced` is what one core trains in about three minutes.
"""

from configs.vimae import families
from trainers.config import default_config

REDUCED = {"width": 1 / 16, "epochs": 8, "cut": ""}


def get_config(argument=""):
    """Returns a model's config, by `:vimae_n` say; with `,tiny` or `,reduced` a cut one."""
    config = default_config()
    config.data.name = "mnist"
    config.data.train_split = "train[:50000]"
    config.data.validation_split = "train[50000:]"
    families.networks(config, 8, 4, (1024, 512, 256))
    config.train.epochs = 80
    config, mode = families.base_config(config, argument, families.GREY)
    config.evaluation.metrics += [f"svm_1000{how}" for how in families.CORRUPTIONS["mnist"]]
    return families.finish(config, mode, REDUCED)
