"""Divergences that a critic estimates: Jensen-Shannon, and Wasserstein with a gradient penalty."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from zoo.arguments import positive_int
from zoo.backend import fold_in, gradients, tfd
from zoo.divergences.critic import Critic
from zoo.divergences.divergence import Divergence, draw_like
from zoo.registry import DIVERGENCES
from zoo.typing import Array, Seed


class _Adversary(Divergence):
    """A critic f that first learns to tell z from draws y of p(z), and then tells the encoder.

    In each training step the critic takes `critic_steps` steps of its own, on the same z and each
    on new draws of p(z). They have no gradient into the encoder. Then the encoder gets the gradient
    of its loss by the updated critic, with none into the critic. Both happen in one step of `fit`.
    Outside training the critic stays as it is.

    A subclass writes `critic_loss(f, z, y, seed)` and `judge(f, z, y)`.
    """

    def __init__(self, hidden_units, learning_rate, beta_1, beta_2, critic_steps, **kwargs):
        critic_steps = positive_int("critic_steps", critic_steps)
        super().__init__(**kwargs)
        self.hidden_units = tuple(hidden_units)
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.critic_steps = critic_steps
        self.critic = Critic(hidden_units, learning_rate, beta_1, beta_2)

    def build(self, latent_shape):
        self.critic.build(latent_shape)

    def estimate(self, z, prior, seed, training=False):
        if training:
            self._teach(ops.stop_gradient(z), prior, fold_in(seed, 1))
        return self.judge(self.critic.call, z, draw_like(z, prior, fold_in(seed, 0)))

    def _teach(self, z, prior, seed):
        for i in range(self.critic_steps):
            y = draw_like(z, prior, fold_in(seed, 2 * i))
            noise = fold_in(seed, 2 * i + 1)
            self.critic.learn(lambda f, y=y, noise=noise: self.critic_loss(f, z, y, noise))


@DIVERGENCES.register("adversarial")
class Adversarial(_Adversary):
    """Jensen-Shannon: the adversarial autoencoder's. f(z) is the logit that z is of p(z).

        critic minimises   L = E_p[softplus(-f(y))] + E_q[softplus(f(z))]
        divergence         log 2 - L / 2 <= JS(q, p), equal for the best critic; in nats
        encoder minimises  E_q[softplus(-f(z))], or, `saturating`, -E_q[softplus(f(z))]

    The saturating loss has the gradient of 2 JS itself, which vanishes where the critic is sure.

    Args:
        hidden_units: Widths of the critic's hidden layers.
        learning_rate: Learning rate of the critic's Adam; 5e-4 is WAE's on MNIST.
        beta_1: Adam's beta_1.
        beta_2: Adam's beta_2.
        critic_steps: Positive int, the critic's steps for each of the encoder's.
        saturating: Which loss the encoder follows.

    Raises:
        ValueError: If `critic_steps` is no positive int.

    Reference:
        Goodfellow et al., 2014, section 3 and 4; Makhzani et al., 2015; Tolstikhin et al., 2018.
    """

    unit = "nats"
    follows_another_loss = True

    def __init__(
        self,
        hidden_units: Sequence[int] = (256, 256),
        learning_rate: float = 5e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        critic_steps: int = 1,
        saturating: bool = False,
        **kwargs: Any,
    ):
        super().__init__(hidden_units, learning_rate, beta_1, beta_2, critic_steps, **kwargs)
        self.saturating = saturating

    def critic_loss(
        self, f: Callable[[Array], Array], z: Array, y: Array, seed: Seed = None
    ) -> Array:
        """Returns L []."""
        return ops.mean(ops.softplus(-f(y))) + ops.mean(ops.softplus(f(z)))

    def judge(self, f: Callable[[Array], Array], z: Array, y: Array) -> dict[str, Array]:
        logits = f(z)
        as_q, as_p = ops.mean(ops.softplus(logits)), ops.mean(ops.softplus(-f(y)))
        loss = -as_q if self.saturating else ops.mean(ops.softplus(-logits))
        return {"divergence": math.log(2.0) - 0.5 * (as_q + as_p), "loss": loss}


@DIVERGENCES.register("wgan_gp")
class WassersteinGP(_Adversary):
    """Wasserstein-1: f is kept near slope one by a penalty on its gradient.

        critic minimises   E_q[f(z)] - E_p[f(y)] + penalty E[(|grad f(w)| - 1)^2],
                           w = u y + (1 - u) z,  u ~ U(0, 1)
        divergence         E_p[f(y)] - E_q[f(z)], which the encoder minimises by z

    Args:
        hidden_units: Widths of the critic's hidden layers.
        learning_rate: Learning rate of the critic's Adam. The reference has 1e-4 and these betas.
        beta_1: Adam's beta_1.
        beta_2: Adam's beta_2.
        critic_steps: Positive int, the critic's steps for each of the encoder's.
        penalty: Non-negative number.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Gulrajani et al., 2017, algorithm 1.
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (256, 256),
        learning_rate: float = 1e-4,
        beta_1: float = 0.0,
        beta_2: float = 0.9,
        critic_steps: int = 5,
        penalty: float = 10.0,
        **kwargs: Any,
    ):
        if not penalty >= 0:
            raise ValueError(
                f"`penalty` must be a number of at least 0. Received: penalty={penalty!r}"
            )
        super().__init__(hidden_units, learning_rate, beta_1, beta_2, critic_steps, **kwargs)
        self.penalty = penalty

    def critic_loss(self, f: Callable[[Array], Array], z: Array, y: Array, seed: Seed) -> Array:
        """Returns the critic's loss []; `seed` is of u."""
        u = _uniform(z, seed)
        penalty = gradient_penalty(f, u * y + (1.0 - u) * z)
        return ops.mean(f(z)) - ops.mean(f(y)) + self.penalty * penalty

    def judge(self, f: Callable[[Array], Array], z: Array, y: Array) -> dict[str, Array]:
        value = ops.mean(f(y)) - ops.mean(f(z))
        return {"divergence": value, "loss": value}


def gradient_penalty(f, points):
    """Returns E[(|grad f| - 1)^2] [] over `points` [B, Z]; zero for f(z) = w . z, |w| = 1."""
    slopes = gradients(lambda w: ops.sum(f(w)), [points])[0]
    # The floor keeps the root's own gradient finite where f is flat.
    return ops.mean(ops.square(ops.sqrt(ops.sum(ops.square(slopes), axis=-1) + 1e-12) - 1.0))


def _uniform(z, seed):
    """Returns u ~ U(0, 1), one for each row of z, [B, 1]."""
    return ops.reshape(tfd.Uniform().sample(ops.shape(z)[0], seed=seed), (-1, 1))
