"""Measures which weights of the released models are stored more than once.

python -m benchmarks.shared_weights [--artifacts=FOLDER]

An artifact has up to five ONNX graphs and Keras's file of weights. A decoder's weights are in the
graphs of decoder, density and probability, and in Keras's file. Weights of at least 1 kB are
compared by their values, in any order of the elements, as some graphs have them transposed.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import onnx
from onnx import numpy_helper

from zoo.releases import catalogue

LEAST = 1024  # bytes of an array that counts


def measure(folder: Path) -> dict[str, int]:
    """Returns bytes of an artifact.

    Args:
        folder: The artifact's folder.

    Returns:
        `files` of all files; `graphs` of weights in graphs, and `graphs_again` of those that an
        earlier graph has; `keras` of weights in Keras's file, and `keras_again` of those that a
        graph has.
    """
    sizes = dict.fromkeys(("files", "graphs", "graphs_again", "keras", "keras_again"), 0)
    sizes["files"] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seen = set()
    for path in sorted(folder.glob("*.onnx")):
        for array in _initializers(onnx.load(path).graph):
            sizes["graphs"] += array.nbytes
            sizes["graphs_again"] += array.nbytes * (_key(array) in seen)
            seen.add(_key(array))
    for array in _weights(folder / "model.weights.h5"):
        sizes["keras"] += array.nbytes
        sizes["keras_again"] += array.nbytes * (_key(array) in seen)
    return sizes


def _initializers(graph) -> Iterator[np.ndarray]:
    """Yields the weights of a graph and of the graphs inside it."""
    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.append(attribute.t)
            if attribute.HasField("g"):
                yield from _initializers(attribute.g)
    yield from filter(_counts, map(numpy_helper.to_array, tensors))


def _weights(path: Path) -> Iterator[np.ndarray]:
    """Yields the arrays of an HDF5 file."""
    arrays = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: arrays.append(item[()]) if hasattr(item, "dtype") else None)
    yield from filter(_counts, map(np.asarray, arrays))


def _counts(array: np.ndarray) -> bool:
    return array.nbytes >= LEAST


def _key(array: np.ndarray) -> str:
    return hashlib.sha256(np.sort(array.ravel()).tobytes()).hexdigest()


def main(arguments=None) -> int:
    """Prints a line for each artifact, in MB, and the sum; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--artifacts", type=Path, default=catalogue.artifacts_folder())
    folders = sorted(
        path.parent for path in parser.parse_args(arguments).artifacts.glob("*/card.json")
    )
    rows = {folder.name: measure(folder) for folder in folders}
    rows["all"] = {key: sum(row[key] for row in rows.values()) for key in next(iter(rows.values()))}
    print(" ".join(["name".ljust(36), *(key.rjust(12) for key in rows["all"])]))
    for name, row in rows.items():
        print(" ".join([name.ljust(36), *(f"{size / 1e6:12.1f}" for size in row.values())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
