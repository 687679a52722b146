"""Names in the annotations of the public API; the standard library is all that this loads.

TensorFlow, JAX, TensorFlow Probability and Keras have no common types of their tensors and
distributions, so a checker takes any value for `Array` and `Distribution`; shapes and units stand
in the docstrings.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from zoo.part import Part

Array: TypeAlias = Any
"""A tensor of Keras's backend, or what it makes one of: a NumPy array, a list."""
Distribution: TypeAlias = Any
"""A distribution of TensorFlow Probability, or an object with its methods."""
Seed: TypeAlias = Any
"""An int, a `keras.random.SeedGenerator` or a seed of TensorFlow Probability; in places None."""
Shape: TypeAlias = Sequence[int | None]
"""A tensor's shape; None where a dimension is not known."""
Config: TypeAlias = Mapping[str, Any]
"""Names and plain values, as in JSON."""
PartLike: TypeAlias = Union["Part", str, Config]
"""A part, its registered name, or a mapping `{"name": ..., **arguments}`."""
ModelName: TypeAlias = str | os.PathLike[str]
"""A released name, an artifact's folder, or a URL with its hash."""
