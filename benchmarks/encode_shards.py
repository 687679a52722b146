"""Encodes many images here and on a simulated Ray cluster, and kills a node of it in the middle.

python -m benchmarks.encode_shards --count=1000000 --rounds=2

The cluster has two nodes of one core each on this machine. Rounds take turns: this process's own
encoding, then the cluster's. A last encoding loses a node once a third of the shards are there. All
rows of all encodings are compared. Times are of the whole command, its start included.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from trainers import scripts
from zoo.light import runtime
from zoo.light.images import resize_images

MODEL = "vimae-mnist-z8-l"
SHIFTS = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
NOISE = 16  # grey levels


def generate(path, stored, count):
    """Writes `count` images to an npy file: those of `stored`, moved by pixels, with noise.

    Args:
        path: The file.
        stored: uint8 [N, H, W].
        count: How many.
    """
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *stored.shape[1:]))
    for turn, start in enumerate(range(0, count, len(stored))):
        part = stored[: count - start]
        noise = np.random.default_rng(turn).integers(0, NOISE, part.shape, np.uint8)
        moved = np.roll(part, SHIFTS[turn % len(SHIFTS)], axis=(1, 2))
        images[start : start + len(part)] = np.maximum(moved, noise)
    images.flush()


@contextlib.contextmanager
def two_nodes():
    """Yields a cluster of a head without cores and two nodes of one core, and these nodes."""
    from ray.cluster_utils import Cluster

    size = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
    try:
        yield cluster, [cluster.add_node(num_cpus=1, **size) for _ in range(2)]
    finally:
        cluster.shutdown()


def start(images, out, model=MODEL, address=None, options=()):
    """Starts `export.encode` into shards; returns the process."""
    where = [f"--ray_address={address}", "--executor=ray"] if address else []
    command = [sys.executable, "-m", "export.encode", f"--model={model}", f"--images={images}"]
    return subprocess.Popen([*command, f"--out={out}", *where, *options])


def seconds(process):
    """Waits for a process; returns its seconds since this call.

    Raises:
        RuntimeError: If it fails.
    """
    begin = time.perf_counter()
    if process.wait():
        raise RuntimeError(f"Expected an encoding that ends with 0. Received: {process.returncode}")
    return time.perf_counter() - begin


def lose_a_node(cluster, node, process, out, fewest):
    """Kills a node once `fewest` shards are there.

    Returns:
        How many shards were there when the node was killed.

    Raises:
        RuntimeError: If the encoding has ended before.
    """
    while (count := len(list(Path(out).glob("part-*")))) < fewest:
        if process.poll() is not None:
            raise RuntimeError(f"Expected an encoding that goes on. Received: {process.returncode}")
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)
    return count


def difference(out, expected):
    """Returns (rows, rows that differ in any column, keys that are not there once)."""
    from pyarrow import parquet

    rows = differ = wrong_keys = 0
    files = sorted(Path(expected).glob("part-*"))
    names = [file.name for file in files]
    if names != sorted(path.name for path in Path(out).glob("part-*")):
        raise RuntimeError(f"Expected the shards {names[:2]}, ... Received: others in {out}")
    for file in files:
        ours, theirs = parquet.read_table(Path(out) / file.name), parquet.read_table(file)
        keys = ours["key"].to_numpy()
        wrong_keys += len(keys) - int(np.sum(keys == np.arange(rows, rows + len(keys))))
        rows += len(keys)
        if not ours.equals(theirs):
            pairs = zip(ours.to_pylist(), theirs.to_pylist(), strict=True)
            differ += sum(one != other for one, other in pairs)
    return rows, differ, wrong_keys


def measure(folder, images, rounds, options=(), model=MODEL, say=print):
    """Encodes images here and on a cluster in turns, then on a cluster that loses a node.

    Args:
        folder: Where the shards go.
        images: The file of the images.
        rounds: How many turns.
        options: More flags of `export.encode`.
        model: The model.
        say: Takes each line of the report.

    Returns:
        dict with `local` and `ray`, lists of seconds, and `differences`, the results of
        `difference` of the cluster's last whole encoding and of the one that lost a node.
    """
    times = {"local": [], "ray": []}
    with two_nodes() as (cluster, nodes):
        for turn in range(rounds):
            for where, address in (("local", None), ("ray", cluster.address)):
                out = folder / f"{where}-{turn}"
                times[where].append(seconds(start(images, out, model, address, options)))
                say(f"{where}: {times[where][-1]:.1f} s")
        expected = folder / f"local-{rounds - 1}"
        fewest = max(1, len(list(expected.glob("part-*"))) // 3)
        process = start(images, folder / "lost", model, cluster.address, options)
        count = lose_a_node(cluster, nodes[1], process, folder / "lost", fewest)
        say(f"killed a node when {count} shards were there: {seconds(process):.1f} s more")
    outs = (folder / f"ray-{rounds - 1}", folder / "lost")
    return {**times, "differences": [difference(out, expected) for out in outs]}


@scripts.reported
def main(arguments=None):
    """Measures what the command line says and prints it."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="images")
    parser.add_argument("--rounds", type=int, default=2, help="turns")
    parser.add_argument("--data", default="digits", help="the images that others are made of")
    options = parser.parse_args(arguments)
    from trainers.data.sources import open_source

    opened = open_source(options.data)
    stored = np.asarray(opened.read("+".join(opened.splits))[0])
    shape = runtime.load_encoder(MODEL).image_shape
    stored = resize_images(stored, shape)[..., 0]
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy"
        generate(images, stored, options.count)
        measured = measure(Path(folder), images, options.rounds)
    for where in ("local", "ray"):
        rates = ", ".join(f"{options.count / taken:,.0f}" for taken in measured[where])
        print(f"{where}: {rates} images/s")
    for name, (rows, differ, keys) in zip(("ray", "ray, a node lost"), measured["differences"]):
        print(f"{name}: {rows} rows, {differ} differ from the local ones, {keys} wrong keys")
    return 0


if __name__ == "__main__":
    sys.exit(main())
