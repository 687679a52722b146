"""TFDS names: any data set of TensorFlow Datasets with an `image`.

This module does not load TensorFlow. `trainers.data.tfds_reader` does, when a name is opened.
"""

from trainers.data.opened import OpenedSource
from trainers.data.source import Request, Source
from zoo.registry import nearest

# Offered where TensorFlow Datasets is not installed and cannot be asked.
COMMON_NAMES = ("binarized_mnist", "celeb_a", "cifar10", "fashion_mnist", "mnist", "omniglot")


def open_tfds(request: Request) -> OpenedSource:
    """Returns the `OpenedSource` of a TFDS name; errors as in `tfds_reader.open_builder`.

    Raises:
        ValueError: If TensorFlow Datasets is not installed.
    """
    try:
        import tensorflow_datasets  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"Expected {request.spellings}; TFDS names need "
            f'`pip install "elbo-zoo[train]"`. Received: name={request.name!r}.'
            f"{nearest(request.name, (*request.exact_names, *COMMON_NAMES))}"
        ) from error
    from trainers.data import tfds_reader

    return tfds_reader.open_builder(request)


SOURCE = Source(
    kind="tfds",
    open=open_tfds,
    text="any image data set of TensorFlow Datasets: mnist, cifar10, celeb_a, emnist/letters.",
    any_name="a TFDS name",
)
