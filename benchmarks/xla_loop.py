"""Contender: the dense network's step written by hand, many steps as one XLA program.

It is the limit of what a framework can reach here: no data pipeline, no metrics but the sum of the
losses, no checks. Images are on the device as one array of batches. Adam and the loss are those of
`benchmarks.torch_training`.
"""

import itertools
import os

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
LATENTS, WIDTH, PIXELS = 2, 200, 784


def parameters():
    """Returns kernels and biases: four hidden layers, mean, scale, four hidden layers, pixels."""
    rng = np.random.default_rng(17)
    encoder, decoder = [PIXELS, *4 * [WIDTH]], [LATENTS, *4 * [WIDTH], PIXELS]
    shapes = [*itertools.pairwise(encoder), *2 * [(WIDTH, LATENTS)], *itertools.pairwise(decoder)]
    return [
        array
        for a, b in shapes
        for array in (
            rng.uniform(-1, 1, (a, b)).astype("f4") * np.float32((6 / (a + b)) ** 0.5),
            np.zeros(b, "f4"),
        )
    ]


def batches(batch_size, images):
    """Returns binary images [N, B, 784]."""
    rng = np.random.default_rng(17)
    shape = (max(1, images // batch_size), batch_size, PIXELS)
    return (rng.random(shape) < 0.3).astype("f4")


def make(batch_size, images, framework="tensorflow", dtype="float32", steps=20, **options):
    """Returns `run(steps)`.

    Args:
        batch_size: Images a step.
        images: How many random ones to make.
        framework: "tensorflow" or "jax".
        dtype: "float32", or "bfloat16" for the products.
        steps: Steps a program.
    """
    return {"tensorflow": _tensorflow, "jax": _jax}[framework](
        batches(batch_size, images), dtype, steps
    )


def _tensorflow(stack, dtype, steps):
    import tensorflow as tf

    def dense(x, kernel, bias):
        return tf.matmul(tf.cast(x, dtype), tf.cast(kernel, dtype)) + tf.cast(bias, dtype)

    def negative_elbo(weights, x, noise):
        layers = list(zip(weights[::2], weights[1::2]))
        h = x
        for layer in layers[:4]:
            h = tf.nn.relu(dense(h, *layer))
        loc, raw = (tf.cast(dense(h, *layer), tf.float32) for layer in layers[4:6])
        scale = tf.nn.softplus(raw) + 1e-5
        h = loc + scale * noise
        for layer in layers[6:10]:
            h = tf.nn.relu(dense(h, *layer))
        logits = tf.cast(dense(h, *layers[10]), tf.float32)
        cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
        rate = 0.5 * (loc**2 + scale**2 - 2 * tf.math.log(scale) - 1)
        return tf.reduce_mean(tf.reduce_sum(cross_entropy, 1) + tf.reduce_sum(rate, 1))

    weights, zeros = parameters(), [np.zeros_like(w) for w in parameters()]
    state = tuple([tf.Variable(array) for array in arrays] for arrays in (weights, zeros, zeros))
    time, total = tf.Variable(0), tf.Variable(0.0)
    stack = tf.constant(stack)

    def step(i):
        x = tf.gather(stack, i % stack.shape[0])
        noise = tf.random.stateless_normal((x.shape[0], LATENTS), [17, time], alg="philox")
        with tf.GradientTape() as tape:
            loss = negative_elbo(state[0], x, noise)
        gradients = tape.gradient(loss, state[0])
        t = tf.cast(time.assign_add(1), tf.float32)
        rate = LEARNING_RATE * tf.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        for w, m, v, g in zip(*state, gradients):
            m.assign_add((1 - BETA_1) * (g - m))
            v.assign_add((1 - BETA_2) * (g * g - v))
            w.assign_sub(rate * m / (tf.sqrt(v) + EPSILON))
        total.assign_add(loss)
        return i + 1

    @tf.function(jit_compile=True, autograph=False)
    def execute():
        tf.while_loop(lambda i: i < steps, lambda i: [step(i)], [tf.constant(0)])
        return tf.identity(total)

    def run(count):
        for _ in range(count // steps):
            float(execute())

    run.multiple = steps
    return run


def _jax(stack, dtype, steps):
    import jax
    from jax import numpy as jnp

    def dense(x, kernel, bias):
        return x.astype(dtype) @ kernel.astype(dtype) + bias.astype(dtype)

    def negative_elbo(weights, x, noise):
        layers = list(zip(weights[::2], weights[1::2]))
        h = x
        for layer in layers[:4]:
            h = jax.nn.relu(dense(h, *layer))
        loc, raw = (dense(h, *layer).astype("float32") for layer in layers[4:6])
        scale = jax.nn.softplus(raw) + 1e-5
        h = loc + scale * noise
        for layer in layers[6:10]:
            h = jax.nn.relu(dense(h, *layer))
        logits = dense(h, *layers[10]).astype("float32")
        cross_entropy = jnp.maximum(logits, 0) - x * logits + jnp.log1p(jnp.exp(-abs(logits)))
        rate = 0.5 * (loc**2 + scale**2 - 2 * jnp.log(scale) - 1)
        return jnp.mean(cross_entropy.sum(1) + rate.sum(1))

    def step(carry, x):
        weights, first, second, t, key = carry
        key, used = jax.random.split(key)
        noise = jax.random.normal(used, (x.shape[0], LATENTS))
        loss, gradients = jax.value_and_grad(negative_elbo)(weights, x, noise)
        t = t + 1
        rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        first = [m + (1 - BETA_1) * (g - m) for m, g in zip(first, gradients)]
        second = [v + (1 - BETA_2) * (g * g - v) for v, g in zip(second, gradients)]
        weights = [
            w - rate * m / (jnp.sqrt(v) + EPSILON) for w, m, v in zip(weights, first, second)
        ]
        return (weights, first, second, t, key), loss

    execute = jax.jit(lambda carry, stack: jax.lax.scan(step, carry, stack), donate_argnums=0)
    weights = [jnp.asarray(array) for array in parameters()]
    zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
    carry = [(weights, *zeros, jnp.float32(0), jax.random.key(17))]
    stack = jnp.asarray(np.resize(stack, (steps, *stack.shape[1:])))

    def run(count):
        for _ in range(count // steps):
            carry[0], losses = execute(carry[0], stack)
            float(losses.sum())

    run.multiple = steps
    return run
