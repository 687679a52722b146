"""The variational InfoMax: reconstruction, and a divergence that keeps q(z) at p(z)."""

from typing import Any

from zoo.objectives.infovae import InfoVAE
from zoo.registry import OBJECTIVES
from zoo.typing import PartLike


@OBJECTIVES.register("infomax")
class Infomax(InfoVAE):
    """loss = D + lambda D(q(z) || p(z)), minus `vimae`, eq. 7: InfoVAE with alpha = 1.

        z ~ e(z|x);  D = -log d(x|z);  q(z) = E_x[e(z|x)];  p = m

    Of e(z|x) only samples are needed, so the encoder may be deterministic. The paper's D is the
    squared error |x - x'|^2: the likelihood `{"name": "gaussian", "scale": 0.7071}`, a variance of
    1/2, has exactly it up to a constant, H W C log(pi) / 2. With the unit scale D is half of it,
    and the paper's lambda is to be halved too.

    Args:
        lambda_: Non-negative number; in the paper 10 for MNIST and Omniglot, 100 for CIFAR10 and
            CelebA.
        divergence: A `zoo.Divergence`, its name, or a mapping `{"name": ..., **arguments}`.
        seed: Int, seeds all draws.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        `vimae`, eq. 7; the same loss is that of WAE: Tolstikhin et al., 2018, eq. 4.
    """

    def __init__(
        self, lambda_: float = 10.0, divergence: PartLike = "mmd", seed: int = 17, **kwargs: Any
    ):
        if not lambda_ >= 0:
            raise ValueError(
                f"`lambda_` must be a number of at least 0. Received: lambda_={lambda_!r}"
            )
        super().__init__(
            alpha=1.0, lambda_=lambda_, divergence=divergence, rate="none", seed=seed, **kwargs
        )
