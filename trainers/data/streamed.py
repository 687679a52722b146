"""Images that stay in their files, and are decoded row by row when they are read."""

import concurrent.futures
import functools
import os
from collections.abc import Callable

import numpy as np

from trainers.data.images import Preparation
from zoo.light.pictures import read_image

DECODED_TOGETHER = 64  # pictures: what is in memory next to the result


class StreamedImages:
    """Images [N, H, W, C] of uint8 behind the interface of an array; none stays in memory.

    `images[rows]` reads and decodes these rows alone, and depends on nothing but the rows. So a
    batch is the same function of the step as it is for an array.

    Args:
        read: From sorted numbers of stored pictures to their (name, bytes), in that order.
        numbers: The stored pictures that the rows stand for, [N].
        preparation: What brings a picture to its size and number of channels.
        identity: A text that changes with the stored pictures, for fingerprints.
        names: From sorted numbers of stored pictures to their names, or None.

    Raises:
        ValueError: If there is no picture, or the first cannot be read.
    """

    dtype = np.dtype(np.uint8)
    itemsize = 1
    ndim = 4

    def __init__(
        self,
        read: Callable,
        numbers: np.ndarray,
        preparation: Preparation,
        identity: str = "",
        names: Callable | None = None,
    ):
        if not len(numbers):
            raise ValueError("Expected at least one image. Received: 0 images")
        self.numbers, self.identity = np.asarray(numbers), identity
        self._read, self._preparation, self._names = read, preparation, names
        (self._first, image), *_ = self._decoded(self.numbers[:1])
        self._image_shape = image.shape

    def __len__(self):
        return len(self.numbers)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, H, W, C)."""
        return (len(self), *self._image_shape)

    @property
    def size(self) -> int:
        """N H W C."""
        return len(self) * int(np.prod(self._image_shape))

    def names(self, rows) -> list[str] | None:
        """Returns the names of the stored pictures of some rows; None where they have none."""
        if self._names is None:
            return None
        numbers = self.numbers[rows]
        order = np.argsort(numbers, kind="stable")
        names = np.empty(len(numbers), object)
        names[order] = self._names(numbers[order])
        return names.tolist()

    def select(self, rows) -> "StreamedImages":
        """Returns the images of some rows, a slice or indices, without reading them."""
        numbers = self.numbers[rows]
        if not len(numbers):
            raise ValueError(f"Expected at least one image. Received: rows={rows!r}")
        chosen = object.__new__(type(self))
        vars(chosen).update(vars(self), numbers=numbers)
        return chosen

    def __getitem__(self, rows) -> np.ndarray:
        """Returns images [n, H, W, C] of a slice or of indices, or one [H, W, C] of an integer.

        Raises:
            ValueError: If a picture cannot be read or is of another shape; names it.
        """
        chosen = self.numbers[rows]
        numbers = np.atleast_1d(chosen)
        order = np.argsort(numbers, kind="stable")  # reads a file from front to back
        images = np.empty((len(numbers), *self._image_shape), np.uint8)
        for start in range(0, len(order), DECODED_TOGETHER):
            places = order[start : start + DECODED_TOGETHER]
            for place, (name, image) in zip(places, self._decoded(numbers[places]), strict=True):
                if image.shape != self._image_shape:
                    raise ValueError(
                        "Expected images of one size and one number of channels; set image_size "
                        "(and channels) to bring them there. Received: "
                        f"{str(name)!r} of shape {image.shape}, {str(self._first)!r} of shape "
                        f"{self._image_shape}"
                    )
                images[place] = image
        return images if np.ndim(chosen) else images[0]

    def _decoded(self, numbers):
        """Yields (name, prepared image) of stored pictures, decoded in threads."""

        def decode(stored):
            name, content = stored
            return name, self._preparation(read_image(name, content)[None])[0]

        return _threads().map(decode, self._read(numbers))


class TurnedImages:
    """Streamed images, each also turned by 90, 180 and 270 degrees, right behind it.

    Args:
        images: Square images.
        rows: The rows that they stand for, of four times as many as there are images; None for all.
    """

    dtype, itemsize, ndim = StreamedImages.dtype, StreamedImages.itemsize, StreamedImages.ndim

    def __init__(self, images: StreamedImages, rows: np.ndarray | None = None):
        self.images = images
        self.rows = np.arange(4 * len(images)) if rows is None else rows
        self.shape = (len(self.rows), *images.shape[1:])
        self.size = int(np.prod(self.shape))
        self.identity = f"{images.identity}, turned"

    def __len__(self):
        return len(self.rows)

    def select(self, rows) -> "TurnedImages":
        """Returns the images of some rows, a slice or indices, without reading them."""
        return TurnedImages(self.images, self.rows[rows])

    def __getitem__(self, rows) -> np.ndarray:
        chosen = self.rows[rows]
        pictures, turns = np.divmod(np.atleast_1d(chosen), 4)
        images = self.images[pictures]
        for turn in (1, 2, 3):
            mask = turns == turn
            images[mask] = np.rot90(images[mask], turn, axes=(1, 2))
        return images if np.ndim(chosen) else images[0]


def is_streamed(images) -> bool:
    """Returns whether images are read when they are asked for, and not an array in memory."""
    return not isinstance(images, np.ndarray)


def turned(images):
    """Returns square images, each also turned by 90, 180 and 270 degrees, right behind it."""
    if is_streamed(images):
        return TurnedImages(images)
    stacked = np.stack([np.rot90(images, turn, axes=(1, 2)) for turn in range(4)], axis=1)
    return stacked.reshape(-1, *images.shape[1:])


def select(images, rows):
    """Returns some rows of an array of images, or of streamed ones without reading them."""
    return images.select(rows) if is_streamed(images) else images[rows]


@functools.cache
def _threads():
    return concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1), "decode")
