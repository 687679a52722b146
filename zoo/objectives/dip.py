"""DIP-VAE: the ELBO, and a penalty on the covariance of the aggregated posterior."""

from typing import Any

from keras import ops

from zoo.distributions import gaussian_of
from zoo.objectives.rate_distortion import RATE, RateDistortion
from zoo.registry import OBJECTIVES, nearest
from zoo.term import Term
from zoo.typing import Array

VARIANTS = ("i", "ii")


@OBJECTIVES.register("dip")
class DIPVAE(RateDistortion):
    """loss = D + R + lambda_od sum_{i != j} C_ij^2 + lambda_d sum_i (C_ii - 1)^2.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  e(z|x) = N(mu(x), Sigma(x))
        C = Cov_x[mu(x)]                     variant "i"     (6)
        C = Cov_x[mu(x)] + E_x[Sigma(x)]     variant "ii", the covariance of q(z)     (7)

    C [Z, Z] is of the B examples of a batch: Cov[mu] = 1/B sum_b (mu_b - mean)(mu_b - mean)^T. The
    first sum is logged as `covariance_off_diagonal`, the second as `covariance_diagonal`. A batch
    of one has no covariance: its loss is without both. Without penalty (`lambda_od = lambda_d = 0`)
    the loss is that of the ELBO.

    Args:
        lambda_od: Non-negative number, the weight of the entries off the diagonal.
        lambda_d: Non-negative number, the weight of the diagonal. In the paper it is 10 lambda_od
            for variant "i", and lambda_od for variant "ii".
        variant: "i" or "ii".
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), or "auto" (closed form where there is one).
        seed: Int, seeds the posterior draws.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Kumar, Sattigeri and Balakrishnan, 2018, "Variational Inference of Disentangled Latent
        Concepts from Unlabeled Observations", eq. 6 and 7; arXiv:1711.00848.
    """

    def __init__(
        self,
        lambda_od: float = 10.0,
        lambda_d: float = 10.0,
        variant: str = "ii",
        rate: str = "auto",
        seed: int = 17,
        **kwargs: Any,
    ):
        for name, value in (("lambda_od", lambda_od), ("lambda_d", lambda_d)):
            if not value >= 0:
                raise ValueError(
                    f"`{name}` must be a number of at least 0. Received: {name}={value!r}"
                )
        if variant not in VARIANTS:
            raise ValueError(
                f"`variant` must be one of {list(VARIANTS)}. "
                f"Received: variant={variant!r}.{nearest(variant, VARIANTS)}"
            )
        super().__init__(rate=rate, seed=seed, **kwargs)
        self.lambda_od = lambda_od
        self.lambda_d = lambda_d
        self.variant = variant

    def own_terms(self) -> dict[str, Term]:
        common = {"per": "batch", "smallest_batch": 2}
        texts = {
            "off_diagonal": "Squared covariances of different latents, added up.",
            "diagonal": "Squared distances of the variances of latents from 1, added up.",
        }
        weights = {"off_diagonal": self.lambda_od, "diagonal": self.lambda_d}
        sums = {
            f"covariance_{name}": Term("", text, weight=weights[name], **common)
            for name, text in texts.items()
        }
        return {"rate": RATE.weighted(1.0), **sums}

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        """Raises ValueError if the posterior is no diagonal Gaussian."""
        encoder.check_gaussian("DIP-VAE")

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss` and the two sums over the covariance [], and what `terms` gives."""
        posterior, z, _ = self.draw(x, encoder, training)
        prior = marginal.batch_distribution(posterior, z)
        terms = self.terms_at(z, x, posterior, decoder, prior, training)
        off_diagonal, diagonal = self._sums(*gaussian_of(posterior))
        loss = ops.mean(terms["cost"] + terms["rate"])
        loss = loss + self.lambda_od * off_diagonal + self.lambda_d * diagonal
        sums = {"covariance_off_diagonal": off_diagonal, "covariance_diagonal": diagonal}
        return {"loss": loss, **terms, **sums}

    def _sums(self, loc, scale):
        """Returns the sums over C off and on the diagonal, []; 0 for a batch of one."""
        examples = ops.shape(loc)[0]
        centred = loc - ops.mean(loc, axis=0)
        covariance = ops.matmul(ops.transpose(centred), centred) / ops.cast(examples, loc.dtype)
        variances = ops.diagonal(covariance)
        off_diagonal = ops.sum(ops.square(covariance * (1.0 - ops.eye(loc.shape[-1]))))
        if self.variant == "ii":
            variances = variances + ops.mean(ops.square(scale), axis=0)
        diagonal = ops.sum(ops.square(variances - 1.0))
        return tuple(ops.where(examples > 1, value, 0.0) for value in (off_diagonal, diagonal))
