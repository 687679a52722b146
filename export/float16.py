"""Stores weights in float16: half the size, the same arithmetic, and checked metrics.

The model itself is rounded, w <- float32(float16(w)), so every file and every golden number is of
the same model. Graphs then hold those weights in float16 and cast them back. A runtime does this
once, when it loads them.
"""

import io
from pathlib import Path

import numpy as np

from zoo.storage import files

# What is measured before and after. A metric that changes by more than its standard error refuses
# the rounding. Those of codes alone (probes) follow: codes move far less than these.
METRICS = ("rate", "distortion", "elbo", "reconstruction_l2")
WEIGHTS = "model.weights.h5"


class Refused(ValueError):
    """Weights that float16 cannot hold, or not without changing what the model measures."""


def halve(run):
    """Rounds the weights of a run's model to float16, if its metrics allow it.

    Args:
        run: A `trainers.runs.Run`; its model is changed in place. One that was stored in float16
            before is left as it is, with what was measured then.

    Returns:
        What the card says of it: `dtype`, `split`, `num_examples`, and `metrics`: name ->
        {"float32", "float16", "stderr"}, measured on the same images with the same noise.

    Raises:
        Refused: If a weight is too large for float16, or a metric changes by more than its
            standard error.
        FileNotFoundError: If the data is not here to measure it on.
    """
    if run.storage.get("dtype") == "float16":
        return run.storage
    from trainers import data

    splits = data.load_splits(run.config["data"])
    role = next(role for role in ("test", "validation", "train") if splits.get(role) is not None)
    split, seed = splits[role], run.config["seed"]
    before = _measure(run.model, split, seed)
    round_weights(run.model)
    after = _measure(run.model, split, seed)
    return {
        "dtype": "float16",
        "split": role,
        "num_examples": len(split),
        "metrics": compare(before, after),
    }


def compare(before, after):
    """Returns name -> {"float32", "float16", "stderr"} of metrics that have a value.

    Raises:
        Refused: If one changes by more than its standard error.
    """
    comparison = {}
    for name, metric in before.items():
        if metric.get("value") is None:
            continue
        entry = {"float32": metric["value"], "float16": after[name]["value"]}
        comparison[name] = {**entry, "stderr": metric["stderr"]}
        if metric["stderr"] is None:
            raise Refused(
                f"Expected at least two examples, whose spread says what may change; publish in "
                f"float32. Received: {name} without a standard error"
            )
        # Written so that a NaN is refused.
        if not abs(entry["float16"] - entry["float32"]) <= metric["stderr"]:
            raise Refused(
                f"Storing weights in float16 would change {name} by more than its standard error; "
                f"publish in float32. Received: {comparison[name]}"
            )
    return comparison


def _measure(model, split, seed):
    from zoo.evaluation import evaluate

    return evaluate(model, split, metrics=METRICS, seed=seed, progress=False)


def round_weights(model):
    """Rounds every float32 weight of a Keras model to the nearest float16, in place."""
    from zoo.backend import to_numpy

    for variable in model.variables:
        value = to_numpy(variable)
        if value.dtype == np.float32:
            variable.assign(_rounded(value, variable.path).astype(np.float32))


def _rounded(value, name):
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    if not np.isfinite(half).all():
        raise Refused(
            "Expected weights of at most 65504 for float16. "
            f"Received: {name} with {float(np.abs(value).max()):g}"
        )
    return half


def store(folder):
    """Rewrites the weights and every ONNX graph of an artifact's folder with float16 inside."""
    folder = Path(folder)
    store_weights(folder / WEIGHTS)
    for path in sorted(folder.glob("*.onnx")):
        files.atomic_write(path, store_graph(path.read_bytes()))


def store_weights(path):
    """Rewrites a Keras weights file: float32 arrays that float16 holds exactly become float16.

    Keras casts them to the variables' dtype when it loads them.
    """
    import h5py

    def copy(name, item):
        if isinstance(item, h5py.Group):
            target = new.require_group(name)
        else:
            target = new.create_dataset(name, data=_halved(item[()]))
        target.attrs.update(item.attrs)

    content = io.BytesIO()  # on a full disk HDF5 would crash the interpreter, see `zoo.weights`
    with h5py.File(path) as old, h5py.File(content, "w") as new:
        new.attrs.update(old.attrs)
        old.visititems(copy)
    files.atomic_write(path, content.getvalue())


def _halved(value):
    """Returns an array in float16 where that is exact; a graph's folded constants may not be."""
    array = np.asarray(value)
    if array.dtype != np.float32:
        return value
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), array) else value


def store_graph(content):
    """Returns an ONNX file whose float32 initializers are float16 where that is exact, cast back.

    Args:
        content: The bytes of the file.

    Returns:
        Bytes of a graph that computes the same numbers, bit for bit.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_model_from_string(content)
    graph, casts = model.graph, []
    for i, initializer in enumerate(graph.initializer):
        value = numpy_helper.to_array(initializer)
        half = _halved(value)
        if value.size > 1 and half.dtype == np.float16:
            name = initializer.name
            graph.initializer[i].CopyFrom(numpy_helper.from_array(half, f"{name}__half"))
            cast = helper.make_node(
                "Cast", [f"{name}__half"], [name], name=f"{name}__cast", to=onnx.TensorProto.FLOAT
            )
            casts.append(cast)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()
