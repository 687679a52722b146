"""Names the flag that helps when a training step does not fit into memory."""

import contextlib

# What TensorFlow's and JAX's errors say: the type alone is not known without importing them.
SIGNS = ("RESOURCE_EXHAUSTED", "OOM when allocating", "Out of memory", "bad_alloc")


def is_exhausted(error: BaseException) -> bool:
    """Returns whether an error says that an array does not fit into memory."""
    class_names = {cls.__name__ for cls in type(error).__mro__}
    is_named = bool(class_names & {"MemoryError", "ResourceExhaustedError"})
    return is_named or any(sign in str(error) for sign in SIGNS)


@contextlib.contextmanager
def explained(batch_size: int):
    """Wraps training: an error for want of memory names the flag of the batch size.

    Args:
        batch_size: That of the run.

    Raises:
        MemoryError: If a step does not fit into memory.
    """
    try:
        yield
    except Exception as error:
        if not is_exhausted(error):
            raise
        raise MemoryError(
            "Expected a training step that fits into memory: set a smaller "
            "--config.train.batch_size, a smaller --config.data.image_size or a narrower network. "
            f"Received: train.batch_size={batch_size}"
        ) from error
