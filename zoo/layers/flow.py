"""Mean-only autoregressive flows: IAF one way round, MAF the other."""

import weakref

import keras
import numpy as np
from keras import ops

from zoo import backend
from zoo.arguments import positive_int
from zoo.layers.made import MADE, ORDERS
from zoo.part import Part

# Beyond any latent, and its image under a network still far from float32's infinity, which times
# a mask of zero would be NaN.
LARGE = 1e12


@keras.saving.register_keras_serializable(package="zoo")
class MeanFlow(Part):
    """y = f(v): K steps v <- v + shift_k(v), each shift from a MADE, their orders in turn.

    The Jacobian of a step is triangular with ones on its diagonal, so log |det df/dv| = 0. `f` is
    one parallel pass; `inverse` solves each step coordinate by coordinate. It works in float32
    whatever the policy, because densities depend on it.

    `inverse` looks up the pairs that `remember` has stored, and does not solve for them. So a
    posterior has the inverse of its own sample, and so has a mixture over the same flow.

    Args:
        event_size: Positive int, Z.
        num_flows: Positive int, K.
        hidden_units: Hidden units of each MADE.

    Reference:
        Kingma et al., 2016, eq. 10, without its scale; Papamakarios et al., 2017; `broken_elbo`,
        F.1 and F.3.
    """

    def __init__(self, event_size, num_flows=4, hidden_units=(640, 640), **kwargs):
        num_flows = positive_int("num_flows", num_flows)
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.event_size = event_size
        self.num_flows = num_flows
        self.hidden_units = tuple(hidden_units)
        self.mades = [
            MADE(event_size, hidden_units, order=ORDERS[k % 2], dtype="float32")
            for k in range(num_flows)
        ]
        self._pairs = weakref.WeakSet()

    def build(self, input_shape=None):
        for made in self.mades:
            made.build(input_shape)

    def call(self, v):
        """Returns f(v), [..., Z]."""
        for made in self.mades:
            v = v + made(v)
        return v

    def inverse(self, y):
        """Returns f^-1(y), [..., Z]: exact, from memory or in up to Z passes a step."""
        for pair in list(self._pairs):
            if pair.y is y and self._is_fresh(pair):
                return pair.v
        for made in reversed(self.mades):
            y = _solve(made, y)
        return y

    def remember(self, v, y):
        """Returns a token that y = f(v), two tensors; it holds while the token lives.

        The flow keeps no tensor: whoever made y keeps the token, as long as y is of use.
        """
        pair = _Pair(v, y)
        self._pairs.add(pair)
        return pair

    def _is_fresh(self, pair):
        """Returns whether y is still f(v). Weights change outside a trace, but not within one."""
        return backend.is_traced(pair.y) or np.array_equal(
            backend.to_numpy(self(pair.v)), backend.to_numpy(pair.y)
        )


class _Pair:
    def __init__(self, v, y):
        self.v, self.y = v, y


def _solve(made, y):
    """Returns v with v + made(v) = y, by v <- y - made(v).

    A pass makes one more coordinate exact, in the order of the MADE, so D passes are always enough.
    It stops earlier after a pass that changed nothing.
    """
    kernels = made.masked_kernels()

    def advance(v):
        # The clip acts on coordinates whose turn has not come.
        new = ops.clip(y - made.apply(v, kernels), -LARGE, LARGE)
        return new, ops.all(ops.equal(new, v))

    def body(_, state):
        v, is_done = state
        return ops.cond(is_done, lambda: (v, is_done), lambda: advance(v))

    y = ops.convert_to_tensor(y)
    state = (y, ops.convert_to_tensor(False))
    return ops.fori_loop(0, made.event_size, body, state)[0]


class Inverted:
    """The flow the other way round, as a transform: `self(v)` is sequential, `inverse` parallel."""

    def __init__(self, flow):
        self._flow = flow

    def __call__(self, v):
        return self._flow.inverse(v)

    def inverse(self, y):
        return self._flow(y)

    def remember(self, v, y):
        """Nothing: the inverse is one parallel pass."""
