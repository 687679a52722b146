"""Contender: products of two 2048 x 2048 matrices, the rate that networks are measured against."""

import os

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SIZE = 2048
FLOPS = 2 * SIZE**3


def make(dtype="float32"):
    """Returns `run(steps)`: one product a step, in `dtype`."""
    import tensorflow as tf

    a = tf.cast(tf.random.normal((SIZE, SIZE), seed=17), dtype)
    product = tf.function(lambda x: tf.matmul(x, x))

    def run(steps):
        for _ in range(steps):
            product(a)

    return run
