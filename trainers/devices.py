"""The devices of a training: several of one host, and of several processes on JAX.

`train.devices` is how many devices each process uses, or "all". TensorFlow trains under
`tf.distribute.MirroredStrategy`, JAX under `keras.distribution.DataParallel`. The global batch is
a function of data, batch size, seed and step in both, whatever the number of devices.
"""

import contextlib
from collections.abc import Iterator

from trainers import data, processes
from zoo import backend, inputs


class Devices:
    """How a run's steps are spread over devices.

    Args:
        each: The number of devices of this process.
    """

    def __init__(self, each: int = 1):
        self.each = each
        self.count = each * processes.count()

    @property
    def splits_batches(self) -> bool:
        """Whether batches are handed to Keras in equal parts, as JAX needs them."""
        return self.count > 1 and backend.BACKEND == "jax"

    def training_batches(self, dataset, batch_size, seed, first_step, labels=False):
        """Returns the endless stream of batches for `fit`, from step `first_step` on.

        Arguments are those of `trainers.data.training_batches`. On JAX a process gets its part
        of each batch.
        """
        if not self.splits_batches:
            stream = data.training_batches(
                dataset, batch_size, seed, first_step, **({"labels": True} if labels else {})
            )
            if backend.BACKEND == "jax" and not labels:
                stream = ((batch,) for batch in stream)
            return inputs.trusted(stream)
        part = processes.index(), processes.count(), self.count
        return inputs.trusted(
            data.training_batches(dataset, batch_size, seed, first_step, labels=labels, part=part)
        )

    def evaluate(self, model, images, labels, batch_size):
        """Returns loss and terms of images, as `model.evaluate(..., return_dict=True)` does."""
        options = {"verbose": 0, "return_dict": True}
        if not self.splits_batches:
            return model.evaluate(images, labels, batch_size=batch_size, **options)
        parts = inputs.trusted(self._parts(images, labels, batch_size))
        return model.evaluate(parts, steps=-(-len(images) // batch_size), **options)

    def _parts(self, images, labels, batch_size):
        place = self.count, processes.index(), processes.count()
        for start in range(0, len(images), batch_size):
            size = min(batch_size, len(images) - start)
            rows, marker = data.part_of(size, *place)
            x = {"images": images[start + rows], "padding": marker}
            yield (x,) if labels is None else (x, labels[start + rows])


def parse(setting: str | int) -> int | None:
    """Returns the number of devices that `train.devices` asks for, or None for "all".

    Raises:
        ValueError: If it is neither "all" nor a positive integer.
    """
    text = str(setting)
    if text == "all":
        return None
    if isinstance(setting, bool) or not text.isdecimal() or int(text) < 1:
        raise ValueError(
            "`train.devices` must be 'all' or an integer of at least 1. "
            f"Received: train.devices={setting!r}"
        )
    return int(text)


@contextlib.contextmanager
def scope(setting: str | int) -> Iterator[Devices]:
    """Makes what Keras builds and fits inside use the devices of a run.

    Args:
        setting: `train.devices`.

    Yields:
        The `Devices`.

    Raises:
        ValueError: If there are fewer devices.
    """
    number = parse(setting)
    if number == processes.count() == 1:
        yield Devices()
        return
    available = backend.local_devices()
    if number is not None and number > len(available):
        raise ValueError(
            f"Expected train.devices among 'all' and 1 to {len(available)}, the devices of this "
            f"process: {', '.join(map(str, available))}. Received: train.devices={setting!r}"
        )
    devices = Devices(len(available) if number is None else number)
    if devices.count == 1:
        yield devices
        return
    with backend.data_parallel(available[: devices.each], processes.count()):
        yield devices
