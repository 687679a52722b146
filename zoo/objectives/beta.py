"""The beta family: ELBO, beta-VAE and KL annealing."""

from typing import Any

from keras import ops

from zoo.objectives.rate_distortion import RATE, RateDistortion
from zoo.objectives.schedules import linear_ramp
from zoo.registry import OBJECTIVES
from zoo.term import Term
from zoo.typing import Array


@OBJECTIVES.register("beta")
class Beta(RateDistortion):
    """loss = D + beta R, one posterior sample an example.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  elbo = -(D + R)

    `beta=1` is the negative ELBO. With `anneal_steps`, beta rises linearly from 0 to its value
    over that many batches. Terms report R itself, unweighted, so `elbo` stays a bound, and then
    also `weighted_rate`, beta R, whose mean over an epoch is no product of means.

    Args:
        beta: Non-negative number, the weight of the rate.
        anneal_steps: Non-negative int; 0 means no annealing.
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), or "auto" (closed form where there is one).
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Higgins et al., 2017, eq. 4; `broken_elbo`, F.4; Bowman et al., 2016, for annealing.
    """

    def __init__(
        self,
        beta: float = 1.0,
        anneal_steps: int = 0,
        rate: str = "auto",
        seed: int = 17,
        **kwargs: Any,
    ):
        if not beta >= 0:
            raise ValueError(f"`beta` must be a number of at least 0. Received: beta={beta!r}")
        if not (isinstance(anneal_steps, int) and anneal_steps >= 0):
            raise ValueError(
                "`anneal_steps` must be an int of at least 0. "
                f"Received: anneal_steps={anneal_steps!r}"
            )
        super().__init__(rate=rate, seed=seed, **kwargs)
        self.beta = beta
        self.anneal_steps = anneal_steps

    def own_terms(self) -> dict[str, Term]:
        if not self.anneal_steps:
            return {"rate": RATE.weighted(self.beta)}
        # A constant weight is in the config; only one that changes is worth a curve.
        return {
            "beta": Term("", "The weight of the rate, which rises in training.", per="batch"),
            "weighted_rate": Term("nats", "The rate times its weight.", weight=1.0),
        }

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss` [], `beta` [], `weighted_rate` [B] and what `terms` gives."""
        terms = self.terms(x, encoder, decoder, marginal, training)
        beta = self.beta * ops.ones(())
        if training and step is not None:
            beta = beta * linear_ramp(step, self.anneal_steps)
        weighted_rate = beta * terms["rate"]
        loss = ops.mean(terms["cost"] + weighted_rate)
        return {"loss": loss, **terms, "beta": beta, "weighted_rate": weighted_rate}
