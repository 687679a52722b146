"""The description of a graph that a part publishes. Imports neither NumPy nor Keras."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

MAIN = ("encoder", "decoder")  # the graphs that every model has, first in its card


@dataclasses.dataclass(frozen=True)
class Example:
    """The inputs of the golden file.

    Args:
        image: Float images [N, H, W, C].
        z: Latents [M, Z].
        seed: Int, of noise.
        num_draws: Int, draws from a prior.
    """

    image: Any
    z: Any
    seed: int
    num_draws: int


@dataclasses.dataclass(frozen=True)
class GraphSpec:
    """One graph of an artifact: publishing, card, golden file and SavedModel read it.

    `Part.graphs` gives those of a part, `export.graphs.graphs_of` those of a model.

    Args:
        part: The name of the graph, for example "encoder".
        inputs: Name -> shape without the leading dimensions, in the order of `call`.
        call: Takes a tensor for each input and returns a dict of tensors; None for a graph that
            has only `compose`.
        golden: Takes an `Example`. Returns inputs for the golden file, name -> array, and outputs,
            or None for the outputs of `call`.
        signature: The name in the SavedModel; "" if the SavedModel does not have the graph.
        rooms: The rooms whose weights it reads.
        leading: Name of an input or output -> its leading dimensions, other than ("batch",).
        dtypes: Name of an input -> its dtype, other than "float32".
        compose: Takes an `export.compose.Graph` and a symbol for each input, and returns name ->
            symbol of the outputs: for loops, which tf2onnx does not convert. None where `call` is
            converted.
    """

    part: str
    inputs: Mapping[str, tuple[int, ...]]
    call: Callable | None
    golden: Callable[[Example], tuple[dict, dict | None]]
    signature: str = ""
    rooms: tuple[str, ...] = ()
    leading: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    dtypes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    compose: Callable | None = None
