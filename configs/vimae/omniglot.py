"""`vimae` on Omniglot (Figure 2; Tables 1, 4): five models, DCGAN networks, 8 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/omniglot.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 80 epochs on 30 alphabets and evaluates on 20 others,
every character also turned by 90, 180 and 270 degrees: TFDS's splits `train` and `test`, 77,120
and 52,720 images. Its generated samples have an NLL of 1190 (VIMAE-n) to 1254 (beta_H-VAE).

`,reduced` and `,tiny` take the parts of Omniglot that need no large download: five alphabets of
`small1` for training (10,880 images), and for testing those of `small2` that are not among them
(Katakana, Sanskrit and Tagalog, 8,480 images). The whole of it with the reduced networks:
`--config.data.train_split=train --config.data.test_split=test --config.data.distinct=False`, and
`--config.cut="32 of 80 epochs, in bfloat16; networks of 1/16 of the width"`, as it cuts less.
"""

from configs.vimae import families
from trainers.config import default_config

REDUCED = {
    "width": 1 / 16,
    "epochs": 32,
    "cut": "5 of 30 alphabets for training, 3 of 20 for testing",
}


def get_config(argument=""):
    """Returns a model's config, by `:vimae_n` say; with `,tiny` or `,reduced` a cut one."""
    config = default_config()
    config.data.name = "omniglot"
    config.data.rotations = True
    families.networks(config, 8, 4, (1024, 512, 256))
    config.train.epochs = 80
    config, mode = families.base_config(config, argument, families.GREY)
    config.evaluation.metrics.append("generated_nll")
    config.evaluation.num_generated = {"": 10000, "tiny": 100, "reduced": 2000}[mode]
    config.data.train_split, config.data.test_split = "train", "test"
    if mode:
        config.data.train_split, config.data.test_split = "small1", "small2"
        config.data.distinct = True  # Greek and Latin are in both.
    return families.finish(config, mode, REDUCED)
