"""`broken_elbo` on Omniglot 28x28: the twelve families, `---` unless another is named.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/broken_elbo/omniglot.py --workdir=DIR
    python -m trainers.sweep --config=configs/broken_elbo/omniglot.py --workdir=DIR \\
        --grid="family=-+-,-+v,++-;objective.beta=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1.0,1.1"

The paper's betas: 0.1 to 1.1 in steps of 0.1 for the autoregressive decoders; 0.9, 1.0, 1.1 for
the simple ones. Its best ELBO is -90.37 nats, of `++-`, beta 1.0 with KL annealing (R 0.77,
D 89.60), after 200 epochs of 24,345 images that Burda et al. (2015) cropped and scaled.

Here the data is TFDS's `small1` and `small2`, which need no large download: 80% of each for
training, the rest for testing. Greek and Latin are in both, so that each picture is kept in one
split alone (`data.distinct`): 4,037 for training, 803 for testing. Scaling to 28x28 makes grey
levels; pixels of at least 1/2 are ink. So none of the numbers compares with the paper's nats.
The whole of Omniglot is `--config.data.train_split=train --config.data.test_split=test`. There are
100 epochs here. Scales: `tiny`, and `reduced`, which one core trains in a few minutes.
"""

from configs.broken_elbo.families import recipe, reduced

SPLITS = {
    "train_split": "small1[:80%]+small2[:80%]",
    "test_split": "small1[80%:]+small2[80%:]",
}


def data(config):
    """Sets the data, the epochs and how often a run is looked at."""
    config.data.name = "omniglot"
    config.data.binarisation = "static"
    config.data.update(SPLITS)
    config.data.distinct = True
    config.train.epochs = 100
    config.train.validation_every = 5
    config.train.pictures_every = 25


get_config = recipe(
    data,
    reduced=reduced(epochs=2),
    paper_run={
        "train.epochs": 200,
        "data.train_split": "the 24,345 images of Burda et al.",
    },
)
