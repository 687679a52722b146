"""Which part of a batch a process reads, and how processes are asked to meet."""

import numpy as np
import pytest

from trainers import config as configs
from trainers import data, processes


@pytest.mark.parametrize("count, devices, parts", [(8, 2, 2), (7, 4, 2), (3, 4, 4), (1, 6, 3)])
def test_the_parts_of_a_batch_are_the_batch_and_its_filling(count, devices, parts):
    pairs = [data.part_of(count, devices, part, parts) for part in range(parts)]
    rows = np.concatenate([rows for rows, _ in pairs])
    assert rows[:count].tolist() == list(range(count))
    assert rows[count:].tolist() == [0] * (-count % devices)
    assert {len(rows) for rows, _ in pairs} == {len(rows) // parts for rows in [rows]}
    assert {marker.shape for _, marker in pairs} == {(devices // parts, 1 + -count % devices)}


@pytest.mark.parametrize("binarisation", ["none", "dynamic"])
def test_processes_read_the_batches_of_one(binarisation, rng):
    images = rng.integers(0, 256, (11, 4, 4, 1), np.uint8)
    labels = np.arange(11)
    dataset = data.Dataset("noise", "train", images, labels, binarisation=binarisation)
    whole = data.training_batches(dataset, 4, 3, 1, framework="numpy", labels=True)
    parts = [
        data.training_batches(dataset, 4, 3, 1, labels=True, part=(part, 2, 2)) for part in (0, 1)
    ]
    for _ in range(4):  # the second one of them is of 3
        (x, y), *read = next(whole), *map(next, parts)
        pixels = np.concatenate([inputs["images"] for inputs, _ in read])
        classes = np.concatenate([classes for _, classes in read])
        np.testing.assert_array_equal(pixels[: len(x)], x)
        np.testing.assert_array_equal(classes[: len(y)], y)
        filling = read[0][0]["padding"].shape[1] - 1
        assert len(pixels) == len(x) + filling and filling == len(x) % 2


@pytest.mark.parametrize(
    "values, message",
    [
        (
            ("localhost:1", None, 0),
            "together. Received: .*num_processes=None",
        ),
        (("localhost:1", 2, 2), "0 <= process_id < num_processes. Received: .*process_id=2"),
    ],
)
def test_flags_of_processes_go_together(values, message):
    with pytest.raises(ValueError, match=message):
        processes.initialize(*values)


def test_processes_train_together_on_jax(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "tensorflow")
    with pytest.raises(ValueError, match="set KERAS_BACKEND=jax.*Received: .*process_id=1"):
        processes.initialize("localhost:1", 2, 1)


def test_the_environment_names_processes_too(monkeypatch):
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", "localhost:1")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "3")
    with pytest.raises(ValueError, match="coordinator='localhost:1', .*=None, process_id=3"):
        processes.initialize()


def test_a_process_alone_is_the_first():
    assert (processes.count(), processes.index(), processes.is_first()) == (1, 0, True)
    agreement = processes.Agreement()
    assert agreement.is_due(5, is_asked=True) and not agreement.is_due(5, is_asked=False)


def test_another_number_of_devices_is_the_same_run():
    config = configs.complete(configs.default_config())
    other = configs.complete(configs.default_config())
    other.train.devices = "all"
    assert configs.differences(config, other) == []
