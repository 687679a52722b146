"""scikit-learn's handwritten digits, made like MNIST: the one data set that is built in."""

import functools
import importlib.util
from pathlib import Path

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
    levels, labels = _read()
    small = np.rint(levels * (255 / 16)).astype(np.uint8)[..., None]
    images = np.pad(Preparation((20, 20))(small), ((0, 0), (4, 4), (4, 4), (0, 0)))
    where = "'digits'"
    return convert_images(images, where), convert_labels(labels, len(images), where)


def _read():
    """Returns levels [N, 8, 8] and labels [N] from the file that scikit-learn brings.

    The file is read without scikit-learn, whose import takes as long as a short training.
    """
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(int)
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'The digits come with scikit-learn: `pip install "elbo-zoo[train]"`.'
        ) from error
    digits = load_digits()
    return digits.images, digits.target


SOURCE = Source(
    kind="digits",
    open=open_digits,
    text="scikit-learn's 1,797 digits of 8x8 pixels, brought to 28x28 as MNIST's are.",
)
