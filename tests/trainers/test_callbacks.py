"""What is done beside the step: in which epochs, and on which scale."""

import types

import numpy as np
import pytest

from trainers import callbacks, checkpoints, grids
from zoo.term import Term

EPOCHS = 7


def _epochs(callback, model):
    """Returns what `model.done` holds after each epoch of a run, by the epoch's number."""
    callback.set_params({"epochs": EPOCHS})
    callback.set_model(model)
    found = []
    for epoch in range(EPOCHS):
        model.done.clear()
        logs = {}
        callback.on_epoch_end(epoch, logs)
        if model.done:
            found.append(epoch + 1)
    return found


def _model(**more):
    done = []
    return types.SimpleNamespace(
        done=done,
        adapts=True,
        adapt=done.append,
        evaluate=lambda *_, **__: done.append("evaluate") or {"loss": 2.0},
        step=0,
        trainable_weights=[],
        **more,
    )


@pytest.mark.parametrize(
    ("every", "expected"), [([2, 0, 5], [2, 4, 5, 6, 7]), ([3], [3, 6, 7]), ([0], [7])]
)
def test_estimates_are_made_at_multiples_of_each_number_and_at_the_end(every, expected):
    assert _epochs(callbacks.Adaptation("images", every), _model()) == expected


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7])])
def test_validation_and_checkpoints_are_at_multiples_and_at_the_end(every, expected, monkeypatch):
    assert _epochs(callbacks.Validation(None, 8, every), _model()) == expected
    model, recorder = _model(), types.SimpleNamespace(history=[])
    monkeypatch.setattr(checkpoints, "save", lambda *_: model.done.append("save"))
    assert _epochs(callbacks.Checkpoints("nowhere", recorder, every, 2), model) == expected


def test_validation_adds_its_terms_to_the_logs():
    validation, logs = callbacks.Validation(None, 8, 1), {"loss": 3.0}
    validation.set_params({"epochs": 1})
    validation.set_model(_model())
    validation.on_epoch_end(0, logs)
    assert logs == {"loss": 3.0, "val_loss": 2.0}


def test_an_epoch_s_line_has_the_unit_of_each_term(monkeypatch):
    lines = []
    monkeypatch.setattr(callbacks.histories, "write", lambda *_: None)
    monkeypatch.setattr(callbacks.logging, "info", lambda text, *words: lines.append(text % words))
    writer = types.SimpleNamespace(scalars=lambda values, step: None)
    recorder = callbacks.Recorder("nowhere", [], writer, None, 0)
    declared = {"rate": Term("nats", "A rate."), "beta": Term("", "A weight.")}
    recorder.set_model(types.SimpleNamespace(step=3, declared_terms=lambda: declared))
    recorder.set_params({"epochs": 2})
    recorder.on_epoch_end(0, {"rate": 4.0, "val_rate": 4.5, "beta": 0.5, "seconds": 1.0})
    expected = "rate 4 nats  val_rate 4.5 nats  beta 0.5  seconds 1"
    assert lines == [f"epoch 1 of 2  {expected}"]


def test_pictures_have_the_data_s_scale_taken_out(rng):
    x, drawn = rng.random((4, 3, 3, 1)), {}
    writer = types.SimpleNamespace(picture=lambda name, image, step: drawn.update({name: image}))
    recorder = callbacks.Recorder("nowhere", [], writer, 5.0 * x, 1, pixel_scale=5.0)
    recorder.set_model(
        types.SimpleNamespace(reconstruct=lambda images: images, sample=lambda n: 5.0 * x[:n])
    )
    recorder._pictures(0)
    np.testing.assert_array_equal(drawn["reconstructions"], grids.reconstruction_grid(x, x))
    np.testing.assert_array_equal(drawn["samples"], grids.image_grid(x))
