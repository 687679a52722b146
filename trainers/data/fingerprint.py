"""Hashes of the images and labels of data sets, by which a run recognises its data."""

import hashlib

import numpy as np

from trainers.data.dataset import Dataset
from trainers.data.streamed import is_streamed

MOST_BYTES = 2**29  # hashed of the images of a split: all of MNIST or CIFAR-10
MOST_STREAMED_BYTES = 2**26  # of streamed images, each of which has to be decoded
BLOCK_BYTES = 2**24


def fingerprint(dataset: Dataset, most_bytes: int | None = None) -> dict[str, str | None]:
    """Returns hashes of the images and labels of a split; their order matters.

    Args:
        dataset: The split.
        most_bytes: Images of more bytes are sampled: examples at even distances, the first and the
            last among them. Labels are hashed whole. `MOST_BYTES` by default, and
            `MOST_STREAMED_BYTES` of streamed images, whose `identity` is hashed too.

    Returns:
        `{"images": ..., "labels": ...}`: SHA-256 in hexadecimal digits, None without labels.
    """
    images, labels = dataset.images, dataset.labels
    streamed = is_streamed(images)
    if most_bytes is None:
        most_bytes = MOST_STREAMED_BYTES if streamed else MOST_BYTES
    return {
        "images": _hash(images, most_bytes, images.identity if streamed else ""),
        "labels": None if labels is None else _hash(labels.astype("<i8"), labels.size * 8),
    }


def changes(before: dict, now: dict) -> list[str]:
    """Returns which parts of which splits differ: "the images of train", for example.

    Args:
        before: Role of a split -> its fingerprint.
        now: The same, of the present data. A role that is missing has changed whole.
    """
    return [
        f"the {part} of {role}"
        for role, hashes in before.items()
        for part, value in hashes.items()
        if now.get(role, {}).get(part) != value
    ]


def _hash(array, most_bytes, identity=""):
    """Returns the hash of an array [N, ...], read in blocks of examples, and of a text."""
    count, bytes_each = len(array), array.itemsize * int(np.prod(array.shape[1:]))
    number = min(count, max(2, most_bytes // bytes_each))
    rows = np.linspace(0, count - 1, number).astype(int)
    block = max(1, BLOCK_BYTES // bytes_each)
    digest = hashlib.sha256(f"{array.dtype.str}{list(array.shape)}{identity}".encode())
    for start in range(0, number, block):
        chosen = slice(start, start + block) if number == count else rows[start : start + block]
        digest.update(np.ascontiguousarray(array[chosen]))
    return digest.hexdigest()
