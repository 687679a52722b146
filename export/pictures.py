"""Images of a folder or a file, block by block: any number of them in constant memory."""

import contextlib
import dataclasses
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainers.data.images import Preparation
from zoo.light.axes import as_batch
from zoo.light.images import BLOCK, are_bits, resize_images
from zoo.light.pictures import SUFFIXES, is_picture, read_image, walk
from zoo.storage.arrays import DAMAGE, idx_header, npy_header, plain

_IDX = b"\0\0\x08"  # the first three bytes of an IDX file of unsigned bytes


@dataclasses.dataclass(frozen=True)
class Images:
    """Images that are read when they are asked for.

    Args:
        count: How many.
        blocks: From a block's size to an iterator over arrays [n, H, W, C].
        files: Their paths inside the folder, or None if they come from one array.
        left_out: Files of the folder that are no pictures, by their suffix.
        pick: From numbers of images to them, [n, H, W, C], where that does not read the others.
        bits: Whether bytes are zeros and ones; None where an array has to be read to know.
    """

    count: int
    blocks: Callable
    files: list | None = None
    left_out: tuple = ()
    pick: Callable | None = None
    bits: bool | None = None

    def are_bits(self):
        """Returns whether bytes are zeros and ones and no grey levels: never those of pictures."""
        return are_bits(self.blocks(BLOCK)) if self.bits is None else self.bits


def open_images(path, image_shape, resize=False):
    """Opens images for a model.

    A folder (pictures below it, in the order of their paths), one picture, `.npy`, `.npz` (its
    array `images`, or its only one), or an IDX file of bytes, gzipped or not.

    Args:
        path: Folder or file.
        image_shape: (H, W, C) of the model.
        resize: Whether images are brought to the model's size and channels; see
            `zoo.light.images.resize_images`.

    Returns:
        An `Images`.

    Raises:
        FileNotFoundError: If there is no such path, or no picture in the folder.
        ValueError: If a file cannot be read or does not fit the model; names it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"Expected a folder or a file of images. Received: {str(path)!r}")
    if path.is_dir() or is_picture(path):
        return _pictures(path, image_shape, resize)
    stored = _array(path, image_shape, resize)
    return _resized(stored, image_shape) if resize else stored


def add_resize(parser):
    """Adds `--resize` to a command line, and `--fit`, its earlier name."""
    text = "crop and resize images to the model, and make them grey or RGB (--fit: deprecated)"
    parser.add_argument("--resize", "--fit", action="store_true", help=text)


def _array(path, image_shape, resize):
    """Opens a file of one array, its images of the stored size."""
    with _named(path):
        if path.suffix == ".npy":
            return _memory_map(path, image_shape, resize)
        if path.suffix == ".npz":
            return _npz(path, image_shape, resize)
        with plain(path) as file:
            if file.read(3) == _IDX:
                return _idx(path, image_shape, resize)
    raise ValueError(
        f"Expected a folder, a picture ({', '.join(SUFFIXES)}), .npy, .npz or an IDX file of "
        f"bytes. Received: {str(path)!r}"
    )


def _resized(stored, image_shape):
    """Returns images that are brought to the model's size and channels when they are read."""

    def blocks(size):
        bits = stored.are_bits()
        for block in stored.blocks(size):
            yield resize_images(block, image_shape, bits)

    return dataclasses.replace(stored, blocks=blocks, bits=False)


def evenly_spaced(source, number, image_shape, size=256):
    """Returns at most `number` images, evenly spaced through all, and which they are.

    Args:
        source: From `open_images`, with an image at least.
        number: How many at most.
        image_shape: (H, W, C) of the model.
        size: Images read in one step.

    Returns:
        Images [n, H, W, C] and their sorted numbers [n].
    """
    number = min(number, source.count)
    chosen = np.linspace(0, source.count - 1, number).round().astype(int)
    if source.pick is not None:
        return source.pick(chosen), chosen
    kept, start = [], 0
    for block in source.blocks(size):
        block = as_batch(block, image_shape)
        rows = chosen[(chosen >= start) & (chosen < start + len(block))] - start
        if len(rows):
            kept.append(np.array(block[rows]))
        start += len(block)
    return np.concatenate(kept), chosen


def _pictures(path, image_shape, resize):
    if image_shape[2] not in (1, 3):
        raise ValueError(
            "Pictures are read as images of 1 or 3 channels, transparency over black. Expected an "
            f".npy or .npz file for a model of {image_shape[2]} channels. Received: {str(path)!r}"
        )
    root = path if path.is_dir() else path.parent
    visible = sorted(walk(root)) if path.is_dir() else [path]
    chosen = [file for file in visible if is_picture(file)]
    if not chosen:
        raise FileNotFoundError(
            f"Expected pictures ({', '.join(SUFFIXES)}). Received: {str(path)!r}, without any"
        )
    prepare = Preparation(tuple(image_shape[:2]), image_shape[2]) if resize else None

    def blocks(size):
        for start in range(0, len(chosen), size):
            yield np.stack(
                [_picture(file, image_shape, prepare) for file in chosen[start : start + size]]
            )

    def pick(numbers):
        return np.stack([_picture(chosen[i], image_shape, prepare) for i in numbers])

    names = [file.relative_to(root).as_posix() for file in chosen]
    left_out = tuple(f.relative_to(root).as_posix() for f in visible if not is_picture(f))
    return Images(len(chosen), blocks, names, left_out, pick, bits=False)


def _picture(file, image_shape, prepare):
    image = read_image(file)
    if prepare is not None:
        image = prepare(image[None])[0]
    if image.shape != tuple(image_shape):
        height, width, channels = image_shape
        raise ValueError(
            f"Expected pictures of {height} x {width} with {channels} channel(s); "
            "resize=True (--resize) brings others there. "
            f"Received: {str(file)!r} of shape {image.shape}"
        )
    return image


def _memory_map(path, image_shape, resize):
    array = as_batch(np.load(path, mmap_mode="r", allow_pickle=False), image_shape, resize)
    return Images(
        len(array), lambda size: (array[i : i + size] for i in range(0, len(array), size))
    )


def _npz(path, image_shape, resize):
    with zipfile.ZipFile(path) as packed:
        names = [name.removesuffix(".npy") for name in packed.namelist()]
        if "images" not in names and len(names) != 1:
            raise ValueError(f"expected an array `images`, or one array; received {sorted(names)}")
        member = "images.npy" if "images" in names else packed.namelist()[0]

    @contextlib.contextmanager
    def opened():
        with zipfile.ZipFile(path) as packed, packed.open(member) as file:
            yield file

    with opened() as file:
        shape, fortran, dtype = npy_header(file)
        start = file.tell()
    if dtype.hasobject or fortran:
        raise ValueError(f"expected numbers in C order; received {dtype}, fortran_order={fortran}")
    array = _without_memory(shape, dtype)
    return _stream(path, opened, start, as_batch(array, image_shape, resize))


def _idx(path, image_shape, resize):
    with plain(path) as file:
        shape, dtype, start = idx_header(file, path)
    array = as_batch(_without_memory(shape, dtype), image_shape, resize)
    return _stream(path, lambda: plain(path), start, array)


def _without_memory(shape, dtype):
    """Returns an array of a shape that takes no memory: `as_batch` has the rules on shapes."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _stream(path, opened, start, batch):
    """Returns images stored one after the other from byte `start` on.

    Args:
        path: The file, for messages.
        opened: From nothing to a context that gives its plain content.
        start: The first image's first byte.
        batch: An array [N, H, W, C] of their shape and dtype, whose values are not read.
    """
    count, dtype, shape = len(batch), batch.dtype, batch.shape[1:]
    row = math.prod(shape) * dtype.itemsize

    def blocks(size):
        with _named(path), opened() as file:
            file.read(start)
            for first in range(0, count, size):
                number = min(size, count - first)
                content = file.read(number * row)
                if len(content) != number * row:
                    raise ValueError(f"expected {count} images; it ends before")
                yield np.frombuffer(content, dtype).reshape(number, *shape)
            if file.read(1):
                raise ValueError(f"expected {count} images; it goes on after them")

    return Images(count, blocks)


@contextlib.contextmanager
def _named(path):
    """Turns whatever a reader raises at a damaged file into a ValueError that names it."""
    try:
        yield
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"Cannot read images from {str(path)!r}. Received: {reason}") from error
