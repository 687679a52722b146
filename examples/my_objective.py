"""An objective in a file of its own: the ELBO with a rate that is free up to some nats.

python -m trainers.compare --objective=examples/my_objective.py:FreeBits --data=mnist \
    --seeds=5 --workdir=/tmp/compare
"""

from keras import ops

import zoo
from zoo.term import Term


class FreeBits(zoo.Beta):
    """loss = E[D] + max(free, E[R]): the first nats of the rate cost nothing.

    Args:
        free: Non-negative number, in nats.

    Reference:
        Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", 2016,
        with one group of all latents.
    """

    def __init__(self, free=10.0, seed=17, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.free = free

    def own_terms(self):
        return {"paid_rate": Term("nats", "The rate that is paid for.", per="batch", weight=1.0)}

    def call(self, x, encoder=None, decoder=None, marginal=None, training=False, step=None):
        """Returns `loss` [], `paid_rate` [] and the terms of the bound."""
        terms = self.terms(x, encoder, decoder, marginal, training)
        paid = ops.maximum(self.free, ops.mean(terms["rate"]))
        return {"loss": ops.mean(terms["cost"]) + paid, **terms, "paid_rate": paid}


def five_free_nats():
    """Returns the same objective with another argument."""
    return FreeBits(free=5.0)
