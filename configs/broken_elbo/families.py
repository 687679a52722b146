"""The twelve families of `broken_elbo`: encoder {-,+} x decoder {-,+} x marginal {-,+,v}.

A family is written as three letters, such as `-+v`. `+` is the richer part, `v` the VampPrior.
"""

import itertools

from trainers.recipe import Recipe

ENCODERS = {
    "-": {"name": "gated_conv"},
    "+": {"name": "iaf", "base": {"name": "gated_conv"}},
}
DECODERS = {
    "-": {"name": "gated_deconv", "likelihood": {"name": "bernoulli"}},
    "+": {"name": "pixelcnn"},
}
MARGINALS = {"-": {"name": "normal"}, "+": {"name": "maf"}, "v": {"name": "vamp"}}
FAMILIES = {
    "".join(letters): {
        "encoder": ENCODERS[letters[0]],
        "decoder": DECODERS[letters[1]],
        "marginal": MARGINALS[letters[2]],
    }
    for letters in itertools.product(ENCODERS, DECODERS, MARGINALS)
}
OBJECTIVES = {
    "beta": {"objective": {"name": "beta", "beta": 1.0}},
    "target_rate": {"objective": {"name": "target_rate", "target": 10.0}},
}
# For seeing that all works. In a flow of 64 latents each sees all before it with 63 units.
TINY = {
    **{"encoder.depth": 4, "encoder.hidden_units": (64, 64)},
    **{"decoder.depth": 4, "decoder.num_resnets": 1},
    **{"marginal.hidden_units": (64, 64), "marginal.num_pseudo_inputs": 10},
}


def base(config):
    """Sets what all families share, on both data sets."""
    config.latent_dim = 64
    config.optimizer.name = "normalized_adam"
    config.optimizer.learning_rate = 3e-4
    config.optimizer.schedule = "constant_then_linear"
    config.optimizer.constant_share = 0.5
    config.train.batch_size = 100
    config.train.validation_examples = 1000
    config.evaluation.metrics = ("rate", "distortion", "elbo", "nll", "active_units")
    config.evaluation.num_samples = 100
    config.evaluation.nll_examples = 1000


def reduced(epochs, **data):
    """Returns the scale that one core trains in a few minutes.

    Few steps need larger ones than the paper's 3e-4: 1e-3 for simple decoders, 2e-3 for
    autoregressive ones (at 3e-3 the rate of `+-v` fell to zero). Simple decoders,
    which are faster and learn more slowly, get twice the epochs.

    Args:
        epochs: Those of an autoregressive decoder; 1 is 20,000 images of MNIST.
        **data: Keys of `config.data` with their values.
    """

    def scale(config):
        is_simple = config.family[1] == "-"
        return {
            **{"encoder.depth": 16, "decoder.depth": 16, "marginal.num_pseudo_inputs": 50},
            **{f"data.{key}": value for key, value in data.items()},
            "train.epochs": 2 * epochs if is_simple else epochs,
            "train.batch_size": 50,
            "train.validation_examples": 200,
            "train.validation_every": epochs,
            "train.checkpoint_every": epochs,
            "train.pictures_every": 0,
            "optimizer.learning_rate": 1e-3 if is_simple else 2e-3,
            "evaluation.num_samples": 32,
            "evaluation.nll_examples": 100,
        }

    return scale


def recipe(data, reduced, paper_run):
    """Returns the recipe of a data set.

    Args:
        data: A function that sets the data and the epochs of a config.
        reduced: The reduced scale.
        paper_run: What the paper's run has and the full scale here has not.
    """
    return Recipe(
        "broken_elbo",
        base=(base, data),
        families=FAMILIES,
        options={"objective": OBJECTIVES},
        scales={"tiny": TINY, "reduced": reduced},
        paper_run=paper_run,
    )
