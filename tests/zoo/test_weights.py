"""Weights built in memory are the file that Keras writes."""

import keras
import numpy as np

import zoo
from zoo import weights
from zoo.backend import to_numpy


def _model():
    model = zoo.VAE(zoo.MLPEncoder(2, [4]), zoo.MLPDecoder(2, (4, 4, 1), [4]), marginal="vamp")
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    return model


def _values(model):
    return [to_numpy(variable) for variable in (*model.weights, *model.optimizer.variables)]


def test_keras_reads_the_same_weights_and_optimiser(tmp_path, rng):
    import h5py

    model, again = _model(), _model()
    for variable in model.optimizer.variables:
        if "float" in variable.dtype:
            variable.assign(rng.standard_normal(variable.shape))
    weights.save_weights(model, tmp_path / "ours.weights.h5")
    again.load_weights(tmp_path / "ours.weights.h5")
    for ours, theirs in zip(_values(again), _values(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)

    model.save_weights(tmp_path / "keras.weights.h5")
    names = []
    for name in ("ours", "keras"):
        names.append([])
        with h5py.File(tmp_path / f"{name}.weights.h5") as file:
            file.visit(names[-1].append)
    assert names[0] == names[1]
