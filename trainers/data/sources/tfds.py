"""TFDS names: any data set of TensorFlow Datasets with an `image`.

This module does not load TensorFlow. `trainers.data.tfds_reader` does, when a name is opened.
"""

from trainers.data.opened import OpenedSource
from trainers.data.source import Request, Source
from zoo.registry import nearest

# Offered where TensorFlow Datasets is not installed and cannot be asked.
COMMON_NAMES = ("binarized_mnist", "celeb_a", "cifar10", "fashion_mnist", "mnist", "omniglot")


def open_tfds(request: Request) -> OpenedSource:
    """Returns the `OpenedSource` of a TFDS name.

    The data is downloaded, or read from `data.data_dir` or `TFDS_DATA_DIR`. `python -m
    trainers.prepare --name=celeb_a [--data_dir=DIR]` downloads and prepares a data set without
    training. Files that you downloaded yourself are read from `DIR/downloads/manual`. For
    CelebA these are `img_align_celeba.zip`, `list_eval_partition.txt`, `list_attr_celeba.txt`,
    `list_landmarks_align_celeba.txt` and `identity_CelebA.txt`.

    Raises:
        ValueError: If TensorFlow Datasets is not installed. Other errors are those of
            `tfds_reader.open_builder`.
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
