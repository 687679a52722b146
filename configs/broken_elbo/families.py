"""The twelve families of `broken_elbo`: encoder {-,+} x decoder {-,+} x marginal {-,+,v}.

Written as three letters, `-+v` say; `+` is the richer part, `v` the VampPrior.
"""

import itertools

from trainers.config import complete
from zoo.registry import nearest

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

# Tiny mode is for seeing that all works, so that its networks are tiny as well.
TINY = {"depth": 4, "hidden_units": (16, 16), "num_pseudo_inputs": 10}


def family_config(config, argument):
    """Completes a config of this paper, its data given, as `argument` says.

    Args:
        config: A `ConfigDict` made from `default_config()`.
        argument: What stands after the colon of `--config=FILE:++v,target_rate,tiny`: a family,
            an objective and `tiny`, in any order, each of them optional.

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
    config = complete(config, mode)
    return _shrink(config) if mode == "tiny" else config


def parse(argument):
    """Returns (family, objective, mode) of a config's argument, by default `---`, beta and ""."""
    kinds = {"family": FAMILIES, "objective": tuple(OBJECTIVES), "mode": ("tiny",)}
    found = {"family": "---", "objective": "beta", "mode": ""}
    valid = [word for words in kinds.values() for word in words]
    seen = {}
    for word in filter(None, argument.split(",")):
        kind = next((kind for kind, words in kinds.items() if word in words), None)
        if kind is None:
            raise ValueError(
                f"Expected the mode '' or 'tiny', an objective among {list(OBJECTIVES)}, or a "
                f"family among {list(FAMILIES)}. Received: {word!r}.{nearest(word, valid)}"
            )
        if kind in seen:
            raise ValueError(f"Expected one {kind}. Received: {seen[kind]!r} and {word!r}")
        seen[kind] = word
    return tuple({**found, **seen}.values())


def _shrink(config):
    """Makes the networks of a complete config tiny, and says so in `cut`."""
    parts = [config.encoder, config.decoder, config.marginal]
    if "base" in config.encoder:
        parts.append(config.encoder.base)
    for part in parts:
        for key, value in TINY.items():
            if key in part:
                part[key] = value
    config.cut += "; networks of depth 4, flows of 16 units, 10 pseudo-inputs"
    return config
