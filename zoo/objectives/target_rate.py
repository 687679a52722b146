"""The target rate: a chosen point of the rate-distortion curve."""

from typing import Any

from keras import ops

from zoo.objectives.rate_distortion import RateDistortion
from zoo.registry import OBJECTIVES
from zoo.term import Term
from zoo.typing import Array


@OBJECTIVES.register("target_rate")
class TargetRate(RateDistortion):
    """loss = E[D] + weight |target - E[R]|, both means over the batch.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  elbo = -(D + R)

    Below the target the rate is rewarded, above it is paid for, so that a powerful decoder cannot
    ignore its latents. With a weight of at least |dD/dR| the optimum has the target's rate. The
    distance |target - E[R]| of a batch is logged as `rate_gap`.

    Args:
        target: Non-negative number, the rate wanted, in nats.
        weight: Non-negative number, the price of a nat of difference.
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), or "auto" (closed form where there is one).
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        `vimae`, eq. 4, and `broken_elbo`, E: the rate target of the toy model.
    """

    def __init__(
        self, target: float, weight: float = 1.0, rate: str = "auto", seed: int = 17, **kwargs: Any
    ):
        for name, value in (("target", target), ("weight", weight)):
            if not value >= 0:
                raise ValueError(
                    f"`{name}` must be a number of at least 0. Received: {name}={value!r}"
                )
        super().__init__(rate=rate, seed=seed, **kwargs)
        self.target = target
        self.weight = weight

    def own_terms(self) -> dict[str, Term]:
        text = "Distance of the mean rate of a batch from the target."
        return {"rate_gap": Term("nats", text, per="batch", weight=self.weight)}

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss` [], `rate_gap` [] and what `terms` gives."""
        terms = self.terms(x, encoder, decoder, marginal, training)
        gap = ops.abs(self.target - ops.mean(terms["rate"]))
        return {"loss": ops.mean(terms["cost"]) + self.weight * gap, **terms, "rate_gap": gap}
