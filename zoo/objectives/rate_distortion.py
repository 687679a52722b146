"""The base class of objectives of rate and distortion, from one posterior sample an example."""

from zoo.backend import next_seed
from zoo.divergences import kl
from zoo.objectives.objective import Objective
from zoo.term import Term

RATES = ("auto", "analytic", "sampled")

DISTORTION = Term("nats", "Negative log-likelihood of the image at a sample of its latents.")
RATE = Term("nats", "KL divergence of the posterior from the marginal.")
ELBO = Term("nats", "Evidence lower bound: minus the sum of distortion and rate.")
COST = Term("nats", "What the loss takes in place of the distortion.", weight=1.0)


class RateDistortion(Objective):
    """The two terms of a bound. A subclass writes `call`, which weighs them, and `own_terms`.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  elbo = -(D + R)

    A marginal that floats (`zoo.Floating`) is that of the batch. A loss takes `cost`. It is D,
    except for a likelihood that the batch bounds (`zoo.Baggins`).

    Args:
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), or "auto" (closed form where there is one).
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If `rate` is none of these.
    """

    rates = RATES

    def __init__(self, rate="auto", seed=17, **kwargs):
        if rate not in self.rates:
            raise ValueError(f"`rate` must be one of {list(self.rates)}. Received: rate={rate!r}")
        super().__init__(seed=seed, **kwargs)
        self.rate = rate

    def own_terms(self):
        """Returns name -> `Term` of what a subclass adds to the terms of the bound, or replaces."""
        return {}

    def declared_terms(self, decoder):
        """Returns the terms of the bound, `own_terms`, and `cost` where it is not D."""
        terms = {"distortion": DISTORTION}
        if self.rate != "none":
            terms |= {"rate": RATE, "elbo": ELBO}
        terms |= self.own_terms()
        if decoder.likelihood.has_cost:
            return {**terms, "cost": COST}
        return {**terms, "distortion": terms["distortion"].weighted(1.0)}

    def terms(self, x, encoder, decoder, marginal, training):
        """Returns `distortion`, `rate`, `elbo` and `cost`, each [B], in nats, and `z` [B, Z]."""
        posterior, z, _ = self.draw(x, encoder, training)
        prior = marginal.batch_distribution(posterior, z)
        return self.terms_at(z, x, posterior, decoder, prior, training)

    def draw(self, x, encoder, training):
        """Returns e(z|x), z ~ e(z|x) [B, Z], and the stateless seed of the draw.

        Whoever draws more folds that seed: one generator then gives every objective the same z.
        """
        seed = next_seed(self.seed_generator)
        posterior = encoder.distribution(x, training=training)
        return posterior, posterior.sample(seed=seed), seed

    def terms_at(self, z, x, posterior, decoder, prior, training):
        """Returns what `terms` does, at z ~ e(z|x)."""
        rate = self._rate(posterior, prior, z)
        distortion, cost = self.distortion_at(z, x, posterior, decoder, training)
        elbo = -(distortion + rate)
        return {"distortion": distortion, "rate": rate, "elbo": elbo, "cost": cost, "z": z}

    def distortion_at(self, z, x, posterior, decoder, training):
        """Returns D at z ~ e(z|x), and the cost that a loss takes for it, each [B], in nats."""
        return decoder.likelihood.distortion_and_cost(decoder, z, x, posterior, training)

    def _rate(self, posterior, marginal, z):
        if self.rate == "sampled":
            return kl.sampled_rate(posterior, marginal, z)
        if self.rate == "analytic":
            return kl.rate(posterior, marginal)
        return kl.rate(posterior, marginal, z)
