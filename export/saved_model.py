"""A model as a TensorFlow SavedModel with the signatures `encode` and `decode`.

`serving_default`, which servers and TensorFlow's tools take where none is named, is `encode`.
"""

import errno
import os

import tensorflow as tf
from absl import logging

from export import onnx
from export.graphs import graphs_of
from zoo.storage import files

# What every SavedModel has; outputs have the names of the model's dicts.
SIGNATURES = ("encode", "decode")
DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def export(model, folder, with_probability=False, change=None):
    """Writes `model` as a SavedModel, whole or not at all.

        encode(image=[batch, H, W, C]) -> {"loc": [batch, Z], "scale": [batch, Z]}
        serving_default                is `encode`
        decode(z=[batch, Z])           -> {"mean": [batch, H, W, C], ...the likelihood's parameters}
        sample(base_loc, base_scale, noise)  -> {"sample": [batch, Z]}, of a flow encoder
        prior(noise)                   -> {"z": [batch, Z]}, of a learned prior

    and `probability` and `density` of `export.probability` where they are asked for. float32
    throughout, any batch. It holds the weights of encoder, decoder and marginal, nothing of the
    objective or the optimiser, and no paths of this machine.

    Args:
        model: A `zoo.VAE` under the TensorFlow backend.
        folder: Where to write; an earlier folder there is replaced.
        with_probability: Whether with the two of `export.probability`.
        change: Function of a `GraphSpec` to the one that is written, for example
            `export.preprocess.inside`; None changes none.

    Raises:
        OSError: If the disk is full.
    """
    module = tf.Module()
    graphs = [graph for graph in graphs_of(model, with_probability) if graph.signature]
    graphs = [change(graph) for graph in graphs] if change else graphs
    read = {room for graph in graphs for room in graph.rooms}
    rooms = [getattr(model, room) for room in ("encoder", "decoder", "marginal") if room in read]
    module.weights = [variable.value for room in rooms for variable in room.variables]
    module.functions, signatures = [], {}
    for graph in graphs:
        specs = [_spec(graph, name) for name in graph.inputs]
        function = tf.function(graph.call, specs, autograph=False)
        module.functions.append(function)
        signatures[graph.signature] = function.get_concrete_function()

    signatures[DEFAULT] = signatures[SIGNATURES[0]]
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TensorFlow tells of every file it writes.
    try:
        with files.atomic_folder(folder) as temporary:
            options = tf.saved_model.SaveOptions(experimental_debug_stripper=True)
            tf.saved_model.save(module, str(temporary), signatures, options)
    except tf.errors.ResourceExhaustedError as error:  # what TensorFlow says of a full disk
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
    finally:
        logging.set_verbosity(verbosity)


def _spec(graph, name):
    leading = [None] * len(graph.leading.get(name, onnx.BATCH))
    dtype = graph.dtypes.get(name, "float32")
    return tf.TensorSpec([*leading, *graph.inputs[name]], dtype, name=name)


class SavedModel:
    """A SavedModel on disk, called by names: what `export.verify` checks.

    Args:
        folder: Where `export` wrote it.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it lacks a signature.
    """

    def __init__(self, folder):
        if not tf.saved_model.contains_saved_model(str(folder)):
            raise FileNotFoundError(f"Expected a SavedModel. Received: folder={str(folder)!r}")
        with tf.device("CPU:0"):
            self._loaded = tf.saved_model.load(str(folder))
        missing = sorted(set(SIGNATURES) - set(self._loaded.signatures))
        if missing:
            raise ValueError(
                f"Expected the signatures {sorted(SIGNATURES)} in {folder}. "
                f"Received: {sorted(self._loaded.signatures)}"
            )

    def call(self, signature, **arrays):
        """Returns the outputs of a signature, name -> NumPy array, on the CPU."""
        with tf.device("CPU:0"):
            tensors = {name: tf.constant(value) for name, value in arrays.items()}
            outputs = self._loaded.signatures[signature](**tensors)
        return {name: value.numpy() for name, value in outputs.items()}
