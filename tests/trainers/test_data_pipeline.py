"""Training and evaluation batches: a pure function of the step, the same under each framework."""

import itertools
import threading

import numpy as np
import pytest

from trainers import data

COUNT, BATCH = 53, 8  # 7 steps an epoch, the last of 5 examples


def take(stream, count):
    return [np.asarray(batch) for batch in itertools.islice(iter(stream), count)]


def numbered(binarisation="none"):
    """Images that carry their own number in their pixels."""
    images = np.empty((COUNT, 4, 4, 1), np.uint8)
    images[:] = np.arange(COUNT, dtype=np.uint8)[:, None, None, None] + 100
    return data.Dataset("numbered", "all", images, np.arange(COUNT), binarisation=binarisation)


def numbers(batches):
    return np.concatenate([np.rint(batch[:, 0, 0, 0] * 255).astype(int) - 100 for batch in batches])


@pytest.fixture(params=["tensorflow", "numpy"])
def framework(request):
    if request.param == "tensorflow":
        pytest.importorskip("tensorflow")
    return request.param


def test_each_example_once_an_epoch_in_another_order(framework, seed):
    batches = take(data.training_batches(numbered(), BATCH, seed, framework=framework), 14)
    assert data.steps_per_epoch(numbered(), BATCH) == 7
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 8, 8, 5] * 2
    first, second = numbers(batches[:7]), numbers(batches[7:])
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert list(first) != list(second)
    assert list(first) != list(range(COUNT))


@pytest.mark.parametrize("binarisation", ["none", "dynamic"])
@pytest.mark.parametrize("first_step", [1, 6, 7, 9])
def test_resuming_gives_the_batches_of_the_uninterrupted_stream(
    framework, seed, binarisation, first_step
):
    dataset = numbered(binarisation)
    whole = take(data.training_batches(dataset, BATCH, seed, framework=framework), 16)
    rest = data.training_batches(dataset, BATCH, seed, first_step, framework=framework)
    for resumed, expected in zip(take(rest, 16 - first_step), whole[first_step:], strict=True):
        np.testing.assert_array_equal(resumed, expected)


@pytest.mark.parametrize("binarisation", ["none", "static", "dynamic"])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_frameworks_agree_bit_for_bit(seed, rng, binarisation, kind):
    pytest.importorskip("tensorflow")
    images = rng.integers(0, 256, (COUNT, 5, 3, 1), dtype=np.uint8)
    images = images if kind == "uint8" else (images / 255).astype(np.float32)
    dataset = data.Dataset("random", "all", images, binarisation=binarisation)
    streams = [
        take(data.training_batches(dataset, BATCH, seed, framework=name), 10)
        for name in ("tensorflow", "numpy")
    ]
    for step, (ours, theirs) in enumerate(zip(*streams, strict=True)):
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(ours, data.training_batch(dataset, BATCH, seed, step))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_training_batches_are_scaled_as_evaluation_is(framework, seed, rng, kind):
    images = rng.integers(0, 256, (COUNT, 5, 3, 1), dtype=np.uint8)
    images = images if kind == "uint8" else (images / 255).astype(np.float32)
    plain = data.Dataset("random", "all", images)
    scaled = data.Dataset("random", "all", images, pixel_scale=3.0)
    streams = [data.training_batches(d, BATCH, seed, framework=framework) for d in (plain, scaled)]
    for ours, theirs in zip(*(take(stream, 3) for stream in streams), strict=True):
        np.testing.assert_allclose(theirs, 3.0 * ours, rtol=1e-6)
    np.testing.assert_allclose(scaled.float_images(), 3.0 * plain.float_images(), rtol=1e-6)


def test_dynamic_noise_differs_between_epochs_and_has_the_right_mean(seed):
    images = np.full((50, 8, 8, 1), 51, np.uint8)  # grey level 0.2
    dataset = data.Dataset("grey", "all", images, binarisation="dynamic")
    epochs = take(data.training_batches(dataset, 50, seed, framework="numpy"), 40)
    assert all(np.any(a != b) for a, b in itertools.pairwise(epochs))
    stacked = np.stack(epochs)
    assert set(np.unique(stacked)) == {0.0, 1.0}
    assert abs(stacked.mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / stacked.size)


def test_static_batches_hold_zeros_and_ones_alone(framework, seed):
    batches = take(data.training_batches(numbered("static"), BATCH, seed, framework=framework), 7)
    assert set(np.unique(np.concatenate(batches))) == {0.0, 1.0}


def test_seeds_give_different_orders(seed):
    one, other = (
        numbers(take(data.training_batches(numbered(), BATCH, s, framework="numpy"), 7))
        for s in (seed, seed + 1)
    )
    assert list(one) != list(other)


def test_tensorflow_stream_has_a_static_image_shape_and_no_end(seed):
    tf = pytest.importorskip("tensorflow")
    stream = data.training_batches(numbered(), BATCH, seed, framework="tensorflow")
    assert stream.element_spec == tf.TensorSpec((None, 4, 4, 1), tf.float32)
    assert stream.cardinality() == tf.data.INFINITE_CARDINALITY


def test_tensorflow_stream_has_no_tuner_that_holds_up_its_end(seed):
    pytest.importorskip("tensorflow")
    stream = data.training_batches(numbered(), BATCH, seed, framework="tensorflow")
    assert stream.options().autotune.enabled is False


def test_thread_ends_with_its_stream(seed):
    def running():
        return [t for t in threading.enumerate() if t.name == "training-batches"]

    before = set(running())
    stream = data.training_batches(numbered(), BATCH, seed, framework="numpy")
    next(stream)
    (thread,) = set(running()) - before
    stream.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_an_error_in_the_thread_reaches_the_reader(seed, monkeypatch):
    def fail(*_):
        raise RuntimeError("no such pixels")

    monkeypatch.setattr(data.Dataset, "pixels", fail)
    with pytest.raises(RuntimeError, match="no such pixels"):
        next(data.training_batches(numbered(), BATCH, seed, framework="numpy"))


def test_evaluation_keeps_order_labels_and_the_last_batch():
    batches = list(data.evaluation_batches(numbered(), BATCH))
    assert [len(images) for images, _ in batches] == [8] * 6 + [5]
    np.testing.assert_array_equal(numbers([images for images, _ in batches]), np.arange(COUNT))
    np.testing.assert_array_equal(np.concatenate([label for _, label in batches]), np.arange(COUNT))


def test_evaluation_noise_does_not_depend_on_the_batch_size():
    by_size = [
        np.concatenate([x for x, _ in data.evaluation_batches(numbered("dynamic"), size)])
        for size in (1, 8, 100)
    ]
    np.testing.assert_array_equal(by_size[0], by_size[1])
    np.testing.assert_array_equal(by_size[0], by_size[2])


def test_bad_arguments_are_refused(seed):
    for batch_size in (0, -3, 2.5, True):
        with pytest.raises(ValueError, match=rf"at least 1. Received: batch_size={batch_size}"):
            data.training_batches(numbered(), batch_size, seed)
    with pytest.raises(ValueError, match="batch_size=0"):
        data.evaluation_batches(numbered(), 0)
    with pytest.raises(ValueError, match="first_step=-1"):
        data.training_batches(numbered(), BATCH, seed, first_step=-1)
    with pytest.raises(ValueError, match=r"at least 0. Received: seed=-1"):
        data.training_batches(numbered(), BATCH, -1)
    with pytest.raises(ValueError, match="framework='torch'"):
        data.training_batches(numbered(), BATCH, seed, framework="torch")
