"""The objective of mu-VAE: terms that do not pull single codes to the prior replace the KL."""

from typing import Any

from keras import ops

from zoo.distributions import gaussian_of
from zoo.objectives.rate_distortion import RateDistortion
from zoo.registry import OBJECTIVES, nearest
from zoo.term import Term
from zoo.typing import Array

MEAN_TERMS = ("batch", "example", "dimension")
VARIANCE_TERMS = ("printed", "towards_one", "kl", "excess", "none")


@OBJECTIVES.register("mu")
class Mu(RateDistortion):
    """loss = E[D] + mean term + variance term: the text of `mu_vae`, read in each way it allows.

    With B examples i and Z latents d, e(z|x_i) = N(mu_i, sigma_i^2), the mean term is

        batch        1/B |sum_i sum_d mu_id|       Table 3; "computed over batches"
        example      1/B sum_i |sum_d mu_id|       eq. 4, and the caption of Figure 2
        dimension    1/B sum_d |sum_i mu_id|       the text: the mean over samples becomes zero;
                                                   the default (see `results/mu_vae`)

    and the variance term, 1/B sum_i sum_d of

        printed      log sigma^2                   Table 3: unbounded below, sigma shrinks
        towards_one  |log sigma^2|                 "push log sigma^2 towards zero"
        kl           sigma^2 - log sigma^2 - 1     "the remaining terms can be kept as is"; the
                                                   default
        excess       sigma^2 - 1                   "[exp(log sigma^2) - 1]", the other subset
        none         0                             that of an encoder of fixed scale

    Nothing bounds single means: use the encoder "clipped". A Gaussian likelihood of scale
    sqrt(1/2) makes D the paper's squared error, up to a constant. `rate` is the KL divergence to
    the marginal, "measured using the standard formula", and `regulariser` the two terms' sum.

    Args:
        mean_term: One of the names above.
        variance_term: One of the names above.
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If a name is none of these.

    Reference:
        `mu_vae`, section 4, eq. 4, and Table 3.
    """

    def __init__(
        self, mean_term: str = "dimension", variance_term: str = "kl", seed: int = 17, **kwargs: Any
    ):
        for name, value, valid in (
            ("mean_term", mean_term, MEAN_TERMS),
            ("variance_term", variance_term, VARIANCE_TERMS),
        ):
            if value not in valid:
                raise ValueError(
                    f"`{name}` must be one of {list(valid)}. "
                    f"Received: {name}={value!r}.{nearest(value, valid)}"
                )
        super().__init__(seed=seed, **kwargs)
        self.mean_term = mean_term
        self.variance_term = variance_term

    def own_terms(self) -> dict[str, Term]:
        text = "The mean term and the variance term, added up; both stand in for the rate."
        return {"regulariser": Term("", text, per="batch", weight=1.0)}

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        """Checks the parts.

        Raises:
            ValueError: If the marginal has weights to learn, for which this loss gives nothing.
        """
        if marginal.trainable_weights:
            raise ValueError(
                "A marginal learns from the rate, which this loss has not: expected one without "
                f"weights. Received: marginal={type(marginal).__name__}"
            )

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss` [], `regulariser` [] and what `terms` gives."""
        posterior, z, _ = self.draw(x, encoder, training)
        prior = marginal.batch_distribution(posterior, z)
        terms = self.terms_at(z, x, posterior, decoder, prior, training)
        loc, scale = gaussian_of(posterior)
        examples = ops.cast(ops.shape(loc)[0], loc.dtype)
        regulariser = self._mean_term(loc) / examples + ops.mean(self._variance_term(scale))
        return {"loss": ops.mean(terms["cost"]) + regulariser, **terms, "regulariser": regulariser}

    def _mean_term(self, loc):
        if self.mean_term == "batch":
            return ops.abs(ops.sum(loc))
        return ops.sum(ops.abs(ops.sum(loc, axis=-1 if self.mean_term == "example" else 0)))

    def _variance_term(self, scale):
        """Returns the variance term of each example, [B]."""
        log_variance, variance = 2.0 * ops.log(scale), ops.square(scale)
        term = {
            "printed": log_variance,
            "towards_one": ops.abs(log_variance),
            "kl": variance - log_variance - 1.0,
            "excess": variance - 1.0,
            "none": ops.zeros_like(scale),
        }
        return ops.sum(term[self.variance_term], axis=-1)
