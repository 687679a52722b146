"""The twelve families of `broken_elbo`: encoder {-,+} x decoder {-,+} x marginal {-,+,v}.

Written as three letters, `-+v` say; `+` is the richer part, `v` the VampPrior.
"""

import itertools

import configs.words
from trainers.config import complete

ENCODERS = {
    "-": {"name": "gated_conv"},
    "+": {"name": "iaf", "base": {"name": "gated_conv"}},
}
DECODERS = {
    "-": {"name": "gated_deconv", "likelihood": {"name": "bernoulli"}},
    "+": {"name": "pixelcnn"},
}
MARGINALS = {"-": {"name": "normal"}, "+": {"name": "maf"}, "v": {"name": "vamp"}}
OBJECTIVES = {
    "beta": {"name": "beta", "beta": 1.0},
    "target_rate": {"name": "target_rate", "target": 10.0},
}
FAMILIES = tuple("".join(letters) for letters in itertools.product(ENCODERS, DECODERS, MARGINALS))

# Tiny mode is for seeing that all works, so that its networks are tiny as well; reduced mode is
# what two cores train in minutes. In a flow of 64 latents each sees all before it with 63 units.
TINY = {"depth": 4, "num_resnets": 1, "hidden_units": (64, 64), "num_pseudo_inputs": 10}
REDUCED = {"depth": 16, "num_pseudo_inputs": 50}
REDUCED_EXAMPLES = 20000


def family_config(config, argument, reduced_epochs=1, images=None):
    """Completes a config of this paper, its data given, as `argument` says.

    Args:
        config: A `ConfigDict` made from `default_config()`.
        argument: What stands after the colon of `--config=FILE:++v,target_rate,tiny`: a family,
            an objective and a mode (`tiny`, `reduced`), in any order, each of them optional.
        reduced_epochs: Of an autoregressive decoder in reduced mode: 1 is 20,000 images of MNIST.
        images: What training and test images a config has that are fewer than the paper's, in words
            for `cut`; none are taken away then.

    Raises:
        ValueError: If a word is none of these, or there are two of a kind.
    """
    family, objective, mode = parse(argument)
    encoder, decoder, marginal = family
    config.paper = "broken_elbo"
    config.family = family
    config.latent_dim = 64
    config.encoder = ENCODERS[encoder]
    config.decoder = DECODERS[decoder]
    config.marginal = MARGINALS[marginal]
    config.objective = OBJECTIVES[objective]
    config.optimizer.name = "normalized_adam"
    config.optimizer.learning_rate = 3e-4
    config.optimizer.schedule = "constant_then_linear"
    config.optimizer.constant_share = 0.5
    config.train.batch_size = 100
    config.train.validation_examples = 1000
    config.evaluation.metrics = ["rate", "distortion", "elbo", "nll", "active_units"]
    config.evaluation.num_samples = 100
    config.evaluation.nll_examples = 1000
    if mode == "reduced":
        return _reduce(complete(config), reduced_epochs, images)
    return _tiny(complete(config, mode)) if mode == "tiny" else complete(config)


def parse(argument):
    """Returns (family, objective, mode) of a config's argument, by default `---`, beta and ""."""
    words = {"family": FAMILIES, "objective": tuple(OBJECTIVES), "mode": ("", "tiny", "reduced")}
    return tuple(configs.words.parse(argument, **words).values())


def _tiny(config):
    """Makes the networks of a complete config in tiny mode tiny, and says so in `cut`."""
    _set_widths(config, TINY)
    config.cut += (
        "; networks of depth 4 with one residual layer in each block of a PixelCNN, flows of 64 "
        "units, 10 pseudo-inputs"
    )
    return config


def _reduce(config, epochs, images):
    """Cuts a complete config to what one core trains in a few minutes, and says so in `cut`.

    Few steps need larger ones than the paper's 3e-4: 1e-3 for simple decoders, 2e-3 for
    autoregressive ones (at 3e-3 the rate of `+-v` fell to zero). Simple decoders,
    which are faster and learn more slowly, get twice the epochs.
    """
    is_simple = config.family[1] == "-"
    _set_widths(config, REDUCED)
    if images is None:
        images = f"at most {REDUCED_EXAMPLES:,} training images", "at most 2,000 test images"
        config.data.limit = REDUCED_EXAMPLES
        config.data.test_split = config.data.test_split or "test[:2000]"
    config.train.epochs = 2 * epochs if is_simple else epochs
    config.train.batch_size = 50
    config.train.validation_examples = 200
    config.train.validation_every = epochs
    config.train.checkpoint_every = epochs
    config.train.pictures_every = 0
    config.optimizer.learning_rate = 1e-3 if is_simple else 2e-3
    config.evaluation.num_samples = 32
    config.evaluation.nll_examples = 100
    config.cut = (
        f"{images[0]} for {config.train.epochs} of 200 epochs, in batches of 50 at a learning rate "
        f"of {config.optimizer.learning_rate}; depth 16 (of 32 in simple networks, of 64 in "
        f"autoregressive ones), 50 pseudo-inputs of a VampPrior; {images[1]}"
    )
    return config


def _set_widths(config, widths):
    parts = [config.encoder, config.decoder, config.marginal]
    if "base" in config.encoder:
        parts.append(config.encoder.base)
    for part in parts:
        for key, value in widths.items():
            if key in part:
                part[key] = value
