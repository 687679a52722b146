"""InfoVAE: the information in z and the divergence of q(z) from p(z), each with its own weight."""

import dataclasses
from typing import Any

from keras import ops

from zoo.backend import fold_in
from zoo.objectives.rate_distortion import RATE, RATES, RateDistortion
from zoo.registry import DIVERGENCES, OBJECTIVES
from zoo.term import Term
from zoo.typing import Array, PartLike, Shape

ROUNDING = 1e-9  # of alpha + lambda = 1, where both are given in decimals


@OBJECTIVES.register("infovae")
class InfoVAE(RateDistortion):
    """loss = D + (1 - alpha) R + (alpha + lambda - 1) D(q(z) || p(z)), minus `infovae`, eq. 6.

        z ~ e(z|x);  D = -log d(x|z);  R = KL(e(z|x) || m(z));  q(z) = E_x[e(z|x)];  p = m

    Special cases: alpha = 0, lambda = 1 is the ELBO. alpha + lambda = 1 is a beta-VAE of beta =
    lambda. alpha = lambda = 1 with the divergence "adversarial" is the adversarial autoencoder.
    alpha = 1, lambda = 0 is the autoencoder without any regularisation.

    The divergence is of the batch's z, and has no gradient into p(z), whose weights, if it has any,
    learn from R alone. A batch with too few examples for the divergence (one, for "mmd" and
    "stein") has a loss without it and takes no part in its logged mean. Where what z follows is not
    the divergence itself, as with "adversarial", it is logged as `divergence_loss`.

    Args:
        alpha: Number of at most 1. The authors advise 0 with a simple decoder, and 1 with one that
            could do without z, such as a PixelCNN.
        lambda_: Number, at least 1 - alpha; 1000 in most of the paper, 500 in the toy.
        divergence: A `zoo.Divergence`, its name ("mmd", "stein", "adversarial", "wgan_gp",
            "none"), or a mapping `{"name": ..., **arguments}`.
        rate: "analytic" (closed form, or an error where there is none), "sampled" (at the same
            z as the distortion), "auto" (closed form where there is one), or, with alpha = 1,
            "none": not even reported, as a deterministic encoder has none.
        seed: Int, seeds all draws.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        `infovae`, eq. 6.
    """

    rates = (*RATES, "none")

    def __init__(
        self,
        alpha: float = 0.0,
        lambda_: float = 1000.0,
        divergence: PartLike = "mmd",
        rate: str = "auto",
        seed: int = 17,
        **kwargs: Any,
    ):
        if not alpha <= 1:
            raise ValueError(f"`alpha` must be a number of at most 1. Received: alpha={alpha!r}")
        if not alpha + lambda_ >= 1 - ROUNDING:
            raise ValueError(
                "`lambda_` must be at least 1 - alpha, or divergence would be rewarded. "
                f"Received: lambda_={lambda_!r}, alpha={alpha!r}"
            )
        if rate == "none" and alpha != 1:
            raise ValueError(
                f"A loss without the rate needs alpha=1. Received: rate={rate!r}, alpha={alpha!r}"
            )
        super().__init__(rate=rate, seed=seed, **kwargs)
        self.alpha = alpha
        self.lambda_ = lambda_
        self.divergence = DIVERGENCES.create(divergence)

    def _divergence_weight(self):
        return max(self.alpha + self.lambda_ - 1.0, 0.0)

    def own_terms(self) -> dict[str, Term]:
        rate = {} if self.rate == "none" else {"rate": RATE.weighted(1.0 - self.alpha)}
        estimate = Term(
            self.divergence.unit,
            "Divergence of the aggregated posterior of a batch from the marginal.",
            per="batch",
            smallest_batch=self.divergence.smallest_batch,
        )
        weight = self._divergence_weight()
        if not self.divergence.follows_another_loss:
            return {**rate, "divergence": estimate.weighted(weight)}
        text = "The loss by which the encoder lessens the divergence."
        followed = dataclasses.replace(estimate, text=text, weight=weight)
        return {**rate, "divergence": estimate, "divergence_loss": followed}

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        """Checks the parts.

        Raises:
            ValueError: If the marginal has weights to learn, and the loss no rate to learn from.
        """
        if self.alpha == 1 and marginal.trainable_weights:
            raise ValueError(
                "A marginal learns from the rate, which this loss has not: expected one without "
                f"weights, or alpha < 1. Received: marginal={type(marginal).__name__}"
            )

    def connect(self, encoder: Any, image_shape: Shape) -> None:
        """Builds the divergence for the encoder's number of latents."""
        if not self.divergence.built:
            self.divergence.build((None, encoder.latent_dim))

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
    ) -> dict[str, Array]:
        """Returns `loss`, `divergence`, `divergence_loss` [], and what `terms` gives."""
        posterior, z, seed = self.draw(x, encoder, training)
        prior = marginal.batch_distribution(posterior, z)
        if self.rate == "none":
            distortion, cost = self.distortion_at(z, x, posterior, decoder, training)
            terms = {"distortion": distortion, "cost": cost, "z": z}
        else:
            terms = self.terms_at(z, x, posterior, decoder, prior, training)
        loss = ops.mean(terms["cost"])
        if self.alpha != 1:
            loss = loss + (1.0 - self.alpha) * ops.mean(terms["rate"])
        estimate = self.divergence.of_batch(z, prior, fold_in(seed, 1), training=training)
        loss = loss + self._divergence_weight() * estimate["loss"]
        divergence = {"divergence": estimate["divergence"], "divergence_loss": estimate["loss"]}
        return {"loss": loss, **terms, **divergence}
