"""The base class of objectives: a loss, and its named terms."""

from typing import Any

import keras

from zoo.part import Part
from zoo.term import Term
from zoo.typing import Array, Shape


class Objective(Part):
    """A loss of (x, encoder, decoder, marginal). A subclass writes `call` and `declared_terms`.

    `call` returns a dict: `loss` [], which is minimised, and the declared terms, [B] or [] as each
    declares. These are logged; `call` may return more. Logs are means over examples: a batch of B
    examples has the weight B, and the terms, each times its weight, add up to the loss. `call` gets
    the other three parts rather than tensors made from them, so that it may sample, differentiate
    or train networks as it needs. Schedules read `step`, the number of batches trained on.

    Args:
        seed: Int; seeds the draws of `next_seed(self.seed_generator)`.
    """

    # Whether `call` takes `labels`, integers [B], from `fit(images, labels)`.
    needs_labels = False

    def __init__(self, seed: int = 17, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape | None = None) -> None:
        pass

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        """Called when a model is composed; raises ValueError if this cannot train these parts."""

    def check_labels(self, labels: Array, where: str) -> None:
        """Called before training with all labels; raises ValueError if this cannot train on them.

        Args:
            labels: NumPy array [N] of integers.
            where: The data that they belong to, for the message.
        """

    def connect(self, encoder: Any, image_shape: Shape) -> None:
        """Called when a model is composed; builds layers of its own that need the parts' sizes."""

    def declared_terms(self, decoder: Any) -> dict[str, Term]:
        """Returns name -> `zoo.term.Term` of all terms that are logged, in the order of the logs.

        Args:
            decoder: The `zoo.Decoder` of the model. Some terms depend on its likelihood.

        Raises:
            TypeError: If the class lists names as `term_names`, as earlier versions read them.
        """
        if hasattr(self, "term_names"):
            raise TypeError(
                "Expected the method `declared_terms`, which gives each logged term a unit and a "
                f"meaning. Received: {type(self).__name__} with `term_names`"
            )
        return {}

    def released(self) -> "Objective":
        """Returns the objective of a published model, without networks that only measure."""
        return self
