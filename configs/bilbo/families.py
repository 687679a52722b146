"""The models of `bilbo`: how the posterior's variance, the prior and the likelihood are made.

    learned          Sigma learned, prior N(0, I), ELBO (eq. 1 and 2)
    constant         Sigma = sigma^2 I, floating prior, ELBO with the batch's S_B^2 (eq. 2 and 4)
    bilbo            Sigma = sigma^2 I, floating prior, BILBO (eq. 24)
    learned_t        bilbo with a Gaussian likelihood whose T = diag(t^2) the decoder learns
    constant_t       bilbo with a Gaussian likelihood, T = I
    baggins          bilbo with BAGGINS' T of each example (eq. 30)
    constant_baggins constant with BAGGINS' T: the ordinary ELBO with BAGGINS (eq. 2 and 29)
    learned_scaled, bilbo_scaled    learned and bilbo, mu times a factor that the decoder divides by

The first three and the last two have Bernoulli likelihoods. Section 7.2 trains its Gaussian ones
with BILBO, so they do here.
"""

from trainers.config import complete

LEARNED = "softplus_scale"  # Sigma of an output layer read as standard deviations, section 7
BERNOULLI = {"name": "bernoulli"}
BAGGINS = {"name": "baggins", "tau": 0.2}
# Name -> scale of the posterior (sigma where it is a number), objective, likelihood, is scaled.
FAMILIES = {
    "learned": (LEARNED, "beta", BERNOULLI, False),
    "constant": (1.0, "beta", BERNOULLI, False),
    "bilbo": (1.0, "bilbo", BERNOULLI, False),
    "learned_t": (1.0, "bilbo", {"name": "gaussian", "scale": "learned"}, False),
    "constant_t": (1.0, "bilbo", {"name": "gaussian", "scale": 1.0}, False),
    "baggins": (1.0, "bilbo", BAGGINS, False),
    "constant_baggins": (1.0, "beta", BAGGINS, False),
    "learned_scaled": (LEARNED, "beta", BERNOULLI, True),
    "bilbo_scaled": (1.0, "bilbo", BERNOULLI, True),
}
TINY_UNITS = (16, 16)


def set_family(config, family):
    """Sets the four parts of a config to those of a family, their networks dense."""
    scale, objective, likelihood, is_scaled = FAMILIES[family]
    encoder = {"name": "mlp", "scale": scale}
    decoder = {"name": "mlp", "likelihood": likelihood}
    if is_scaled:
        # The outer decoder has a likelihood argument of none of its own: it is its base's.
        encoder = {"name": "scaled", "base": encoder, "factor": 1.0}
        decoder = {"name": "scaled", "base": decoder, "factor": 1.0}
    config.family = family
    config.encoder, config.decoder = encoder, decoder
    config.marginal = {"name": "normal" if scale == LEARNED else "floating"}
    config.objective = {"name": objective}


def complete_mode(config, mode, reduced_epochs):
    """Completes a config of MNIST in a mode: the paper's run, or a cut one, and says what is cut.

    Args:
        config: A config that `set_family` was called with.
        mode: "", "tiny" or "reduced".
        reduced_epochs: What one core trains in about two minutes.
    """
    epochs = config.train.epochs
    config = complete(config, "tiny" if mode == "tiny" else "")
    if mode == "tiny":
        for part in (config.encoder, config.decoder):
            inner = part.base if "base" in part else part
            inner.hidden_units = TINY_UNITS
        config.cut += "; networks of two layers of 16"
    if mode == "reduced":
        config.train.epochs = reduced_epochs
        config.train.validation_every = 1
        config.evaluation.nll_examples = 1000
        config.cut = f"{reduced_epochs} of {epochs} epochs"
    return config
