"""`vimae` on Omniglot (Figure 2; Tables 1, 4): five models, DCGAN networks, 8 latents.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/vimae/omniglot.py:vimae_n \\
        --workdir=DIR

Families: `vae` (the default), `beta_h`, `beta_a`, `vimae_n`, `vimae_l`; see
`configs/vimae/families.py`. The paper trains 80 epochs on 30 alphabets and evaluates on 20 others,
every character also turned by 90, 180 and 270 degrees: TFDS's splits `train` and `test`, 77,120
and 52,720 images. Its generated samples have an NLL of 1190 (VIMAE-n) to 1254 (beta_H-VAE).

The scales `reduced` and `tiny` take the parts of Omniglot that need no large download. They train
on five of the 30 alphabets, those of `small1` (10,880 images), and test on the three of `small2`
that are not among them (Katakana, Sanskrit and Tagalog, 8,480 images). The whole of Omniglot with
the reduced networks: `--config.data.train_split=train --config.data.test_split=test
--config.data.distinct=False`.
"""

from configs.vimae.families import GREY, METRICS, TINY, networks, recipe, reduced

FEW = {
    "data.train_split": "small1",
    "data.test_split": "small2",
    "data.distinct": True,  # Greek and Latin are in both.
}


def base(config):
    """Sets the data, the epochs and the metrics."""
    config.data.name = "omniglot"
    config.data.rotations = True
    config.data.train_split = "train"
    config.data.test_split = "test"
    config.train.epochs = 80
    config.evaluation.metrics = (*METRICS, "generated_nll")
    config.evaluation.num_generated = 10000


get_config = recipe(
    GREY,
    networks(8, 4, (1024, 512, 256)),
    base,
    tiny={**TINY, **FEW, "evaluation.num_generated": 100},
    reduced={**reduced(32), **FEW, "evaluation.num_generated": 2000},
)
