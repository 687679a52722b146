"""The terms of an objective: unit, meaning, weight in the loss. Imports neither NumPy nor Keras."""

import dataclasses
from collections.abc import Mapping

PER = ("example", "batch")


@dataclasses.dataclass(frozen=True)
class Term:
    """The description of a term that an objective logs.

    Plots, logs, TensorBoard and reports read it. An objective declares its terms in
    `Objective.declared_terms`.

    Args:
        unit: For example "nats" or "fraction"; "" where there is none.
        text: What the term is, in whole sentences.
        per: "example": the objective returns a value for each example, [B]; or "batch": it returns
            one value of the batch, [].
        weight: The weight of the batch mean of the term in the loss; 0 where the term is no part
            of the loss.
        smallest_batch: Positive int, the fewest examples of a batch that give the term a value. A
            smaller batch takes no part in the mean of the term, and its loss is without the term.

    Raises:
        ValueError: If `per` is neither of the two.
    """

    unit: str
    text: str
    per: str = "example"
    weight: float = 0.0
    smallest_batch: int = 1

    def __post_init__(self):
        if self.per not in PER:
            raise ValueError(f"Expected `per` among {list(PER)}. Received: per={self.per!r}")

    def weighted(self, weight: float) -> "Term":
        """Returns the same term with another weight in the loss."""
        return dataclasses.replace(self, weight=weight)


LOSS = Term("nats", "What training minimises.", per="batch")
LAYER_LOSSES = Term("", "The losses of layers, regularisers for example.", per="batch", weight=1.0)


def described(terms: Mapping[str, Term]) -> dict[str, dict[str, str]]:
    """Returns name -> `unit`, `text` and `per` of each term, as JSON types."""
    keys = ("unit", "text", "per")
    return {name: {key: getattr(term, key) for key in keys} for name, term in terms.items()}
