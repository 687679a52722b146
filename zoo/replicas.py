"""Steps on several devices: each is the step of one device with the whole batch.

JAX computes on whole arrays, wherever their rows lie, so `keras.distribution.DataParallel` changes
no value there. A replica of `tf.distribute` has rows of the batch alone. In a step of `zoo.VAE`

    networks      encoder and decoder run on the rows of their replica
    objective     sees the whole batch on every replica: what the networks gave is gathered
    noise         is drawn for the whole batch, the same on every replica
    loss          L / R on each of R replicas, whose gradients the optimiser adds up

So statistics over the batch are of the whole batch in every objective, custom ones included. An
encoder or a decoder that draws noise of its own (dropout, for example) runs on the whole batch on
every replica, which is right and no faster. Batch normalisation takes the moments of all rows.
"""

import contextlib
import itertools
import math
import threading

import keras
from keras import ops

from zoo import backend

_present = threading.local()  # replicas are threads


@contextlib.contextmanager
def step(images):
    """Makes the present step one of several replicas; does nothing on one device.

    Args:
        images: The images of the present replica, [b, ...].

    Yields:
        The images of the whole batch, [B, ...].
    """
    if backend.replicas() == 1:
        yield images
        return
    images = backend.gather_replicas(images)
    _present.count = ops.shape(images)[0]
    try:
        yield images
    finally:
        _present.count = None


def _is_shared():
    """Returns whether the present step is one of several replicas, and sees the whole batch."""
    return getattr(_present, "count", None) is not None


def whole(tensor):
    """Returns the rows [B, ...] of all replicas, of those of the present replica [b, ...]."""
    return backend.gather_replicas(tensor) if _is_shared() else tensor


def own_rows(tensor):
    """Returns the rows that the networks of the present replica run on, of any tensor [N, ...]."""
    count, index, replicas = ops.shape(tensor)[0], backend.replica_index(), backend.replicas()
    return tensor[count * index // replicas : count * (index + 1) // replicas]


def check_losses(model):
    """Raises ValueError if layers of a model have losses of their outputs under several replicas.

    Keras (3.15) keeps such losses in the layer, where the replicas, which are threads, mix them.
    """
    regularised = [w for w in model.trainable_weights if getattr(w, "regularizer", None)]
    if _is_shared() and len(model.losses) > len(regularised):
        raise ValueError(
            "Expected layers without activity regularisers and `add_loss` under several replicas "
            "of tf.distribute; on JAX they may have them. "
            f"Received: {len(model.losses) - len(regularised)} such losses"
        )


def share(loss):
    """Returns the part of a loss of the whole batch that one replica minimises: L / R.

    Raises:
        ValueError: If there are several replicas and the step does not see the whole batch.
    """
    count = backend.replicas()
    if count == 1:
        return loss
    if not _is_shared():
        raise ValueError(
            "Expected the steps of `zoo.VAE`, which see the whole batch on every replica. "
            f"Received: a custom train_step or test_step under {count} replicas"
        )
    return loss / count


def split(part):
    """Returns an encoder or a decoder whose network runs on a share of the rows.

    It takes and returns the whole batch. The part itself comes back on one device, and where the
    part draws noise, which is then drawn for the whole batch.
    """
    return Split(part) if _is_shared() and not _draws_noise(part) else part


def _draws_noise(part):
    """Returns whether a layer of a part has a seed generator: its state is no weight."""
    weights = {id(weight) for weight in part.weights}
    return any(id(variable) not in weights for variable in part.variables)


class Split:
    """An encoder or a decoder whose network runs on a share of the rows on each replica.

    Everything else is the part's own.

    Args:
        part: A `zoo.Encoder` or a `zoo.Decoder`.
    """

    def __init__(self, part):
        self._part = part

    def __getattr__(self, name):
        return getattr(self._part, name)

    def __call__(self, *tensors, **options):
        """Returns the dict of the part, for all rows of `tensors`."""
        if len(tensors[0].shape) not in (2, 4):  # several samples an example
            return self._part(*tensors, **options)
        return _whole_dict(self._part(*map(own_rows, tensors), **options))

    def distribution(self, tensor, training=False):
        """Returns e(z|x) of an encoder, or d(x|z) of a decoder, for all rows of `tensor`."""
        if hasattr(self._part, "posterior"):
            return self._part.posterior(self(tensor, training=training))
        return _Likelihood(self._part, tensor, training)


def _whole_dict(tensors):
    """Returns what `whole` does of each tensor of a dict, gathered as one where types allow."""
    if len({value.dtype for value in tensors.values()}) > 1:
        return {name: whole(value) for name, value in tensors.items()}
    sizes = [math.prod(value.shape[1:]) for value in tensors.values()]
    rows = [ops.reshape(value, (-1, size)) for value, size in zip(tensors.values(), sizes)]
    joined, ends = whole(ops.concatenate(rows, axis=1)), itertools.accumulate(sizes)
    return {
        name: ops.reshape(joined[:, end - size : end], (-1, *value.shape[1:]))
        for (name, value), size, end in zip(tensors.items(), sizes, ends)
    }


class _Likelihood:
    """d(x|z) for all rows of z; `log_prob` runs the network on a share of the rows."""

    def __init__(self, decoder, z, training):
        self._decoder, self._z, self._training = decoder, z, training

    def _of(self, z):
        return self._decoder.distribution(z, training=self._training)

    def log_prob(self, x):
        if len(self._z.shape) != 2:
            return self._of(self._z).log_prob(x)
        return whole(self._of(own_rows(self._z)).log_prob(own_rows(x)))

    def __getattr__(self, name):
        return getattr(self._of(self._z), name)


def synchronise(model):
    """Makes batch normalisation take the moments of all replicas; does nothing on one device.

    Args:
        model: A Keras model, made inside the scope of its strategy.
    """
    if backend.scope_replicas() > 1:
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def unpadded(x, y):
    """Returns images and labels without the rows that fill a batch up to equal parts.

    Args:
        x: Images, which have none; or `{"images": [B + n, H, W, C], "padding": [D, 1 + n]}`, whose
            last n images are such rows.
        y: Labels or None.
    """
    if not (hasattr(x, "keys") and "padding" in x):
        return x, y
    images, filling = x["images"], x["padding"].shape[1] - 1
    count = images.shape[0] - filling
    return images[:count], None if y is None else y[:count]
