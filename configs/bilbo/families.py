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

# Sigma of an output layer, whose values are standard deviations, section 7.
LEARNED_SIGMA = "softplus_scale"
LEARNED = {
    "encoder.scale": LEARNED_SIGMA,
    "marginal": {"name": "normal"},
    "objective": {"name": "beta"},
}
CONSTANT = {
    "encoder.scale": 1.0,  # sigma
    "marginal": {"name": "floating"},
    "objective": {"name": "beta"},
}
BILBO = {**CONSTANT, "objective": {"name": "bilbo"}}


def with_likelihood(family, **likelihood):
    """Returns a family with another likelihood than that of its networks."""
    return {**family, "decoder.likelihood": likelihood}


def scaled(family):
    """Returns a family whose mu is multiplied by a factor, by which the decoder divides."""

    def change(config):
        config.encoder = {"name": "scaled", "base": config.encoder.to_dict(), "factor": 1.0}
        config.decoder = {"name": "scaled", "base": config.decoder.to_dict(), "factor": 1.0}
        config.encoder.base.scale = family["encoder.scale"]
        config.marginal = family["marginal"]
        config.objective = family["objective"]

    return change


FAMILIES = {
    "learned": LEARNED,
    "constant": CONSTANT,
    "bilbo": BILBO,
    "learned_t": with_likelihood(BILBO, name="gaussian", scale="learned"),
    "constant_t": with_likelihood(BILBO, name="gaussian", scale=1.0),
    "baggins": with_likelihood(BILBO, name="baggins", tau=0.2),
    "constant_baggins": with_likelihood(CONSTANT, name="baggins", tau=0.2),
    "learned_scaled": scaled(LEARNED),
    "bilbo_scaled": scaled(BILBO),
}
