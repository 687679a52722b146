"""Batches: an endless training stream that can be entered at any step, and evaluation in order.

The batch of global step s is a function of (data set, batch size, seed, s) alone:

    epoch e, position k = divmod(s, ceil(N / B))
    order = permutation of N by (seed, e)
    batch = images[order[k B : (k + 1) B]], binarised with noise by (seed, s)
    then flipped and shifted by numbers of (seed, s), where the data set asks for it

So resuming at step s gives what an uninterrupted run would have seen. Order and noise are drawn
by NumPy under every framework and are therefore the same under each.
"""

import functools
import importlib.util
import itertools
import queue
import threading

import numpy as np

from trainers.data.dataset import (
    AUGMENTATION,
    ORDER,
    TRAINING_NOISE,
    as_float,
    random_generator,
    uniform_noise,
)

FRAMEWORKS = ("tensorflow", "numpy")
_AHEAD = 8  # batches made before they are asked for: enough to hide a slow one


def steps_per_epoch(dataset, batch_size):
    """Returns ceil(N / batch_size): the last batch of an epoch may be smaller, none is dropped.

    Raises:
        ValueError: If `batch_size` is not a whole number of at least 1.
    """
    if isinstance(batch_size, bool) or int(batch_size) != batch_size or batch_size < 1:
        raise ValueError(
            f"Expected a batch_size of at least 1. Received: batch_size={batch_size!r}"
        )
    return -(-len(dataset) // int(batch_size))


def training_batch(dataset, batch_size, seed, step, labels=False):
    """Returns the batch of one global step, float32 [B, H, W, C] in [0, 1] times `pixel_scale`.

    Args:
        dataset: A `Dataset`.
        batch_size: B, examples a batch.
        seed: Seed of order and noise.
        step: Global step, from 0.
        labels: Whether to return `(images, labels)`, with int64 [B].
    """
    indices = _training_indices(dataset, batch_size, seed, step)
    images = as_float(_training_pixels(dataset, indices, seed, step), dataset.pixel_scale)
    return (images, dataset.labels[indices]) if labels else images


def training_batches(
    dataset, batch_size, seed, first_step=0, framework=None, labels=False, part=None
):
    """Returns the endless stream of training batches from global step `first_step` on.

    Args:
        dataset: A `Dataset`.
        batch_size: Examples per batch; the last batch of an epoch may be smaller.
        seed: Seed of order and noise.
        first_step: Global step of the first batch, to resume.
        framework: "tensorflow" or "numpy"; None takes TensorFlow where it is Keras's backend.
        labels: Whether batches are `(images, labels)`, with int64 [B].
        part: None for whole batches. Otherwise `(process, processes, devices)`: the stream is the
            part of each batch that one of several processes reads, in tuples for `fit`;
            see `part_of`. NumPy alone.

    Returns:
        Batches float32 [B, H, W, C]: a `tf.data.Dataset` of unlimited length under TensorFlow,
        otherwise a generator that works ahead in a thread (`fit` wants tuples of a generator:
        `((batch,) for batch in stream)`).

    Raises:
        ValueError: If an argument is out of range, or labels are wanted that are not there.
    """
    steps_per_epoch(dataset, batch_size)
    if labels and dataset.labels is None:
        raise ValueError(
            f"Expected a data set with labels. Received: {dataset.name!r}, split {dataset.split!r}"
        )
    if first_step < 0:
        raise ValueError(f"Expected first_step of at least 0. Received: first_step={first_step!r}")
    random_generator(seed, ORDER, 0)
    framework = _keras_framework() if framework is None else framework
    if framework not in FRAMEWORKS:
        raise ValueError(
            f"Expected framework among {list(FRAMEWORKS)}. Received: framework={framework!r}"
        )
    if part is not None:
        produce = functools.partial(_part_of_batch, dataset, batch_size, seed, labels, part)
        return _ahead(produce, first_step)
    if framework == "tensorflow":
        return _tensorflow_stream(dataset, batch_size, seed, first_step, labels)
    produce = functools.partial(training_batch, dataset, batch_size, seed, labels=labels)
    return _ahead(produce, first_step)


def part_of(count, devices, process=0, processes=1):
    """Returns the rows of a batch that one process reads, and the marker of their filling.

    JAX cuts no array into unequal parts. The batch is filled up by its first row, again and again,
    to a multiple of the number of devices. `zoo.VAE` leaves the filling out inside the step.

    Args:
        count: Positive int, B, the examples of the batch.
        devices: Positive int, the devices of all processes.
        process: The number of the process.
        processes: How many processes there are.

    Returns:
        The rows, integers [b], and zeros [devices / processes, 1 + filling], whose shape says how
        many rows are filling.
    """
    filling = -count % devices
    size = (count + filling) // processes
    rows = np.arange(process * size, (process + 1) * size)
    marker = np.zeros((devices // processes, 1 + filling), "float32")
    return np.where(rows < count, rows, 0), marker


def _part_of_batch(dataset, batch_size, seed, with_labels, part, step):
    """Returns one process's part of a batch, `(x,)` or `(x, labels)`; see `training_batches`."""
    process, processes, devices = part
    indices = _training_indices(dataset, batch_size, seed, step)
    rows, marker = part_of(len(indices), devices, process, processes)
    pixels = _training_pixels(dataset, indices, seed, step, rows)
    x = {"images": as_float(pixels, dataset.pixel_scale), "padding": marker}
    return (x, dataset.labels[indices[rows]]) if with_labels else (x,)


def evaluation_batches(dataset, batch_size, seed=None):
    """Yields (images, labels) in order, every example once; the last batch may be smaller.

    Args:
        dataset: A `Dataset`.
        batch_size: Examples a batch.
        seed: Seed of dynamic binarisation; None means the fixed evaluation seed. The pixels do not
            depend on `batch_size`.

    Returns:
        An iterator over float32 [B, H, W, C] and int64 [B] (None without labels).
    """
    steps = steps_per_epoch(dataset, batch_size)
    return (_evaluation_batch(dataset, int(batch_size), seed, step) for step in range(steps))


def _evaluation_batch(dataset, batch_size, seed, step):
    chosen = slice(step * batch_size, (step + 1) * batch_size)
    labels = None if dataset.labels is None else dataset.labels[chosen]
    return dataset.float_images(chosen, seed), labels


@functools.lru_cache(maxsize=4)
def _order(count, seed, epoch):
    """The permutation of one epoch; kept, because each of its steps asks for it."""
    return random_generator(seed, ORDER, epoch).permutation(count)


def _training_indices(dataset, batch_size, seed, step):
    """Which examples the batch of one global step holds."""
    batch_size, step = int(batch_size), int(step)
    epoch, position = divmod(step, steps_per_epoch(dataset, batch_size))
    order = _order(len(dataset), seed, epoch)
    return order[position * batch_size : (position + 1) * batch_size]


def _training_pixels(dataset, indices, seed, step, rows=slice(None)):
    """The batch, or some of its rows, in the stored type: a quarter of the bytes while uint8."""
    noise = None
    if dataset.binarisation == "dynamic":
        shape = (len(indices), *dataset.image_shape)
        noise = uniform_noise(shape, dataset.images.dtype, seed, TRAINING_NOISE, int(step))
    if dataset.augmentation is None:
        return dataset.pixels(indices[rows], None if noise is None else noise[rows])
    # An augmentation draws for the whole batch, whichever rows of it are wanted.
    pixels = dataset.pixels(indices, noise)
    return dataset.augmentation(pixels, random_generator(seed, AUGMENTATION, int(step)))[rows]


def _keras_framework():
    if importlib.util.find_spec("keras") is None:
        return "numpy"
    if importlib.util.find_spec("tensorflow") is None:
        return "numpy"
    import keras

    return "tensorflow" if keras.backend.backend() == "tensorflow" else "numpy"


def _tensorflow_stream(dataset, batch_size, seed, first_step, with_labels):
    """A `tf.data.Dataset`: NumPy gathers and binarises bytes, TensorFlow makes floats of them."""
    import tensorflow as tf

    stored = tf.as_dtype(dataset.images.dtype)

    def rows(step):
        indices = _training_indices(dataset, batch_size, seed, step)
        pixels = _training_pixels(dataset, indices, seed, step)
        return (pixels, dataset.labels[indices]) if with_labels else (pixels,)

    def batch(step):
        pixels, *labels = tf.numpy_function(
            rows, [step], (stored, tf.int64) if with_labels else (stored,)
        )
        pixels.set_shape([None, *dataset.image_shape])
        images = tf.cast(pixels, tf.float32) / 255.0 if stored == tf.uint8 else pixels
        if dataset.pixel_scale != 1:
            images *= dataset.pixel_scale
        if not with_labels:
            return images
        labels[0].set_shape([None])
        return images, labels[0]

    options = tf.data.Options()
    options.deterministic = True
    # Nothing here is left to tune, and a tuner asleep holds up the end of `fit`: by as long as
    # training took, up to a minute.
    options.autotune.enabled = False
    # The stream is one sequence of global batches: no worker may take every n-th of them.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    stream = tf.data.Dataset.counter(start=first_step)
    return stream.map(batch, num_parallel_calls=2).prefetch(_AHEAD).with_options(options)


def _ahead(produce, first_step):
    """Yields `produce(first_step)`, `produce(first_step + 1)`, ... made ahead by a thread."""
    ready, stop = queue.Queue(_AHEAD), threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work():
        try:
            for step in itertools.count(first_step):
                if stop.is_set():
                    return
                put((produce(step), None))
        except Exception as error:  # handed to the reader, who is elsewhere
            put((None, error))

    threading.Thread(target=work, daemon=True, name="training-batches").start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            yield batch
    finally:
        stop.set()
