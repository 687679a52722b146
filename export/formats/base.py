"""The contract of a format, and the inputs of a conversion."""

import abc
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export import preprocess
from zoo import registry
from zoo.light.graph import Graph
from zoo.light.images import prepare_images
from zoo.releases import card as cards
from zoo.storage.arrays import read_npz


@dataclasses.dataclass(frozen=True)
class Source:
    """A published model that is converted.

    Attributes:
        folder: The artifact's folder.
        card: Its card, a dict.
        with_preprocessing: Whether graphs take uint8 images of any size.
        images: Calibration images as the model's graphs take them, float32 [N, H, W, C], or None.
        version: Positive int, the version folder of a server.
    """

    folder: Path
    card: dict
    with_preprocessing: bool = False
    images: np.ndarray | None = None
    version: int = 1

    @functools.cached_property
    def model(self):
        """The `zoo.VAE`, loaded from the artifact's weights."""
        from zoo import releases

        return releases.load(Path(self.folder))

    def onnx(self, part: str) -> bytes:
        """Returns the bytes of a graph's ONNX file, checked against the card."""
        return cards.read_file(self.folder, self.card, self.card["graphs"][part]["file"])

    @functools.cached_property
    def golden(self) -> dict[str, np.ndarray]:
        """The golden arrays, `PART.NAME` -> array, with uint8 images where these are asked for.

        Images that are levels of grey after the card's rules keep the outputs of Keras. For others
        the outputs are those of the published ONNX graph of the images rounded to grey levels.
        """
        name = self.card["golden"]["file"]
        arrays = read_npz(name, cards.read_file(self.folder, self.card, name))
        if not self.with_preprocessing:
            return arrays
        rules = self.card["preprocessing"]
        for part, graph in self.card["graphs"].items():
            if "image" not in graph["inputs"]:
                continue
            levels, is_exact = preprocess.levels(arrays[f"{part}.image"], rules)
            inputs = {key: arrays[f"{part}.{key}"] for key in graph["inputs"]}
            inputs["image"] = prepare_images(levels, rules, bits=False)
            if not is_exact:
                outputs = Graph(self.onnx(part), part)(**inputs)
                arrays.update({f"{part}.{key}": value for key, value in outputs.items()})
            arrays[f"{part}.image"] = levels
        return arrays

    def graphs(self) -> dict[str, dict]:
        """Returns the card's `graphs` with the inputs that this conversion gives them."""
        graphs = {}
        for part, graph in self.card["graphs"].items():
            inputs = dict(graph["inputs"])
            if self.with_preprocessing and "image" in inputs:
                inputs["image"] = list(preprocess.SIZES)
            graphs[part] = {**graph, "inputs": inputs}
        return graphs

    def saved_model(self, folder: Path):
        """Writes the model as a SavedModel, made from its weights."""
        from export import saved_model

        inside = functools.partial(preprocess.inside, card=self.card)
        change = inside if self.with_preprocessing else None
        saved_model.export(self.model, folder, "probability" in self.card["graphs"], change)


class Format(abc.ABC):
    """A format that `export.convert` writes.

    Attributes:
        name: Its name for flags.
        dtypes: What weights may be stored in, the default first.
        runtimes: The runtimes of `export.runtimes` that read it: all that are installed prove it.
    """

    name: str
    dtypes: tuple[str, ...] = ("float32",)
    runtimes: tuple[str, ...] = ()

    def checked(self, dtypes: Sequence[str]) -> tuple[str, ...]:
        """Returns what weights are stored in, each once; the default where there is none.

        Raises:
            ValueError: If the format does not have one of them.
        """
        unknown = [dtype for dtype in dtypes if dtype not in self.dtypes]
        if unknown:
            raise ValueError(
                f"`dtype` of {self.name} must be some of {list(self.dtypes)}. "
                f"Received: dtype={unknown[0]!r}.{registry.nearest(unknown[0], self.dtypes)}"
            )
        return tuple(dict.fromkeys(dtypes)) or self.dtypes[:1]

    @abc.abstractmethod
    def write(self, source: Source, folder: Path, dtypes: tuple[str, ...]) -> dict:
        """Writes the files of a model.

        Args:
            source: The model.
            folder: An empty folder.
            dtypes: Some of `dtypes`.

        Returns:
            The keys of the card that differ from the source's: `graphs` at least, which lists the
            graphs that the format has.
        """
