"""Encodes the images of one shard and writes them as a file of Parquet, whole or not at all."""

import json

import numpy as np
import pyarrow
from pyarrow import parquet

from export import pictures
from export.encoding.plan import Plan
from zoo.light import probability, runtime
from zoo.storage import files

METADATA = b"elbo_zoo"  # the key of the settings in a file of Parquet


class Worker:
    """Encodes shards of a plan one after another; opens the model and the images once.

    Args:
        plan: The `Plan`.
        num_threads: Threads of an operation; None means all processors of this process.
        source: The plan's images where they are open, a `pictures.Images`.

    Raises:
        FileNotFoundError: If the model or the images are absent.
        ValueError: If they are not those of the plan.
    """

    def __init__(self, plan: Plan, num_threads: int | None = None, source=None):
        self.plan = plan
        self.encoder = runtime.load_encoder(plan.model, num_threads=num_threads)
        self.densities = None
        if plan.settings["nll"]:
            self.densities = probability.load_probability(plan.model, num_threads=num_threads)
        shape, resize = self.encoder.image_shape, plan.settings["resize"]
        self.images = source or pictures.open_images(plan.images, shape, resize)
        if self.images.count != plan.count:
            raise ValueError(
                f"Expected the {plan.count} images that the command was started with. "
                f"Received: images={plan.images!r} with {self.images.count}"
            )

    def write(self, number: int) -> int:
        """Encodes a shard and writes its file; returns its number of rows.

        The columns are `key` (int64, the number of the image), `path` where images have names,
        `features` (Z float32) and, where the plan has it, `nll` (float64, nats).

        Raises:
            TypeError, ValueError: If an image cannot be read or does not fit; nothing is written.
        """
        start, stop = self.plan.span(number)
        features, nll = self._encode(start, stop)
        codes = pyarrow.array(features.reshape(-1))
        columns = {
            "key": pyarrow.array(np.arange(start, stop)),
            "path": self.images.names(start, stop),
            "features": pyarrow.FixedSizeListArray.from_arrays(codes, features.shape[1]),
            "nll": nll,
        }
        table = pyarrow.table({name: v for name, v in columns.items() if v is not None})
        table = table.replace_schema_metadata({METADATA: json.dumps(self.plan.settings)})
        with files.atomic_path(self.plan.path(number)) as path:
            parquet.write_table(table, path)
        return len(table)

    def _encode(self, start, stop):
        """Returns features float32 [N, Z] and NLL float64 [N], or None, of a range of images."""
        size, bits = self.plan.batch_size, self.plan.bits
        features, nll = [], []
        for number, block in enumerate(self.images.blocks(size, start, stop)):
            features.append(self.encoder.features(block, batch_size=size, bits=bits))
            if self.densities:
                first, samples = start + number * size, self.plan.settings["nll"]
                nll.append(self.densities.nll(block, samples, bits=bits, first=first))
        codes = np.concatenate(features).astype(np.float32, copy=False)
        return codes, np.concatenate(nll) if nll else None
