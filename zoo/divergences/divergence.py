"""The base class of divergences D(q(z) || p(z)), with q(z) known by a batch of draws alone."""

from typing import Any

from keras import ops

from zoo.part import Part
from zoo.registry import DIVERGENCES
from zoo.typing import Array, Distribution, Seed, Shape


class Divergence(Part):
    """D(q(z) || p(z)). A subclass writes `estimate`, and `build` where it owns weights.

    z is one draw of e(z|x) for each x of a batch, and so a draw of q(z) = E_x[e(z|x)], the
    aggregated posterior. p(z) is the target: gradients go into z, never into p, whose own weights,
    if it has any, learn from the rate.
    """

    # The fewest draws that say something of q(z): two, where the estimate takes pairs of them.
    smallest_batch = 1
    # The unit of the estimate, "nats" for example; "" where it has none.
    unit = ""
    # Whether the `loss` of `estimate` has another value than its `divergence`.
    follows_another_loss = False

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, latent_shape: Shape | None = None) -> None:
        pass

    def estimate(
        self, z: Array, prior: Distribution, seed: Seed, training: bool = False
    ) -> dict[str, Array]:
        """Returns `divergence` [], the estimate itself, and `loss` [], whose gradient is followed.

        The two differ where the training signal is not the gradient of the estimate.

        Args:
            z: [B, Z].
            prior: p(z), a distribution with `sample`, and `log_prob` for some.
            seed: A stateless TFP seed, for the draws of p(z) and what else is random.
            training: Whether weights of the divergence's own may learn.
        """
        raise NotImplementedError

    def of_batch(
        self, z: Array, prior: Distribution, seed: Seed, training: bool = False
    ) -> dict[str, Array]:
        """Returns what `estimate` does, and zeros for fewer draws than `smallest_batch`."""
        estimate = self.estimate(z, prior, seed, training=training)
        if self.smallest_batch == 1:
            return estimate
        is_enough = ops.shape(z)[0] >= self.smallest_batch
        return {name: ops.where(is_enough, value, 0.0) for name, value in estimate.items()}


def draw_like(z, prior, seed):
    """Returns draws of p(z), as many as there are in `z`, without a gradient."""
    y = prior.sample(ops.shape(z)[0], seed=seed)
    return ops.stop_gradient(ops.reshape(y, ops.shape(z)))


@DIVERGENCES.register("none")
class NoDivergence(Divergence):
    """D = 0: q(z) goes where the other terms take it."""

    def estimate(
        self, z: Array, prior: Distribution, seed: Seed, training: bool = False
    ) -> dict[str, Array]:
        return {"divergence": ops.zeros(()), "loss": ops.zeros(())}
