"""The rate R = E[log e(z|x) - log m(z)], in closed form where there is one."""

from zoo.backend import tfd


def has_analytic_rate(posterior, marginal):
    """Returns whether TensorFlow Probability knows KL(posterior || marginal) in closed form."""
    return _closed_form(posterior, marginal) is not None


def _closed_form(posterior, marginal):
    """Returns KL(posterior || marginal), or None where there is no closed form."""
    if not all(isinstance(part, tfd.Distribution) for part in (posterior, marginal)):
        return None
    try:
        return tfd.kl_divergence(posterior, marginal)
    except NotImplementedError:
        return None


def rate(posterior, marginal, z=None):
    """Returns KL(e(z|x) || m(z)) of each example in nats, shape [B].

    In closed form where TensorFlow Probability has one; otherwise the one-sample estimate
    log e(z|x) - log m(z) at `z`, unbiased for the same quantity.

    Args:
        posterior: e(z|x), batch shape [B].
        marginal: m(z), batch shape [].
        z: Samples of the posterior, [B, Z] (or [K, B, Z], giving [K, B]); needed where there is
            no closed form.

    Raises:
        ValueError: If there is no closed form and `z` is absent.
    """
    closed_form = _closed_form(posterior, marginal)
    if closed_form is not None:
        return closed_form
    if z is None:
        raise ValueError(
            "A rate without a closed form needs samples. Received: z=None for "
            f"posterior={posterior.name!r}, marginal={marginal.name!r}"
        )
    return sampled_rate(posterior, marginal, z)


def sampled_rate(posterior, marginal, z):
    """Returns log e(z|x) - log m(z) in nats at samples `z` of the posterior."""
    return posterior.log_prob(z) - marginal.log_prob(z)
