"""Contender: products of two large square matrices, the rate that networks are measured against."""

SIZE, TINY_SIZE = 8192, 256


def flops(tiny=False):
    """Returns the floating-point operations of one product."""
    return 2 * (TINY_SIZE if tiny else SIZE) ** 3


def make(dtype="bfloat16", tiny=False):
    """Returns `run(steps)`: one product a step, in "bfloat16", or in "float32" by TF32 units."""
    import jax

    from benchmarks.gpu_zoo import allow_tf32

    allow_tf32()
    size = TINY_SIZE if tiny else SIZE
    a = jax.random.normal(jax.random.PRNGKey(17), (size, size), "float32").astype(dtype)
    product = jax.jit(lambda x: x @ x)

    def run(steps):
        for _ in range(steps):
            value = product(a)
        value.block_until_ready()

    return run
