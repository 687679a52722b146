"""The batch information lower bound: `bilbo`, section 4.4."""

from typing import Any

from keras import ops

from zoo.distributions import aggregate_variance, gaussian_of
from zoo.objectives.rate_distortion import RATE, RateDistortion
from zoo.registry import OBJECTIVES
from zoo.term import Term
from zoo.typing import Array


@OBJECTIVES.register("bilbo")
class Bilbo(RateDistortion):
    """loss = -BILBO, the ELBO with the best prior of the batch, which is not written out.

        BILBO = -1/2 log|I + Sigma^-1 M_B| + E_B[log d(x|z)],  M_B = E_B[diag(mu)^2]       (24)
              = -1/2 (log|S_B^2| - E_B log|Sigma|) + E_B[log d(x|z)]

    The second line is the first where Sigma is constant (an encoder of fixed `scale`), and also
    what eq. 2 gives on average with S_B^2 = E_B[Sigma + mu mu^T] where Sigma is learned. With the
    likelihood "baggins" it is eq. 30. `rate` and `elbo` are those of eq. 2, example by example:
    R = KL(e(z|x) || N(0, S_B^2)). `prior_trace` is tr S_B^2.

    The marginal is "floating", the prior that samples and evaluation need afterwards.

    Args:
        seed: Int, seeds the posterior draws.
    """

    def __init__(self, seed: int = 17, **kwargs: Any):
        super().__init__(rate="analytic", seed=seed, **kwargs)

    def own_terms(self) -> dict[str, Term]:
        trace = Term("", "The variances of the prior of the batch, added up.", per="batch")
        return {"rate": RATE.weighted(1.0), "prior_trace": trace}

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        """Checks the parts.

        Raises:
            ValueError: If the marginal does not float, or the posterior is no diagonal Gaussian.
        """
        if not marginal.is_floating:
            raise ValueError(
                "BILBO implies the prior N(0, S^2) of its posteriors: give the model the marginal "
                f"'floating'. Received: marginal={type(marginal).__name__}"
            )
        encoder.check_gaussian("BILBO")

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss` [], `prior_trace` [] and what `terms` gives."""
        posterior, z, _ = self.draw(x, encoder, training)
        prior = marginal.batch_distribution(posterior, z)
        terms = self.terms_at(z, x, posterior, decoder, prior, training)
        variance = aggregate_variance(posterior, z)
        _, scale = gaussian_of(posterior)
        information = 0.5 * ops.sum(ops.log(variance / ops.square(scale)), axis=-1)
        loss = ops.mean(information + terms["cost"])
        return {"loss": loss, **terms, "prior_trace": ops.sum(variance)}
