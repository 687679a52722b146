"""Encodes images to one npz file, whole or not at all, in constant memory."""

import zipfile
from pathlib import Path

import numpy as np

from export import pictures
from zoo.arguments import positive_int
from zoo.light import probability, runtime, streaming
from zoo.releases import card as cards
from zoo.storage import files


def write(model, images, out, resize=False, nll=0, batch_size=256, progress=False):
    """Writes the features of all images to `out`; arguments, result and errors as `encode`."""
    batch_size = positive_int("batch_size", batch_size)
    path = Path(images).expanduser()
    if out.exists() and path.exists() and out.samefile(path):
        raise ValueError(f"Expected another file than the images'. Received: out={str(out)!r}")
    encoder = runtime.load_encoder(model)
    densities = probability.load_probability(model) if nll else None
    source = pictures.open_images(images, encoder.image_shape, resize)
    if progress:
        pictures.say_left_out(source)
    extra = {"encoder_sha256": cards.graph_hash(encoder.card, "encoder")}
    if source.files is not None:
        extra["files"] = source.files
    with files.atomic_path(out) as path, zipfile.ZipFile(path, "w") as packed:
        shape = (source.count, encoder.latent_dim)
        measured, count = [], 0
        with packed.open("features.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with streaming.bar(progress and streaming.can_show(), source.count) as advance:
                bits = source.are_bits()
                for block in source.blocks(batch_size):
                    features = encoder.features(block, batch_size=batch_size, bits=bits)
                    file.write(features.astype("<f4", copy=False).tobytes())
                    if densities is not None:
                        measured.append(densities.nll(block, nll, bits=bits, first=count))
                    count += len(block)
                    advance(len(block))
        if densities is not None:
            extra["nll"] = np.concatenate(measured)
        for name, value in extra.items():
            with packed.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
    return source.count
