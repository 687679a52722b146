"""`load`: from a name or a path to one split, a `Dataset`."""

from trainers.data import splits
from trainers.data.dataset import Dataset
from trainers.data.opened import OpenedSource
from trainers.data.sources import open_source


def load(
    name,
    split="train",
    data_dir=None,
    binarisation="none",
    image_size=None,
    channels=None,
    download=True,
    validation_fraction=0.1,
    test_fraction=0.1,
    split_seed=17,
):
    """Loads one split of a data set into memory.

    A name is one of those that the modules of `trainers.data.sources` read, such as `digits`,
    `mnist` or `folder:PATH`; `sources.help_text()` lists them. A path without its kind is enough
    where a source recognises it. Data without splits of its own is cut by the two fractions and
    `split_seed`; its split `all` is everything.

    Args:
        name: As above.
        split: Split, slice or sum, as TFDS writes them: `train[:50000]`, `small1+small2`.
        data_dir: Folder of TFDS's data; None means TFDS_DATA_DIR, or TFDS's default.
        binarisation: "none", "static" or "dynamic".
        image_size: Side, or (H, W), in pixels; None keeps the stored size.
        channels: 1 or 3; None keeps the stored number.
        download: Whether TFDS may download missing data.
        validation_fraction: Share held out for validation where the source has no splits.
        test_fraction: Share held out for test where the source has no splits.
        split_seed: Seed by which such data is cut.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If a name, split, file or value is wrong.
        FileNotFoundError: If the data is not there.
    """
    opened = open_source(
        name,
        data_dir=data_dir,
        size=image_sides(image_size),
        channels=channels or None,
        download=download,
        cut=(validation_fraction, test_fraction, split_seed),
    )
    return read_split(opened, split, binarisation)


def _is_binary(name):
    return str(name).partition("/")[0].partition(":")[0] == "binarized_mnist"


def binarisation_of(config):
    """Returns the binarisation of the data of a config's `data`: static where it ships so."""
    return "static" if _is_binary(config.get("name")) else config.get("binarisation") or "none"


def read_split(
    source: OpenedSource, split: str, binarisation: str, limit: splits.Limit | None = None
) -> Dataset:
    """Reads a split of an open source.

    Args:
        source: From `open_source`.
        split: Split, slice or sum, as TFDS writes them.
        binarisation: "none", "static" or "dynamic".
        limit: How many examples are read; None means all.

    Raises:
        ValueError: If there is no such split, or the images cannot be binarised so.
    """
    splits.check_names(split, source.splits, source.name)
    images, labels = source.read(split, limit)
    is_part = limit is not None and limit.number < splits.size(split, source.sizes)
    preprocessing = source.preprocessing
    if _is_binary(source.name):
        if binarisation == "dynamic":
            raise ValueError(
                "binarized_mnist is binary as shipped; for dynamic binarisation take mnist. "
                "Received: binarisation='dynamic'"
            )
        binarisation = "static"
        shipped = "pixels are 0 or 1 as shipped"
        preprocessing = shipped if preprocessing == "none" else f"{shipped}; {preprocessing}"
    return Dataset(
        name=source.name,
        split=split,
        images=images,
        labels=labels,
        class_names=source.class_names,
        binarisation=binarisation,
        source=source.text,
        preprocessing=preprocessing,
        source_examples=source.sizes.get("all") or sum(source.sizes.values()) or None,
        shuffled=source.shuffled,
        part="" if not is_part else "first" if source.shuffled else "drawn",
    )


def image_sides(image_size) -> tuple[int, int] | None:
    """Returns (H, W) of a side, a pair, or nothing (None, 0, empty)."""
    if image_size is None or image_size == 0 or (hasattr(image_size, "__len__") and not image_size):
        return None
    if hasattr(image_size, "__len__"):
        return tuple(int(side) for side in image_size)
    return int(image_size), int(image_size)
