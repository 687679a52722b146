"""Patches of scikit-learn's two sample photographs: colour pictures that are built in."""

import functools

import numpy as np

from trainers.data.opened import OpenedSource, arrays_source
from trainers.data.source import Request, Source

SIDE = 64  # pixels of a patch
STEP = 8  # pixels from one patch to the next
# Columns of each photograph, 640 wide: no pixel is in two splits.
COLUMNS = {"train": (0, 448), "validation": (448, 544), "test": (544, 640)}


def open_photos(request: Request) -> OpenedSource:
    """Returns patches of 64x64 pixels in colour.

    They are built in: nothing is downloaded. The photographs are `china.jpg` and `flower.jpg`, 427
    pixels high and 640 wide, whose names are the classes. Patches overlap: there is one every 8
    pixels. Training patches are of the left 448 columns, validation patches of the next 96, test
    patches of the last 96.

    Raises:
        ImportError: If scikit-learn or Pillow is not installed.
    """
    names, photographs = _photographs()
    arrays = {}
    for split, (first, last) in COLUMNS.items():
        patches = [_patches(photograph[:, first:last]) for photograph in photographs]
        labels = np.repeat(np.arange(len(patches)), [len(part) for part in patches])
        arrays[split] = (np.concatenate(patches), labels)
    opened = OpenedSource(
        name="photos",
        text="64x64 patches of scikit-learn's sample photographs (load_sample_images)",
        class_names=names,
    )
    return arrays_source(opened, arrays, request.preparation(), request.cut)


def _patches(photograph):
    """Returns all patches [N, SIDE, SIDE, 3] at steps of STEP of a photograph [H, W, 3]."""
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (SIDE, SIDE), axis=(0, 1))
    windows = np.moveaxis(windows[::STEP, ::STEP], 2, -1)
    return windows.reshape(-1, SIDE, SIDE, photograph.shape[-1])


@functools.lru_cache(maxsize=1)
def _photographs():
    """Returns the photographs' names, and the photographs, uint8 [427, 640, 3] each."""
    try:
        from sklearn.datasets import load_sample_images

        photographs = load_sample_images()
    except ImportError as error:
        raise ImportError(
            'The photographs come with scikit-learn: `pip install "elbo-zoo[train]"`.'
        ) from error
    names = tuple(name.rpartition("/")[2].partition(".")[0] for name in photographs.filenames)
    return names, photographs.images


SOURCE = Source(
    kind="photos",
    open=open_photos,
    text="patches of 64x64 pixels of scikit-learn's two sample photographs.",
)
