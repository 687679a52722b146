"""TensorBoard's event files, written without TensorFlow, so that every backend has them."""

import itertools
import os
import socket
import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.record_writer import RecordWriter

_numbers = itertools.count()  # of the files of this process


class Writer:
    """Scalars and pictures for TensorBoard.

    Events are written at once by the calling thread, so that a full disk is an error there.

    Args:
        folder: Where the event file goes; a resumed run adds a second one.
        terms: dict name -> {"unit", "text", "per"}, shown with the scalars of these names and of
            their `val_` twins.
    """

    def __init__(self, folder, terms=None):
        self._terms = terms or {}
        place = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        path = Path(folder) / f"events.out.tfevents.{int(time.time()):010d}.{place}"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _WholeFile(path)
        self._writer = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def scalars(self, values, step):
        """Writes each of `{tag: number}` at `step`."""
        self._add(
            [
                Summary.Value(tag=tag, simple_value=value, metadata=self._metadata(tag))
                for tag, value in values.items()
            ],
            step,
        )

    def _metadata(self, tag):
        term = self._terms.get(tag.removeprefix("val_"))
        if term is None:
            return None
        unit = f" In {term['unit']}." if term["unit"] else ""
        return SummaryMetadata(summary_description=f"{term['text']}{unit}")

    def picture(self, tag, image, step):
        """Writes `image`, uint8 [H, W, 3], at `step`."""
        from trainers.plots import png_bytes

        encoded = Summary.Image(
            height=image.shape[0],
            width=image.shape[1],
            colorspace=3,
            encoded_image_string=png_bytes(image),
        )
        self._add([Summary.Value(tag=tag, image=encoded)], step)

    def _add(self, values, step):
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event):
        self._writer.write(event.SerializeToString())

    def close(self):
        """Closes the event file."""
        self._file.close()


class Silent(Writer):
    """A writer that writes nothing: that of all processes but the first."""

    def __init__(self):
        self._terms = {}

    def _write(self, event):
        pass

    def close(self):
        pass


class _WholeFile:
    """A file without a buffer: what could not be written raises now, and nothing at its end."""

    def __init__(self, path):
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115

    def write(self, content):
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self):
        self._file.close()
