"""Small shards of WebDataset, as tests need them."""

import io
import tarfile

import numpy as np
from PIL import Image


def picture(array, suffix="png"):
    """Returns the bytes of a picture file of uint8 [H, W] or [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "jpeg" if suffix in ("jpg", "jpeg") else suffix)
    return buffer.getvalue()


def write(path, members):
    """Writes a tar file of {name: bytes}, or of `tarfile.TarInfo` entries without bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def samples(images, labels=None, first=0):
    """Returns members `00000.png` [and `00000.cls`] of images and labels."""
    members = {}
    for row, image in enumerate(images, first):
        members[f"{row:05d}.png"] = picture(image)
        if labels is not None:
            members[f"{row:05d}.cls"] = str(labels[row - first]).encode()
    return members


def random_images(count, shape=(8, 8), seed=17):
    """Returns uint8 [N, ...] without two images that are alike."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def shard_set(folder, images, labels, shards=3, name="train"):
    """Writes images and labels to some shards `NAME-000.tar`; returns their paths."""
    parts = np.array_split(np.arange(len(images)), shards)
    return [
        write(folder / f"{name}-{i:03d}.tar", samples(images[part], labels[part], int(part[0])))
        for i, part in enumerate(parts)
    ]
