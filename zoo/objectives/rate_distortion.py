"""What the objectives of rate and distortion share: both, from one posterior sample an example."""

from zoo.backend import next_seed
from zoo.divergences import kl
from zoo.objectives.objective import Objective

RATES = ("auto", "analytic", "sampled")


class RateDistortion(Objective):
    """The two terms of a bound. A subclass writes `call`, which weighs them.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  elbo = -(D + R)

    Args:
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), or "auto" (closed form where there is one).
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If `rate` is none of these.
    """

    term_names = ("distortion", "rate", "elbo")

    def __init__(self, rate="auto", seed=17, **kwargs):
        if rate not in RATES:
            raise ValueError(f"`rate` must be one of {list(RATES)}. Received: rate={rate!r}")
        super().__init__(seed=seed, **kwargs)
        self.rate = rate

    def terms(self, x, encoder, decoder, marginal, training):
        """Returns `distortion`, `rate` and `elbo`, each [B], in nats."""
        posterior = encoder.distribution(x, training=training)
        z = posterior.sample(seed=next_seed(self.seed_generator))
        rate = self._rate(posterior, marginal.distribution(), z)
        distortion = -decoder.distribution(z, training=training).log_prob(x)
        return {"distortion": distortion, "rate": rate, "elbo": -(distortion + rate)}

    def _rate(self, posterior, marginal, z):
        if self.rate == "sampled":
            return kl.sampled_rate(posterior, marginal, z)
        if self.rate == "analytic":
            return kl.rate(posterior, marginal)
        return kl.rate(posterior, marginal, z)
