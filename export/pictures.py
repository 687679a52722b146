"""Images of a folder or a file, block by block: any number of them in constant memory."""

import contextlib
import dataclasses
import functools
import hashlib
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from trainers.data.images import Preparation
from trainers.data.sources import all_sources, open_source
from trainers.data.streamed import is_streamed
from zoo.light.axes import as_batch
from zoo.light.images import BLOCK, are_bits, resize_images
from zoo.light.pictures import SUFFIXES, is_picture, listed, read_image
from zoo.storage.stored import DAMAGE, OpenArray, plain, stored_idx, stored_member

_IDX = b"\0\0\x08"  # the first three bytes of an IDX file of unsigned bytes


@dataclasses.dataclass(frozen=True)
class Images:
    """Images that are read when they are asked for.

    Args:
        count: How many.
        blocks: From a block's size, and a first image and the one behind the last (all by
            default), to an iterator over arrays [n, H, W, C].
        files: Their paths inside the folder, or None if they come from one array.
        left_out: Files of the folder that are no pictures, by their suffix.
        pick: From numbers of images to them, [n, H, W, C], where that does not read the others.
        bits: Whether bytes are zeros and ones; None where an array has to be read to know.
        names: From a first image and the one behind the last to their names, a list, or to None
            where they have no names.
        stamp: Gives a text that changes with the stored images.
    """

    count: int
    blocks: Callable
    files: list | None = None
    left_out: tuple = ()
    pick: Callable | None = None
    bits: bool | None = None
    names: Callable = lambda start, stop: None
    stamp: Callable = str

    def are_bits(self):
        """Returns whether bytes are zeros and ones and no grey levels: never those of pictures."""
        return are_bits(self.blocks(BLOCK)) if self.bits is None else self.bits


def open_images(path, image_shape, resize=False):
    """Opens images for a model.

    A folder (pictures below it, in the order of their paths), one picture, `.npy`, `.npz` (its
    array `images`, or its only one), or an IDX file of bytes, gzipped or not. Or the name of a
    data set of `trainers.data.sources`: `wds:PATTERN` or `hf:PATH`, which are streamed, or
    `tfds:NAME`, which is read whole; its images are those of all splits.

    Args:
        path: Folder, file or name.
        image_shape: (H, W, C) of the model.
        resize: Whether images are brought to the model's size and channels; see
            `zoo.light.images.resize_images`.

    Returns:
        An `Images`.

    Raises:
        FileNotFoundError: If there is no such path, or no picture in the folder.
        ValueError: If a file cannot be read or does not fit the model; names it.
    """
    if _is_name(path):
        return _of_source(str(path), image_shape, resize)
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"Expected a folder or a file of images. Received: {str(path)!r}")
    if path.is_dir() or is_picture(path):
        return _pictures(path, image_shape, resize)
    stored = _array(path, image_shape, resize)
    return _resized(stored, image_shape) if resize else stored


def absolute(path):
    """Returns a path of images as an absolute one, and the name of a data set with such paths."""
    if not _is_name(path):
        return str(Path(path).expanduser().absolute())
    kind, _, rest = str(path).partition(":")
    if not all_sources()[kind].argument:  # what follows is no path
        return str(path)
    parts = [os.path.abspath(os.path.expanduser(part)) for part in rest.split("::")]
    return f"{kind}:{'::'.join(parts)}"


def say_left_out(source):
    """Prints on standard error which files of a folder are no pictures, if there are some."""
    if source.left_out:
        some = ", ".join(source.left_out[:5])
        print(f"{len(source.left_out)} files are no pictures: {some}", file=sys.stderr)


def add_images(parser, purpose, required=True):
    """Adds `--images` to a command line.

    Args:
        parser: An `argparse.ArgumentParser`.
        purpose: What the images are for, the beginning of the help.
        required: Whether the command needs them.
    """
    sources = all_sources().values()
    names = [source.spelling for source in sources if source.argument]
    names = ", ".join(names + [f"{source.kind}:NAME" for source in sources if source.any_name])
    text = f"{purpose}: folder, picture, .npy, .npz or IDX file; or a data set: {names}"
    parser.add_argument("--images", required=required, help=text)


def add_resize(parser):
    """Adds `--resize` to a command line, and `--fit`, its earlier name."""
    text = "crop and resize images to the model, and make them grey or RGB (--fit: deprecated)"
    parser.add_argument("--resize", "--fit", action="store_true", help=text)


def _is_name(path):
    """Returns whether a path is the name of a data set: a source's kind, a colon and more."""
    kind, colon, _ = str(path).partition(":")
    return bool(colon) and kind in all_sources() and not Path(path).exists()


def _of_source(name, image_shape, resize):
    """Opens a data set by its name; images are read block by block."""
    size, channels = tuple(image_shape[:2]), image_shape[2]
    opened = open_source(name, size=size, channels=channels) if resize else open_source(name)
    whole = "all" if "all" in opened.splits else "+".join(opened.splits)
    images, _ = opened.read(whole)
    if images.shape[1:] != tuple(image_shape):
        raise _wrong_shape(name, images.shape[1:], image_shape)
    if not is_streamed(images):
        content = np.ascontiguousarray(images)
        return Images(
            len(images),
            _slices(images),
            pick=images.__getitem__,
            stamp=lambda: hashlib.sha256(content).hexdigest(),
        )
    return Images(
        len(images),
        _slices(images),
        pick=images.__getitem__,
        bits=False,
        names=lambda start, stop: images.names(slice(start, stop)),
        stamp=lambda: f"{images.identity} {images.shape}",
    )


def _slices(images):
    """Returns `Images.blocks` of an array, or of what is indexed as one."""

    def blocks(size, start=0, stop=None):
        stop = len(images) if stop is None else stop
        return (images[i : min(i + size, stop)] for i in range(start, stop, size))

    return blocks


def _array(path, image_shape, resize):
    """Opens a file of one array, its images of the stored size."""
    with _named(path):
        if path.suffix == ".npy":
            return _memory_map(path, image_shape, resize)
        if path.suffix == ".npz":
            return _stream(path, _npz(path), image_shape, resize)
        with plain(path) as file:
            if file.read(3) == _IDX:
                return _stream(path, stored_idx(path), image_shape, resize)
    raise ValueError(
        f"Expected a folder, a picture ({', '.join(SUFFIXES)}), .npy, .npz or an IDX file of "
        f"bytes. Received: {str(path)!r}"
    )


def _resized(stored, image_shape):
    """Returns images that are brought to the model's size and channels when they are read."""
    are_bits = functools.cache(stored.are_bits)

    def blocks(size, start=0, stop=None):
        bits = are_bits()
        for block in stored.blocks(size, start, stop):
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
    blocks, start = [], 0
    for block in source.blocks(size):
        block = as_batch(block, image_shape)
        rows = chosen[(chosen >= start) & (chosen < start + len(block))] - start
        if len(rows):
            blocks.append(np.array(block[rows]))
        start += len(block)
    return np.concatenate(blocks), chosen


def _pictures(path, image_shape, resize):
    if image_shape[2] not in (1, 3):
        raise ValueError(
            "Pictures are read as images of 1 or 3 channels, transparency over black. Expected an "
            f".npy or .npz file for a model of {image_shape[2]} channels. Received: {str(path)!r}"
        )
    root = path if path.is_dir() else path.parent
    chosen, unused = listed(path) if path.is_dir() else ([path], {})
    prepare = Preparation(tuple(image_shape[:2]), image_shape[2]) if resize else None

    def blocks(size, start=0, stop=None):
        stop = len(chosen) if stop is None else stop
        for first in range(start, stop, size):
            rows = chosen[first : min(first + size, stop)]
            yield np.stack([_picture(file, image_shape, prepare) for file in rows])

    def pick(numbers):
        return np.stack([_picture(chosen[i], image_shape, prepare) for i in numbers])

    names = [file.relative_to(root).as_posix() for file in chosen]
    others = sorted(unused.get("not pictures", ()))
    left_out = tuple(file.relative_to(root).as_posix() for file in others)
    return Images(
        len(chosen),
        blocks,
        names,
        left_out,
        pick,
        bits=False,
        names=lambda start, stop: names[start:stop],
        stamp=lambda: _stamp(zip(names, chosen)),
    )


def _stamp(files):
    """Returns a hash of the names, sizes and dates of (name, path) of files."""
    digest = hashlib.sha256()
    for name, path in files:
        state = path.stat()
        line = f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _picture(file, image_shape, prepare):
    image = read_image(file)
    if prepare is not None:
        image = prepare(image[None])[0]
    if image.shape != tuple(image_shape):
        raise _wrong_shape(file, image.shape, image_shape)
    return image


def _wrong_shape(file, shape, image_shape):
    """Returns the error for pictures of another size or number of channels."""
    height, width, channels = image_shape
    return ValueError(
        f"Expected pictures of {height} x {width} with {channels} channel(s); "
        f"resize=True (--resize) brings others there. Received: {str(file)!r} of shape {shape}"
    )


def _memory_map(path, image_shape, resize):
    array = as_batch(np.load(path, mmap_mode="r", allow_pickle=False), image_shape, resize)
    return Images(len(array), _slices(array), stamp=lambda: _stamp([("", path)]))


def _npz(path):
    """Returns the array `images` of an archive, or its only one."""
    with zipfile.ZipFile(path) as packed:
        members = {name.removesuffix(".npy"): name for name in packed.namelist()}
    if "images" not in members and len(members) != 1:
        raise ValueError(f"expected an array `images`, or one array; received {sorted(members)}")
    return stored_member(path, members.get("images") or next(iter(members.values())))


def _stream(path, stored, image_shape, resize):
    """Returns the images of a `StoredArray`, read block by block."""
    stored.check_blocks()
    batch = as_batch(stored.without_memory(), image_shape, resize)  # it has the rules on shapes
    images = dataclasses.replace(stored, shape=batch.shape)
    kept_open = OpenArray(images)

    def blocks(size, start=0, stop=None):
        with _named(path):
            if start == 0 and stop is None:
                yield from images.blocks(size)
            else:
                yield from kept_open.blocks(size, start, len(batch) if stop is None else stop)

    return Images(len(batch), blocks, stamp=lambda: _stamp([("", path)]))


@contextlib.contextmanager
def _named(path):
    """Turns whatever a reader raises at a damaged file into a ValueError that names it."""
    try:
        yield
    except DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"Cannot read images from {str(path)!r}. Received: {reason}") from error
