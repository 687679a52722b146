"""`load`: from a name or a path to a `Dataset`; `load_splits`: from a config to all its splits.

A source is a name and a way of reading a split; it knows nothing of binarisation or batches.
"""

import dataclasses
import functools
import os

import numpy as np

from trainers.data import splits
from trainers.data.dataset import Dataset, convert_images, convert_labels
from trainers.data.folder import read_folder
from trainers.data.images import Preparation
from trainers.data.readers import Source, partitioned, read_idx, read_npz
from zoo.registry import nearest

KINDS = {"folder": read_folder, "npz": read_npz, "idx": read_idx}
# Named where TFDS is not installed and cannot be asked.
COMMON_NAMES = ("binarized_mnist", "celeb_a", "cifar10", "fashion_mnist", "mnist", "omniglot")
CONFIG_KEYS = (
    *("name", "data_dir", "binarisation", "image_size", "channels", "download", "limit"),
    *("train_split", "validation_split", "test_split"),
    *("validation_fraction", "test_fraction", "split_seed", "distinct", "pixel_scale"),
    *("crop", "rotations", "test_limit"),
)


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

    Names:
        digits: scikit-learn's 1,797 digits of 8x8 and 17 levels, resized bilinearly to 20x20 and
            set in the middle of 28x28, as MNIST's are; train, validation and test by label.
        a TFDS name, such as mnist, binarized_mnist, fashion_mnist, cifar10, celeb_a: any with an
            `image`. omniglot is made grey, inverted (ink is 1) and, without image_size, 28x28.
        folder:/path: pictures in one folder, or in a folder for each class, or either of them
            under `train`, `validation` and `test`, in any usual spelling (`Train`, `val`).
        npz:/path: arrays `images` and `labels`, or `x_train`, `y_train`, `x_test`, ..., in any
            usual spelling (`X_train`, `train_labels`).
        idx:/path: MNIST's files, with or without `.gz`, in a folder; or one file of images.
    A path without its kind is enough where the kind can be told. Sources without splits of their
    own are cut by the two fractions and `split_seed`; their split `all` is everything.

    Args:
        name: As above.
        split: Split, slice or sum, in TFDS's writing: `train[:50000]`, `small1+small2`.
        data_dir: Folder of TFDS's data; None means TFDS_DATA_DIR, or TFDS's own default.
        binarisation: "none", "static" or "dynamic".
        image_size: Side, or (H, W), in pixels; None keeps the stored size.
        channels: 1 or 3; None keeps the stored number.
        download: Whether TFDS may download data that is not there.
        validation_fraction: Share held out for validation where the source has no splits.
        test_fraction: Share held out for test where the source has no splits.
        split_seed: Seed of that cut.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: If a name, split, file or value is wrong.
        FileNotFoundError: If the data is not there.
    """
    source = open_source(
        name,
        data_dir=data_dir,
        size=_size(image_size),
        channels=channels or None,
        download=download,
        cut=(validation_fraction, test_fraction, split_seed),
    )
    return _dataset(source, split, binarisation)


def load_splits(config):
    """Loads the splits that a config's `data` names.

    Args:
        config: A mapping (a ConfigDict, for example) with `name` and any of `data_dir`,
            `binarisation`, `image_size`, `channels`, `train_split`, `validation_split`,
            `test_split`, `download`, `limit` (a number of training examples), `test_limit` (of
            test examples), `validation_fraction`, `test_fraction`, `split_seed`, `distinct` (keep
            each picture once, in the first of train, validation and test that has it),
            `pixel_scale` (multiplies all pixels), `crop` (side of the square in the middle of
            stored pictures, taken before resizing), `rotations` (each picture also turned by 90,
            180 and 270 degrees, with its label, right behind it). Empty values and None mean the
            default: the splits that the source calls train, validation and test. A split called
            "none" is left out. A limit takes the first examples of data that TFDS has shuffled;
            of other data it draws them by `split_seed`, each class by its share.

    Returns:
        A dict with `train`, a `Dataset`, and `validation` and `test`, each a `Dataset` or None.

    Raises:
        ValueError: If a key is unknown, or there is no split to train on.
    """
    for key in config:
        if key not in CONFIG_KEYS:
            raise ValueError(
                f"Expected keys of data among {sorted(CONFIG_KEYS)}. "
                f"Received: {key}={config[key]!r}.{nearest(key, CONFIG_KEYS)}"
            )

    def value(key, default=None):
        given = config.get(key)
        return default if given is None or (isinstance(given, str) and not given) else given

    source = open_source(
        value("name"),
        data_dir=value("data_dir"),
        size=_size(value("image_size")),
        channels=value("channels") or None,
        download=value("download", True),
        crop=value("crop") or None,
        cut=(
            value("validation_fraction", 0.1),
            value("test_fraction", 0.1),
            value("split_seed", 17),
        ),
    )
    chosen = {name: value(f"{name}_split", _default(source, name)) for name in _ROLES}
    if chosen["train"] in (None, "none"):
        raise ValueError(
            f"{source.name!r} has no split called 'train' here; say what to train on, for example "
            f"data.train_split={'+'.join(source.splits)!r}. Received: data.train_split='', "
            f"splits={sorted(source.splits)}"
        )
    limits = {
        role: splits.Limit(value(key), value("split_seed", 17))
        for role, key in (("train", "limit"), ("test", "test_limit"))
        if value(key)
    }
    copies = 4 if value("rotations") else 1
    pictures = {
        role: dataclasses.replace(limit, number=-(-limit.number // copies))
        for role, limit in limits.items()
    }
    loaded = {
        role: None
        if split in (None, "none")
        else _dataset(
            source,
            split,
            value("binarisation", "none"),
            None if value("distinct") else pictures.get(role),
        )
        for role, split in chosen.items()
    }
    if value("distinct"):
        loaded = _distinct(loaded)
        loaded = {role: part and part.limited(pictures.get(role)) for role, part in loaded.items()}
    if value("rotations"):
        loaded = {role: part and _rotated(part) for role, part in loaded.items()}
    loaded = {role: part and _cut(part, limits.get(role)) for role, part in loaded.items()}
    shapes = {role: dataset.image_shape for role, dataset in loaded.items() if dataset}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            "Expected images of one size and one number of channels in all splits; "
            "data.image_size and data.channels bring them to it. "
            f"Received: {', '.join(f'{role} {shape}' for role, shape in shapes.items())}"
        )
    scale = float(value("pixel_scale", 1.0))
    return {
        role: None if dataset is None else dataclasses.replace(dataset, pixel_scale=scale)
        for role, dataset in loaded.items()
    }


def _cut(dataset, limit):
    """Returns a data set that was read with a limit, with its number of examples and its name."""
    if limit is None or not (dataset.part or limit.number < len(dataset)):
        return dataset
    part = dataset.part or ("first" if dataset.shuffled else "drawn")
    return dataclasses.replace(
        dataset.take(limit.number), split=limit.text(dataset.split, part == "first"), part=part
    )


def _distinct(loaded):
    """Leaves out pictures that came before, in their own split or in an earlier one."""
    seen, result = set(), {}
    for role, dataset in loaded.items():
        if dataset is None:
            result[role] = None
            continue
        keys = [image.tobytes() for image in dataset.images]
        kept = []
        for i, key in enumerate(keys):
            if key not in seen:
                seen.add(key)
                kept.append(i)
        if not kept:
            raise ValueError(
                f"Expected pictures in {role} that are not in an earlier split. "
                f"Received: data.distinct=True, split={dataset.split!r}"
            )
        labels = None if dataset.labels is None else dataset.labels[kept]
        split = f"{dataset.split}, each picture once"
        result[role] = dataclasses.replace(
            dataset, images=dataset.images[kept], labels=labels, split=split
        )
    return result


def _rotated(dataset):
    """Puts behind each picture itself turned by 90, 180 and 270 degrees, with its label."""
    height, width, _ = dataset.image_shape
    if height != width:
        raise ValueError(
            "Rotations need square pictures. "
            f"Received: data.rotations=True, image shape {dataset.image_shape}"
        )
    turned = np.stack([np.rot90(dataset.images, k, axes=(1, 2)) for k in range(4)], axis=1)
    return dataclasses.replace(
        dataset,
        images=turned.reshape(-1, *dataset.image_shape),
        labels=None if dataset.labels is None else np.repeat(dataset.labels, 4),
        split=f"{dataset.split}, each picture in four rotations",
    )


_ROLES = ("train", "validation", "test")


def _default(source, role):
    return role if role in source.splits and source.sizes.get(role, 1) else None


def _is_binary(name):
    return str(name).partition("/")[0].partition(":")[0] == "binarized_mnist"


def binarisation_of(config):
    """Returns the binarisation of the data of a config's `data`: static where it ships so."""
    return "static" if _is_binary(config.get("name")) else config.get("binarisation") or "none"


def _dataset(source, split, binarisation, limit=None):
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


def open_source(
    name, data_dir=None, size=None, channels=None, download=True, cut=(0.1, 0.1, 17), crop=None
):
    """Returns the `Source` that `name` means; arguments as in `load`, `cut` its last three."""
    if not name or not isinstance(name, str):
        raise ValueError(f"Expected the name of a data set. Received: name={name!r}")
    if name == "digits":
        return _digits(Preparation(size, channels, crop=crop), cut)
    kind, path = _path_kind(name)
    if kind is not None:
        return KINDS[kind](os.path.expanduser(path), Preparation(size, channels, crop=crop), cut)
    try:
        import tensorflow_datasets  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "Expected digits, folder:PATH, npz:PATH or idx:PATH; TFDS names need "
            '`pip install "elbo-zoo[train]"`. '
            f"Received: name={name!r}.{nearest(name, ('digits', *COMMON_NAMES))}"
        ) from error
    from trainers.data.tfds_source import open_tfds

    return open_tfds(name, data_dir, size, channels, download, crop)


def _path_kind(name):
    """Returns (kind, path) of a name that is a path, or (None, name)."""
    kind, colon, path = name.partition(":")
    if colon and kind in KINDS:
        return kind, path
    path = os.path.expanduser(name)
    base = os.path.basename(path)
    looks = os.path.isabs(path) or name.startswith(".") or base.endswith((".npz", ".gz", "ubyte"))
    if not looks:
        return None, name
    if not os.path.exists(path):
        raise FileNotFoundError(f"Expected a folder or a file that exists. Received: name={name!r}")
    if os.path.isdir(path):
        marks = [entry for entry in os.listdir(path) if "images" in entry and "idx3" in entry]
        return ("idx" if marks else "folder"), path
    if base.endswith(".npz"):
        return "npz", path
    if "idx" in base:
        return "idx", path
    raise ValueError(
        "Expected folder:PATH, npz:PATH or idx:PATH; the kind cannot be told. "
        f"Received: name={name!r}"
    )


def _size(image_size):
    """Returns (H, W) of a side, a pair, or nothing (None, 0, empty)."""
    if image_size is None or image_size == 0 or (hasattr(image_size, "__len__") and not image_size):
        return None
    if hasattr(image_size, "__len__"):
        return tuple(int(side) for side in image_size)
    return int(image_size), int(image_size)


def _digits(preparation, cut):
    images, labels = _digit_arrays()
    source = "scikit-learn load_digits (UCI optical recognition of handwritten digits, test part)"
    steps = "8x8 levels 0-16 scaled to 0-255; resized to 20x20 (bilinear), centred on 28x28"
    more = preparation.text((28, 28, 1))
    return partitioned(
        Source(
            name="digits",
            text=source,
            class_names=tuple("0123456789"),
            preprocessing=steps if more == "none" else f"{steps}; {more}",
        ),
        preparation(images),
        labels,
        cut,
    )


@functools.lru_cache(maxsize=1)
def _digit_arrays():
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
