"""TensorBoard's event files, written without TensorFlow, so that every backend has them."""

import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class Writer:
    """Scalars and pictures for TensorBoard.

    Args:
        folder: Where the event file goes; a resumed run adds a second one.
    """

    def __init__(self, folder):
        self._writer = EventFileWriter(str(folder))

    def scalars(self, values, step):
        """Writes each of `{tag: number}` at `step`."""
        self._add([Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()], step)

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
        self._writer.add_event(
            Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        )

    def flush(self):
        self._writer.flush()

    def close(self):
        self._writer.close()
