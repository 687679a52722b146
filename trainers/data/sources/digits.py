"""scikit-learn's handwritten digits, made like MNIST: the one data set that is built in."""

import functools

import numpy as np

from trainers.data.dataset import convert_images, convert_labels
from trainers.data.images import Preparation
from trainers.data.opened import OpenedSource, partitioned
from trainers.data.source import Request, Source


def open_digits(request: Request) -> OpenedSource:
    """Returns 1,797 digits of 28x28 pixels.

    They are built in: nothing is downloaded. Train, validation and test are cut by label.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    preparation = request.preparation()
    images, labels = _arrays()
    steps = "8x8 levels 0-16 scaled to 0-255; resized to 20x20 (bilinear), centred on 28x28"
    more = preparation.text((28, 28, 1))
    opened = OpenedSource(
        name="digits",
        text="scikit-learn load_digits (UCI optical recognition of handwritten digits, test part)",
        class_names=tuple("0123456789"),
        preprocessing=steps if more == "none" else f"{steps}; {more}",
    )
    return partitioned(opened, preparation(images), labels, request.cut)


@functools.lru_cache(maxsize=1)
def _arrays():
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'The digits come with scikit-learn: `pip install "elbo-zoo[train]"`.'
        ) from error
    digits = load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    images = np.pad(Preparation((20, 20))(small), ((0, 0), (4, 4), (4, 4), (0, 0)))
    where = "'digits'"
    return convert_images(images, where), convert_labels(digits.target, len(images), where)


SOURCE = Source(
    kind="digits",
    open=open_digits,
    text="scikit-learn's 1,797 digits of 8x8 pixels, brought to 28x28 as MNIST's are.",
)
