"""Encodes images of any number to features, in constant memory.

python -m export.encode --model=NAME --images=FOLDER_OR_FILE --out=features.npz [--resize]
"""

import importlib.util
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np

from export import pictures
from trainers import scripts
from zoo.arguments import positive_int
from zoo.light import runtime, streaming
from zoo.storage import files


def encode(model, images, out, resize=False, batch_size=256, progress=True, fit=None):
    """Writes the features of all images to one npz file, whole or not at all.

    The file holds `features` float32 [N, Z] (posterior means), `files` [N] (paths inside the
    folder; only for pictures) and `encoder_sha256`.

    Args:
        model: A released name, an artifact's folder, a URL with its hash, or an encoder's ONNX
            file; see `zoo.load_encoder`.
        images: A folder or file; see `export.pictures.open_images`.
        out: The npz file.
        resize: Whether images are brought to the model's size and channels; see
            `zoo.light.images.resize_images`.
        batch_size: Images at a time.
        progress: Whether to say on standard error what was left out, and to show a bar there if
            it is a terminal and tqdm is installed.
        fit: Deprecated; the earlier name of `resize`.

    Returns:
        The number of images.

    Raises:
        FileNotFoundError: If the model or the images are absent.
        TypeError, ValueError: If an image cannot be read or does not fit; nothing is written.
        ImportError: If the images are pictures and Pillow is not installed.
    """
    if fit is not None:
        warnings.warn("`fit` is now `resize`", DeprecationWarning, stacklevel=2)
        resize = fit
    out = Path(out).expanduser()
    if out.suffix != ".npz":
        raise ValueError(f"Expected a file that ends in .npz. Received: out={str(out)!r}")
    batch_size = positive_int("batch_size", batch_size)
    path = Path(images).expanduser()
    if out.exists() and path.exists() and out.samefile(path):
        raise ValueError(f"Expected another file than the images'. Received: out={str(out)!r}")
    encoder = runtime.load_encoder(model)
    source = pictures.open_images(images, encoder.image_shape, resize)
    if progress and source.left_out:
        some = ", ".join(source.left_out[:5])
        print(f"{len(source.left_out)} files are no pictures: {some}", file=sys.stderr)
    file = encoder.card["graphs"]["encoder"]["file"]
    extra = {"encoder_sha256": encoder.card["files"][file]["sha256"]}
    if source.files is not None:
        extra["files"] = source.files
    with files.atomic_path(out) as path, zipfile.ZipFile(path, "w") as packed:
        shape = (source.count, encoder.latent_dim)
        with packed.open("features.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            with streaming.bar(progress and _can_show(), source.count) as advance:
                bits = source.are_bits()
                for block in source.blocks(batch_size):
                    features = encoder.features(block, batch_size=batch_size, bits=bits)
                    file.write(features.astype("<f4", copy=False).tobytes())
                    advance(len(block))
        for name, value in extra.items():
            with packed.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
    return source.count


def _can_show():
    return importlib.util.find_spec("tqdm") is not None


@scripts.reported
def main(arguments=None):
    """Encodes what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--model", required=True, help="released name, folder or URL")
    pictures.add_images(parser, "what is encoded")
    parser.add_argument("--out", required=True, help="the npz file to write")
    pictures.add_resize(parser)
    options = parser.parse_args(arguments)
    count = encode(options.model, options.images, options.out, options.resize)
    print(f"{count} images -> {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
