"""Keras callbacks of the training loop: validation, records, checkpoints, a stop at a NaN."""

import contextlib
import math
import signal
import time

import keras
import numpy as np
from absl import logging
from tqdm import tqdm

from trainers import checkpoints, devices, grids, processes, stopping
from trainers import history as histories
from zoo.backend import to_numpy
from zoo.metrics import NEVER


def _step(model):
    """Returns the number of steps that a model has taken; a mirrored variable is no number."""
    return int(to_numpy(model.step))


class NonFiniteError(FloatingPointError):
    """A loss, a term or a weight stopped being a finite number."""


class Clock(keras.callbacks.Callback):
    """Measures the seconds of training in each epoch, without what is done at its end.

    Args:
        seconds: Of training in the first epoch before this process resumed it.
    """

    def __init__(self, seconds=0.0):
        super().__init__()
        self.earlier = seconds

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = self.seconds()
        self.earlier = 0.0

    def seconds(self):
        """Returns the seconds of training in the present epoch."""
        return self.earlier + time.perf_counter() - self.start

    @contextlib.contextmanager
    def paused(self):
        """Leaves out the time of what is done inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.start += time.perf_counter() - start


class StopOnNonFinite(keras.callbacks.Callback):
    """Raises `NonFiniteError` as soon as the loss is not finite, naming the step and the terms."""

    def on_train_batch_end(self, batch, logs=None):
        # The running mean is not finite from the step on in which one batch was not.
        if not math.isfinite(float(logs["loss"])):
            self._stop()

    def _stop(self):
        first = {name: int(m.result()) for name, m in self.model.first_non_finite.items()}
        broken = {name: step for name, step in first.items() if step != NEVER}
        step = min(broken.values(), default=_step(self.model))
        terms = [name for name, at in broken.items() if at == step and name != "loss"]
        raise NonFiniteError(
            f"The loss stopped being a finite number at step {step}; "
            f"terms that broke there: {', '.join(terms) or 'none, the loss alone'}."
        )


class Validation(keras.callbacks.Callback):
    """Adds `val_` terms to the logs, over the first examples of the validation (or test) split.

    Args:
        images: Float images [N, H, W, C].
        batch_size: Int.
        every: Epochs between two validations; the last epoch always has one.
        labels: Integers [N] where the objective needs them.
        evaluate: Function of the model, images, labels and batch size; returns name -> value.
    """

    def __init__(self, images, batch_size, every, labels=None, evaluate=None):
        super().__init__()
        self.images, self.batch_size, self.every = images, batch_size, every
        self.labels = labels
        self.evaluate = evaluate or devices.Devices().evaluate

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every and epoch + 1 != self.params["epochs"]:
            return
        results = self.evaluate(self.model, self.images, self.labels, self.batch_size)
        logs.update({f"val_{name}": value for name, value in results.items()})


class Adaptation(keras.callbacks.Callback):
    """Estimates over the training set what no gradient learns, at the end of epochs.

    An example is a floating prior; see `zoo.VAE.adapt`. Training itself does not read the
    estimates. They are made only where pictures are drawn or a checkpoint is made, and after the
    last epoch.

    Args:
        dataset: The training set.
        every: Some numbers of epochs; due at the multiples of each.
    """

    def __init__(self, dataset, every):
        super().__init__()
        self.dataset, self.every = dataset, [number for number in every if number]

    def on_epoch_end(self, epoch, logs=None):
        number = epoch + 1
        is_due = number == self.params["epochs"] or any(number % n == 0 for n in self.every)
        if self.model.adapts and is_due:
            self.model.adapt(self.dataset)


class Recorder(keras.callbacks.Callback):
    """Keeps the history: `metrics.csv`, TensorBoard scalars and pictures, one log line an epoch.

    Args:
        workdir: The run's folder.
        history: Rows of earlier epochs, from the checkpoint that the run resumed from.
        writer: A `trainers.tensorboard.Writer`.
        images: A few float images to reconstruct.
        pictures_every: Epochs between two rounds of pictures; 0 for none.
        pixel_scale: What the images' white is.
    """

    def __init__(self, workdir, history, writer, images, pictures_every, pixel_scale=1.0):
        super().__init__()
        self.workdir = workdir
        self.history = list(history)
        self.writer, self.images, self.pictures_every = writer, images, pictures_every
        self.pixel_scale = pixel_scale

    def on_epoch_end(self, epoch, logs=None):
        step = _step(self.model)
        row = {"epoch": epoch + 1, "step": step}
        row.update({name: float(value) for name, value in logs.items()})
        self.history.append(row)
        if processes.is_first():
            histories.write(self.workdir, self.history)
        terms = {name: value for name, value in row.items() if name not in ("epoch", "step")}
        self.writer.scalars(terms, step)
        if self.pictures_every and (epoch + 1) % self.pictures_every == 0:
            self._pictures(step)
        text = "  ".join(f"{name} {value:.4g}{self._unit(name)}" for name, value in terms.items())
        if processes.is_first():
            logging.info("epoch %d of %d  %s", epoch + 1, self.params["epochs"], text)

    def _unit(self, name):
        term = self.model.declared_terms().get(name.removeprefix("val_"))
        return f" {term.unit}" if term and term.unit else ""

    def _pictures(self, step):
        images = self.images / self.pixel_scale
        reconstructions = to_numpy(self.model.reconstruct(self.images)) / self.pixel_scale
        grid = grids.reconstruction_grid(images, np.clip(reconstructions, 0, 1))
        self.writer.picture("reconstructions", grid, step)
        samples = to_numpy(self.model.sample(len(self.images))) / self.pixel_scale
        samples = np.clip(samples, 0, 1)
        self.writer.picture("samples", grids.image_grid(samples), step)


class Resumption(keras.callbacks.Callback):
    """Puts the metrics of an unfinished epoch back once Keras has reset them.

    Args:
        checkpoint: The temporary `Checkpoint` that the run resumes from.
    """

    def __init__(self, checkpoint):
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_begin(self, epoch, logs=None):
        if self.checkpoint is not None:
            checkpoints.restore_metrics(self.checkpoint, self.model)
            self.checkpoint = None


class Checkpoints(keras.callbacks.Callback):
    """Saves checkpoints: at ends of epochs, after some minutes, and when the process is to end.

    Weights that are not finite are never saved. `StopOnNonFinite` comes before this callback, so
    that a loss which is not finite is never followed by a checkpoint either.

    Args:
        folder: The run's `checkpoints` folder.
        recorder: The `Recorder`, whose history goes into the checkpoint.
        every: Epochs between two; the last epoch always has one.
        keep: How many of them stay.
        clock: The `Clock`.
        minutes: The most minutes without a checkpoint. Between those of ends of epochs one
            temporary checkpoint is kept. 0 saves at ends of epochs alone.
        request: The `stopping.Request`; once it is made, the next step saves and raises `Stopped`.
    """

    def __init__(self, folder, recorder, every, keep, clock=None, minutes=0.0, request=None):
        super().__init__()
        self.folder, self.recorder, self.every, self.keep = folder, recorder, every, keep
        self.clock, self.minutes = clock, minutes
        self.request = request or stopping.Request()
        self.agreement = processes.Agreement()
        self.saved_at = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        # The last step of an epoch is saved with the epoch's end.
        if batch + 1 < self.params["steps"]:
            is_last = self._is_last()
            if is_last or self._is_late():
                self._save(seconds=self.clock.seconds())
            self._stop_if(is_last)

    def on_epoch_end(self, epoch, logs=None):
        is_last = self._is_last()
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.params["epochs"]:
            self._save()
        elif is_last or self._is_late():
            self._save(seconds=0.0)
        self._stop_if(is_last)

    def _is_late(self):
        return self.minutes and time.monotonic() - self.saved_at >= 60 * self.minutes

    def _is_last(self):
        """Returns whether training ends after the present step, in all processes."""
        is_asked = self.request.number is not None
        return self.agreement.is_due(_step(self.model), is_asked)

    def _save(self, seconds=None):
        step = _step(self.model)
        for weight in self.model.trainable_weights:
            if not np.all(np.isfinite(to_numpy(weight))):
                raise NonFiniteError(
                    f"A weight stopped being a finite number by step {step}: {weight.path}."
                )
        if processes.is_first():
            with self.clock.paused() if self.clock else contextlib.nullcontext(), processes.alone():
                checkpoints.save(
                    self.folder, self.model, step, self.recorder.history, self.keep, seconds
                )
        self.saved_at = time.monotonic()

    def _stop_if(self, is_last):
        if is_last:
            raise stopping.Stopped(
                self.request.number or signal.SIGTERM,  # another process was asked
                f"Step {_step(self.model)} is saved; the same command resumes.",
            )


class Progress(keras.callbacks.Callback):
    """A progress bar over all steps of the run, with the loss next to it."""

    def __init__(self, first_step, total_steps, disable):
        super().__init__()
        self.bar = tqdm(
            total=total_steps, initial=first_step, unit="step", disable=disable, dynamic_ncols=True
        )

    def on_train_batch_end(self, batch, logs=None):
        step = _step(self.model)
        self.bar.update(step - self.bar.n)
        self.bar.set_postfix_str(f"loss {float(logs['loss']):.4g}", refresh=False)

    def close(self):
        """Ends the bar."""
        self.bar.close()
