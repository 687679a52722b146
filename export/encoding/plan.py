"""The shards of an encoding: which images each has, where it goes, and which are left to do."""

import contextlib
import dataclasses
import os
from pathlib import Path

import pyarrow
from pyarrow import parquet

from export import pictures
from zoo.arguments import positive_int
from zoo.light import probability, runtime
from zoo.releases import card as cards
from zoo.storage import files
from zoo.storage.locks import try_lock

FORMAT = 1
# Readers of a folder of Parquet leave out names with this beginning.
SETTINGS = "_encoding.json"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is encoded, and into which shards.

    Args:
        model: As `zoo.load_encoder` takes it; a path is absolute.
        images: As `pictures.open_images` takes it; a path is absolute.
        out: The folder of the shards.
        batch_size: Images at a time.
        bits: Whether integers are zeros and ones.
        settings: dict of what the rows depend on: two encodings of equal settings are equal.
    """

    model: str
    images: str
    out: Path
    batch_size: int
    bits: bool
    settings: dict

    @property
    def count(self) -> int:
        """How many images there are."""
        return self.settings["count"]

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.count // self.settings["shard_rows"])

    def span(self, number: int) -> tuple[int, int]:
        """Returns the first image of a shard, and the one behind its last."""
        rows = self.settings["shard_rows"]
        return number * rows, min((number + 1) * rows, self.count)

    def path(self, number: int) -> Path:
        """Returns the file of a shard."""
        return self.out / f"part-{number:05d}-of-{self.shards:05d}.parquet"

    def missing(self) -> list[int]:
        """Returns the shards that are not there as whole files."""
        return [number for number in range(self.shards) if not self._is_whole(number)]

    def _is_whole(self, number):
        start, stop = self.span(number)
        try:
            return parquet.read_metadata(self.path(number)).num_rows == stop - start
        except (OSError, pyarrow.ArrowException):  # absent or damaged
            return False


def make(model, images, out, resize=False, nll=0, shard_rows=8192, batch_size=256):
    """Returns the `Plan` of an encoding and its `pictures.Images`; arguments as `encode`.

    Raises:
        ValueError: If an argument is out of range, or the model has no densities and `nll` is set.
        FileNotFoundError: If the model or the images are absent.
    """
    positive_int("batch_size", batch_size)
    if positive_int("shard_rows", shard_rows) % batch_size:
        raise ValueError(
            f"Expected shard_rows as a multiple of batch_size={batch_size}. "
            f"Received: shard_rows={shard_rows}"
        )
    model, images = _absolute(model), pictures.absolute(images)
    encoder = runtime.load_encoder(model)
    hashes = {"encoder": cards.graph_hash(encoder.card, "encoder")}
    if nll:
        densities = probability.load_probability(model)
        densities.require_density("nll")
        hashes["probability"] = cards.graph_hash(densities.card, "probability")
    source = pictures.open_images(images, encoder.image_shape, resize)
    settings = {
        "format": FORMAT,
        "model_sha256": hashes,
        "images_sha256": source.stamp(),
        "count": source.count,
        "resize": bool(resize),
        "nll": int(nll),
        "shard_rows": shard_rows,
    }
    out = Path(out).expanduser().absolute()
    return Plan(model, images, out, batch_size, source.are_bits(), settings), source


def _absolute(model):
    """Returns a model's path as an absolute one, and another name as it is."""
    path, mark, sha256 = str(model).partition("#")
    expanded = Path(path).expanduser()
    return f"{expanded.absolute()}{mark}{sha256}" if expanded.exists() else str(model)


@contextlib.contextmanager
def claimed(plan: Plan):
    """Makes the folder of the shards this process's own; notes the settings there.

    Raises:
        ValueError: If the folder has shards of other settings, or something else, or if another
            process encodes into it.
    """
    _check_folder(plan)
    plan.out.mkdir(parents=True, exist_ok=True)
    folder = os.open(plan.out, os.O_RDONLY)
    try:
        if not try_lock(folder):
            raise ValueError(
                "Expected a folder that no other process encodes into. "
                f"Received: out={str(plan.out)!r}"
            )
        if not (plan.out / SETTINGS).is_file():
            files.write_json(plan.out / SETTINGS, plan.settings)
        yield
    finally:
        os.close(folder)


def _check_folder(plan):
    path = plan.out / SETTINGS
    if path.is_file():
        earlier = files.read_json(path)
        for name, value in plan.settings.items():
            if earlier.get(name) != value:
                raise ValueError(
                    f"Expected shards of {name}={value!r}, or another folder. Received: "
                    f"out={str(plan.out)!r}, which has shards of {name}={earlier.get(name)!r}"
                )
        return
    is_taken = plan.out.exists() and (
        not plan.out.is_dir() or any(child.name[0] != "." for child in plan.out.iterdir())
    )
    if is_taken:
        raise ValueError(
            f"Expected a new or empty folder for shards, or one of this command. "
            f"Received: out={str(plan.out)!r}"
        )
