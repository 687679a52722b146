"""Encodes images of any number to features, in constant memory.

python -m export.encode --model=NAME --images=FOLDER_OR_FILE --out=features.npz [--resize]

With a folder as `--out` it writes shards of Parquet, a row an image. The same command again writes
the shards that are not there. `--executor=ray` writes them on the nodes of a Ray cluster.
"""

import sys
import warnings
from pathlib import Path

from export import pictures
from export.encoding import archive
from trainers import executors, scripts
from trainers.executors import options as cluster_options
from trainers.executors.cluster import Cluster
from zoo.arguments import check_names, positive_int

SHARD_ROWS = 8192


def encode(
    model,
    images,
    out,
    resize=False,
    batch_size=256,
    progress=True,
    fit=None,
    nll=0,
    shard_rows=SHARD_ROWS,
    executor="local",
    **cluster,
):
    """Writes the features of all images to an npz file, or to a folder of Parquet shards.

    An npz file is whole or not there at all. It holds `features` float32 [N, Z] (posterior means),
    `files` [N] (paths inside the folder; only for pictures), `nll` float64 [N] if asked for, and
    `encoder_sha256`.

    A folder gets a file for each `shard_rows` images, in their order, each whole or not there at
    all. The columns are `key` (the number of the image), `path` (of pictures in a folder or in
    shards of WebDataset), `features` and `nll`. Shards that are there are not written again.

    Args:
        model: A released name, an artifact's folder, a URL with its hash, or an encoder's ONNX
            file; see `zoo.load_encoder`.
        images: A folder, file or data set; see `export.pictures.open_images`.
        out: The npz file, or a folder's path without an ending.
        resize: Whether images are brought to the model's size and channels; see
            `zoo.light.images.resize_images`.
        batch_size: Images at a time.
        progress: Whether to say on standard error what was left out, and to show a bar there if
            it is a terminal and tqdm is installed.
        fit: Deprecated; the earlier name of `resize`.
        nll: Importance samples of the NLL of each image, in nats; 0 for none.
        shard_rows: Images of a shard, a multiple of `batch_size`.
        executor: "local", this process, or "ray", for a folder alone.
        **cluster: Arguments of `trainers.executors.cluster.Cluster`, for "ray".

    Returns:
        The number of images.

    Raises:
        FileNotFoundError: If the model or the images are absent.
        TypeError, ValueError: If an image cannot be read or does not fit; no npz file and no
            shard of it is written. If the folder has shards of other settings.
        ImportError: If the images are pictures and Pillow is not installed, or a folder is asked
            for and pyarrow is not, or Ray and Ray is not.
    """
    if fit is not None:
        warnings.warn("`fit` is now `resize`", DeprecationWarning, stacklevel=2)
        resize = fit
    check_names([executor], executors.NAMES, "executor")
    nll = positive_int("nll", nll) if nll else 0
    out = Path(out).expanduser()
    is_folder = not out.suffix or out.is_dir()
    if out.suffix != ".npz" and not is_folder:
        raise ValueError(
            "Expected a folder for shards of Parquet, or a file that ends in .npz. "
            f"Received: out={str(out)!r}"
        )
    if executor != "local" and not is_folder:
        raise ValueError(
            f"Expected a folder for shards of Parquet with executor={executor!r}. "
            f"Received: out={str(out)!r}"
        )
    if cluster and executor == "local":
        raise ValueError(f"Expected executor='ray' with {next(iter(cluster))}. Received: 'local'")
    if is_folder:
        sizes = {"shard_rows": shard_rows, "batch_size": batch_size}
        return _to_shards(model, images, out, resize, nll, sizes, executor, cluster, progress)
    return archive.write(model, images, out, resize, nll, batch_size, progress)


def _to_shards(model, images, out, resize, nll, sizes, executor, cluster, progress):
    from export.encoding import plan, write  # they need pyarrow

    made, source = plan.make(model, images, out, resize, nll, **sizes)
    if progress:
        pictures.say_left_out(source)
    if executor == "local":
        write.shards(made, source, progress=progress)
        return source.count
    opened = Cluster(**cluster)
    try:
        write.shards(made, source, opened, progress)
    finally:
        opened.close()
    return source.count


@scripts.reported
def main(arguments=None):
    """Encodes what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--model", required=True, help="released name, folder or URL")
    pictures.add_images(parser, "what is encoded")
    parser.add_argument("--out", required=True, help="the npz file, or the folder of shards")
    pictures.add_resize(parser)
    parser.add_argument("--nll", type=int, default=0, help="samples of each image's NLL; 0: none")
    parser.add_argument("--shard_rows", type=int, default=SHARD_ROWS, help="images of a shard")
    parser.add_argument("--executor", choices=executors.NAMES, default="local", help="where")
    parser.add_argument("--jobs", type=int, default=0, help="actors at most on Ray; 0: all cores")
    cluster_options.add_arguments(parser)
    options = parser.parse_args(arguments)
    cluster = cluster_options.chosen(options.executor, vars(options))
    if options.executor == "ray":
        cluster["jobs"] = options.jobs
    count = encode(
        *(options.model, options.images, options.out, options.resize),
        nll=options.nll,
        shard_rows=options.shard_rows,
        executor=options.executor,
        **cluster,
    )
    print(f"{count} images -> {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
