"""A split of images: its stored form, its conversion to float32, and its binarisation."""

import dataclasses

import numpy as np

from trainers.data import splits
from trainers.data.augmentation import Augmentation
from trainers.data.streamed import select
from zoo.registry import nearest

BINARISATIONS = ("none", "static", "dynamic")
EVALUATION_SEED = 17
# Random streams are `default_rng([seed, purpose, index])`: no two purposes ever share numbers.
ORDER, TRAINING_NOISE, EVALUATION_NOISE, AUGMENTATION = 0, 1, 2, 3


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images of one split, their labels, and how they are binarised.

    uint8 images are kept compact; their grey level is `p = x / 255`. Binarisation turns a grey
    level into a pixel `b`:

        none:     b = p
        static:   b = 1[p >= 0.5]
        dynamic:  b ~ Bernoulli(p), drawn again for every training step

    Args:
        name: What the data set is called, for cards and messages.
        split: The split, or the expression over splits, that this is.
        images: [N, H, W, C], uint8 or float32 in [0, 1], C between 1 and 4: an array, or
            `streamed.StreamedImages`, which are read when they are asked for.
        labels: [N] integers, or None.
        class_names: One name a class, or None.
        binarisation: "none", "static" or "dynamic".
        source: One sentence on where the images come from.
        preprocessing: One sentence on what was done to them.
        pixel_scale: Positive number that float pixels are multiplied by, whatever was done before:
            the range of a Gaussian likelihood's data. Images are then in [0, pixel_scale].
        source_examples: How many its source has in all splits, or None where that is not known.
        shuffled: Whether the order is random, so that the first examples stand for all.
        augmentation: How training batches are varied, or None. Nothing else varies images.
        part: "first" or "drawn" where a limit left fewer examples than the split has (the rule of
            `splits.Limit`), otherwise "".

    Raises:
        ValueError: If there are no images, a shape, a type or a value is wrong, the labels are not
            as many as the images, or binarisation is asked for images in colour.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    binarisation: str = "none"
    source: str = ""
    preprocessing: str = "none"
    pixel_scale: float = 1.0
    source_examples: int | None = None
    shuffled: bool = False
    part: str = ""
    augmentation: Augmentation | None = None

    def __post_init__(self):
        if not self.pixel_scale > 0:
            raise ValueError(
                "Expected a positive pixel_scale. "
                f"Received: pixel_scale={self.pixel_scale!r} for {self._where()}"
            )
        _check_images(self.images, self._where())
        if self.labels is not None:
            _check_labels(self.labels, len(self.images), self._where())
        if self.augmentation is not None:
            self.augmentation.check(self.image_shape)
        if self.binarisation not in BINARISATIONS:
            raise ValueError(
                f"Expected binarisation among {list(BINARISATIONS)}. Received: "
                f"binarisation={self.binarisation!r}.{nearest(self.binarisation, BINARISATIONS)}"
            )
        if self.binarisation != "none" and self.images.shape[-1] != 1:
            raise ValueError(
                "Binarisation is for grey images: set channels=1 or binarisation='none'. Received: "
                f"binarisation={self.binarisation!r} for {self._where()} with images of shape "
                f"{self.image_shape}"
            )

    def __len__(self):
        return len(self.images)

    @property
    def image_shape(self):
        """(H, W, C) of every image."""
        return tuple(self.images.shape[1:])

    def take(self, count):
        """Returns the first `count` examples (all, if there are fewer) as a `Dataset`."""
        if count < 1:
            raise ValueError(f"Expected at least one example. Received: count={count!r}")
        if count >= len(self):
            return self
        labels = None if self.labels is None else self.labels[:count]
        split = f"first {count} of {self.split}"
        images = select(self.images, slice(count))
        return dataclasses.replace(self, images=images, labels=labels, split=split)

    def spaced(self, count: int) -> np.ndarray:
        """Returns indices of up to `count` examples, evenly spaced, as classes may come in turn."""
        count = min(count, len(self))
        return np.arange(count) * len(self) // count

    def limited(self, limit):
        """Returns the examples of a `splits.Limit` (all, if there are no more) as a `Dataset`."""
        if limit is None or limit.number >= len(self):
            return self
        rows = limit.rows(len(self), self.labels, self.shuffled)
        labels = None if self.labels is None else self.labels[rows]
        part = "first" if self.shuffled else "drawn"
        images = select(self.images, rows)
        return dataclasses.replace(self, images=images, labels=labels, part=part)

    def rows(self, count):
        """Returns the rows of `count` examples that stand for all: the same ones in each call."""
        return splits.Limit(count, EVALUATION_SEED).rows(len(self), self.labels, self.shuffled)

    def float_images(self, indices=None, seed=None):
        """Returns images as float32 in [0, 1], binarised and scaled as the data set says.

        Dynamic noise is a function of (seed, index) alone, so an evaluation gives the same pixels
        however it is cut into batches.

        Args:
            indices: An array of indices, a slice, or None for all.
            seed: Seed of dynamic binarisation; None means `EVALUATION_SEED`.

        Returns:
            [n, H, W, C] float32.
        """
        indices = slice(None) if indices is None else indices
        noise = None
        if self.binarisation == "dynamic":
            seed = EVALUATION_SEED if seed is None else seed
            noise = np.empty((0, *self.image_shape), self.images.dtype)
            draws = [
                uniform_noise(self.image_shape, self.images.dtype, seed, EVALUATION_NOISE, i)
                for i in np.arange(len(self))[indices]
            ]
            noise = np.stack(draws) if draws else noise
        return as_float(self.pixels(indices, noise), self.pixel_scale)

    def pixels(self, indices, noise=None):
        """Returns binarised images in the stored type (uint8 0 and 255, or float32 0 and 1).

        Args:
            indices: Array of indices or slice.
            noise: From `uniform_noise`, one value a pixel; needed by dynamic binarisation alone.
        """
        images = self.images[indices]
        if self.binarisation == "none":
            return images
        whole = images.dtype == np.uint8
        if self.binarisation == "dynamic":
            ones = noise < images
        else:
            ones = images >= (128 if whole else 0.5)
        return ones.view(np.uint8) * np.uint8(255) if whole else ones.astype(np.float32)

    def describe(self):
        """Returns what a card says of the data: JSON types only."""
        scaled = {} if self.pixel_scale == 1 else {"pixel_scale": self.pixel_scale}
        return {
            "name": self.name,
            "split": self.split,
            "number": len(self),
            "shape": list(self.image_shape),
            "classes": None if self.labels is None else len(np.unique(self.labels)),
            "binarisation": self.binarisation,
            "binarisation_rule": self._rule(),
            "preprocessing": self.preprocessing,
            "source": self.source,
            **scaled,
        }

    def _rule(self):
        if self.binarisation == "dynamic":
            return (
                "each pixel drawn from Bernoulli(grey level): again at every training step, "
                f"once with seed {EVALUATION_SEED} for evaluation"
            )
        if self.binarisation == "static":
            return "1 where the grey level is at least 0.5, otherwise 0"
        return "none: pixels as stored, in [0, 1]"

    def _where(self):
        return f"{self.name!r}, split {self.split!r}"


def as_float(pixels, scale=1.0):
    """Returns float32 in [0, scale]: uint8 is divided by 255, float32 is passed on."""
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.float32)
        pixels /= np.float32(255)
    return pixels if scale == 1 else pixels * np.float32(scale)


def random_generator(seed, purpose, index):
    """Returns the NumPy generator of one purpose and one index (an epoch, a step or an example)."""
    if seed < 0:
        raise ValueError(f"Expected a seed of at least 0. Received: seed={seed!r}")
    return np.random.default_rng([int(seed), purpose, int(index)])


def uniform_noise(shape, dtype, seed, purpose, index):
    """Returns u such that P(u < x) is exactly the grey level of a stored pixel x.

    For float32, u is uniform on [0, 1). For uint8, u is uniform on {0, ..., 254}, so that
    P(u < x) = x / 255; raw bytes with 255 drawn again cost a quarter of bounded integers.
    """
    generator = random_generator(seed, purpose, index)
    if dtype != np.uint8:
        return generator.random(shape, dtype=np.float32)
    count = int(np.prod(shape))
    noise = generator.bit_generator.random_raw(-(-count // 8)).view(np.uint8)[:count]
    rejected = np.flatnonzero(noise == 255)
    noise[rejected] = generator.integers(0, 255, rejected.size, dtype=np.uint8)
    return noise.reshape(shape)


def convert_images(images, where):
    """Brings images of any sensible type and layout to what a `Dataset` stores.

    uint8 stays as it is, but a split whose largest value is 1 holds bits, and is stored as 0 and
    255; so are booleans. uint16 becomes x / 65535 and floating point float32, which must lie in
    [0, 1].
    Signed and wider integers have no agreed white level and are refused.

    Args:
        images: [N, H, W] or [N, H, W, C].
        where: What they are, for messages.

    Returns:
        [N, H, W, C], uint8 or float32.

    Raises:
        ValueError: If the type, the shape or a value is none of these.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype == np.bool_ or (images.dtype == np.uint8 and images.size and images.max() == 1):
        images = images.astype(np.uint8) * np.uint8(255)
    elif images.dtype == np.uint16:
        images = images.astype(np.float32) / np.float32(65535)
    elif images.dtype.kind == "f":
        images = images.astype(np.float32, copy=False)
    _check_images(images, where)
    return images


def convert_labels(labels, count, where):
    """Returns labels as int64 [N], from integers [N] or [N, 1]; None stays None."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    _check_labels(labels, count, where)
    return labels.astype(np.int64)


def _check_images(images, where):
    if images.ndim != 4 or not 1 <= images.shape[-1] <= 4:
        raise ValueError(
            f"Expected images [N, H, W] or [N, H, W, C] with 1 to 4 channels last, for {where}. "
            f"Received: shape={images.shape}"
        )
    if images.size == 0:
        raise ValueError(f"Expected at least one image in {where}. Received: shape={images.shape}")
    if images.dtype not in (np.uint8, np.float32):
        raise ValueError(
            f"Expected uint8 (0 to 255), uint16 (0 to 65535), bool, or floating point in [0, 1], "
            f"for {where}; other integers have no known white level. Received: dtype={images.dtype}"
        )
    if images.dtype == np.float32:
        low, high = images.min(), images.max()
        if np.isnan(low):
            raise ValueError(f"Expected images without NaN in {where}. Received: NaN")
        if low < 0 or high > 1:
            raise ValueError(
                f"Expected floating-point images in [0, 1] in {where}. "
                f"Received: values from {low:.9g} to {high:.9g}"
            )


def _check_labels(labels, count, where):
    if labels.ndim != 1 or len(labels) != count:
        raise ValueError(
            f"Expected one label for each of the {count} images in {where}. "
            f"Received: labels of shape {labels.shape}"
        )
    if labels.dtype.kind not in "iu":
        values = sorted({str(label) for label in labels})
        few = ", ".join(values[:4] + ["..."] * (len(values) > 4))
        raise ValueError(
            f"Expected integer labels in {where}; `numpy.unique(labels, return_inverse=True)[1]` "
            f"numbers their classes from 0. Received: dtype={labels.dtype}, "
            f"{len(values)} different labels: {few}"
        )
