"""The contract of a data source: its kind, how its names are written, and how it is opened."""

import dataclasses
from collections.abc import Callable

from trainers.data.images import Preparation
from trainers.data.opened import OpenedSource


@dataclasses.dataclass(frozen=True)
class Request:
    """The data set that a name asks for.

    Args:
        name: `data.name` as it was written.
        path: What follows the kind, with `~` expanded: the path of `folder:PATH`. The whole name
            where nothing follows a kind.
        data_dir: Folder of TensorFlow Datasets; None means its default.
        size: (H, W) in pixels, or None for the stored size.
        channels: 1, 3, or None for the stored number.
        download: Whether data may be downloaded.
        crop: Side in pixels of the middle square that is taken before resizing, or None.
        fit: "crop" or "pad": how a picture of another shape is brought to `size`.
        cut: (validation_fraction, test_fraction, seed), for data without splits of its own.
        spellings: How the names of all sources are written, for messages.
        exact_names: Names that are a source's kind alone, such as `digits`, for messages.
    """

    name: str
    path: str = ""
    data_dir: str | None = None
    size: tuple[int, int] | None = None
    channels: int | None = None
    download: bool = True
    crop: int | None = None
    fit: str = "crop"
    cut: tuple[float, float, int] = (0.1, 0.1, 17)
    spellings: str = ""
    exact_names: tuple[str, ...] = ()

    def preparation(self) -> Preparation:
        """Returns the crop, size and channels that images are brought to."""
        return Preparation(self.size, self.channels, crop=self.crop, fit=self.fit)


@dataclasses.dataclass(frozen=True)
class Source:
    """A kind of data. A module of `trainers.data.sources` declares one as `SOURCE`.

    Args:
        kind: The name of its module, and what stands before the colon of `folder:PATH`.
        open: From a `Request` to an `OpenedSource`. `docs/data.md` has its docstring, without the
            first paragraph, arguments and errors.
        text: What it reads, in one sentence.
        argument: What follows the kind in a name: "PATH" for `folder:PATH`. Where it is empty the
            kind alone is the name.
        any_name: What its names are called ("a TFDS name"), for a source that takes every name
            that belongs to no other source; otherwise "".
        endings: Ends of names that are paths, although they do not begin like one: ".npz".
        recognises: From a path that exists to whether it belongs to this source.
        priority: The source of the highest priority that recognises a path reads it.
    """

    kind: str
    open: Callable[[Request], OpenedSource]
    text: str
    argument: str = ""
    any_name: str = ""
    endings: tuple[str, ...] = ()
    recognises: Callable[[str], bool] | None = None
    priority: int = 0

    @property
    def spelling(self) -> str:
        """How its names are written: `digits`, `folder:PATH`, `a TFDS name`."""
        return self.any_name or (f"{self.kind}:{self.argument}" if self.argument else self.kind)

    @property
    def is_exact(self) -> bool:
        """Whether its kind alone is its only name."""
        return not (self.argument or self.any_name)
