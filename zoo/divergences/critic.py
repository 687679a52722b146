"""A network that judges latents, and learns inside the step of the model that it serves."""

import itertools

import keras
from keras import ops

from zoo.backend import gradients
from zoo.part import Part

NEGATIVE_SLOPE = 0.2
EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="zoo")
class Critic(Part):
    """f(z), a dense network with leaky ReLU, and its own Adam.

    Its weights are no trainable weights of the model: `learn` moves them, as batch normalisation
    moves its averages, and the model's optimiser never sees them. So a critic takes as many steps
    as it needs before each step of the encoder, at its own rate, in an ordinary `fit`. Its weights
    and moments are saved with the model, so a resumed run goes on exactly.

    Args:
        hidden_units: Widths of the hidden layers.
        learning_rate: Adam's.
        beta_1: Adam's.
        beta_2: Adam's.

    Reference:
        Kingma and Ba, 2015, algorithm 1.
    """

    def __init__(self, hidden_units, learning_rate, beta_1, beta_2, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.hidden_units = tuple(hidden_units)
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, latent_shape):
        sizes = (latent_shape[-1], *self.hidden_units, 1)
        self.network_weights, self.moments = [], []
        for i, (size, units) in enumerate(itertools.pairwise(sizes)):
            for name, shape in ((f"kernel_{i}", (size, units)), (f"bias_{i}", (units,))):
                initializer = "glorot_uniform" if len(shape) == 2 else "zeros"
                self.network_weights.append(self._state(name, shape, initializer))
                for moment in ("first", "second"):
                    self.moments.append(self._state(f"{name}_{moment}", shape, "zeros"))
        self.updates = self.add_weight(
            name="updates", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def _state(self, name, shape, initializer):
        return self.add_weight(name=name, shape=shape, initializer=initializer, trainable=False)

    def call(self, z):
        """Returns f(z), [B], for z [B, Z]; the gradient reaches z."""
        return network(z, self.network_weights)

    def learn(self, loss):
        """Takes one step of Adam down `loss(f)`, a scalar function of f: z [B, Z] -> [B]."""
        weights = [w + 0.0 for w in self.network_weights]  # their values, to differentiate by
        slopes = gradients(lambda *values: loss(lambda z: network(z, values)), weights)
        self.updates.assign(self.updates + 1)
        t = ops.cast(self.updates, "float32")
        rate = self.learning_rate * ops.sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t)
        for i, (variable, slope) in enumerate(zip(self.network_weights, slopes)):
            first, second = self.moments[2 * i : 2 * i + 2]
            m = self.beta_1 * first + (1.0 - self.beta_1) * slope
            v = self.beta_2 * second + (1.0 - self.beta_2) * ops.square(slope)
            first.assign(m)
            second.assign(v)
            variable.assign(weights[i] - rate * m / (ops.sqrt(v) + EPSILON))


def activation(h):
    """Returns the leaky ReLU of `h`."""
    return ops.leaky_relu(h, NEGATIVE_SLOPE)


def network(z, weights):
    """Returns f(z), [B]: kernels and biases in turn, the last layer linear, of one unit."""
    h = z
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2]):
        h = activation(ops.matmul(h, kernel) + bias)
    return (ops.matmul(h, weights[-2]) + weights[-1])[:, 0]
