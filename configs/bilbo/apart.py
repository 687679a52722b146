"""`bilbo` on grey MNIST with an encoder whose scales send no gradient into its hidden layers.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/bilbo/apart.py:learned,reduced \\
        --config.encoder.name=mlp_apart --config.marginal.name=floating --workdir=DIR

Families and scales are those of `configs/bilbo/mnist.py`. The encoder is `mlp_apart`; scaled
families take it by `--config.encoder.base.name=mlp_apart`. It is not of the paper: it shows how
much of what learned variances lose comes from the scales' gradient in the shared layers.
"""

import keras

import zoo
from configs.bilbo.mnist import get_config

__all__ = ["Apart", "get_config"]


@zoo.registry.ENCODERS.register("mlp_apart")
class Apart(zoo.MLPEncoder):
    """`MLPEncoder` in which scales learn, and their gradient stops at the head."""

    def call(self, x, training=False):
        h = self.flatten(x)
        for layer in self.hidden:
            h = layer(h)
        return {**self.head(h), "scale": self.head(keras.ops.stop_gradient(h))["scale"]}
