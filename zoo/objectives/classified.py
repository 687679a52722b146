"""A classifier that is trained jointly with the model, on its latents: `mu_vae`, section 5."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.encoders.conv import fan_in_normal
from zoo.objectives.objective import Objective
from zoo.registry import OBJECTIVES
from zoo.term import Term
from zoo.typing import Array, PartLike, Shape


@OBJECTIVES.register("classified")
class Classified(Objective):
    """The loss of `base`, and the cross entropy of a classifier of z, which it owns.

        loss = base loss + E[-log softmax(f(stop(z)))_label]

    No gradient of the second term reaches the model: "classifier parameters are updated when
    encoder and decoder parameters are frozen and vice versa". `accuracy` is 0 or 1 for each
    example, at one sample z of its posterior, before the step.

    It needs labels, integers from 0 to `num_classes` - 1: `fit(images, labels)`; training scripts
    take those of the data set, and check them before the first step. Elsewhere a label of no class
    makes `classifier_loss` and `loss` NaN.

    Args:
        base: An objective that returns its sample `z` (those of rate and distortion do), its
            name, or a mapping with `name`, which gets the same `seed`.
        num_classes: Positive int.
        hidden_units: Widths of the classifier's hidden layers; three of 1024 in Table 4.
        negative_slope: Of their leaky ReLU.
        seed: Int.

    Reference:
        `mu_vae`, section 5 and Table 4.
    """

    needs_labels = True

    def __init__(
        self,
        base: PartLike = "beta",
        num_classes: int = 10,
        hidden_units: Sequence[int] = (1024, 1024, 1024),
        negative_slope: float = 0.2,
        seed: int = 17,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        if not isinstance(base, Objective):
            spec = {"name": base} if isinstance(base, str) else dict(base)
            base = OBJECTIVES.create({"seed": seed, **spec})
        self.base = base
        self.num_classes = num_classes
        self.hidden_units = tuple(hidden_units)
        self.negative_slope = negative_slope
        self.classifier = [
            keras.layers.Dense(units, kernel_initializer=fan_in_normal(), dtype="float32")
            for units in (*self.hidden_units, num_classes)
        ]

    def connect(self, encoder: Any, image_shape: Shape) -> None:
        """Builds the classifier for the encoder's number of latents."""
        self.base.connect(encoder, image_shape)
        width = encoder.latent_dim
        for layer in self.classifier:
            if not layer.built:
                layer.build((None, width))
            width = layer.units

    def check_parts(self, encoder: Any, decoder: Any, marginal: Any) -> None:
        self.base.check_parts(encoder, decoder, marginal)

    def declared_terms(self, decoder: Any) -> dict[str, Term]:
        """Returns the terms of `base`, `accuracy` and `classifier_loss`."""
        return {
            **self.base.declared_terms(decoder),
            "accuracy": Term("fraction", "Share of examples that the classifier gets right."),
            "classifier_loss": Term("nats", "Cross entropy of the classifier.", weight=1.0),
        }

    def check_labels(self, labels: Array, where: str) -> None:
        """Raises ValueError if a label is not one of 0, ..., `num_classes` - 1."""
        classes = np.unique(labels)
        is_class = np.isin(classes, np.arange(self.num_classes))  # 0.5 is none, and no NaN
        outside = classes[~is_class]
        if not outside.size:
            return
        remedy = (
            f"objective.num_classes={len(classes)} has room for them, numbered from 0"
            if len(classes) > self.num_classes
            else "`numpy.unique(labels, return_inverse=True)[1]` numbers them from 0"
        )
        raise ValueError(
            f"Expected labels from 0 to {self.num_classes - 1}, as num_classes={self.num_classes}, "
            f"in {where}; {remedy}. Received: {len(classes)} classes, labels {_few(classes)}, "
            f"of which outside: {_few(outside)}"
        )

    def released(self) -> "Objective":
        """Returns the base: the classifier is a measure of the codes, not a part of the model."""
        return self.base.released()

    def build(self, input_shape: Shape | None = None) -> None:
        if not self.base.built:
            self.base.build(input_shape)

    def call(
        self,
        x: Array,
        encoder: Any = None,
        decoder: Any = None,
        marginal: Any = None,
        training: bool = False,
        step: Array = None,
        labels: Array = None,
    ) -> dict[str, Array]:
        """Returns the terms of `base`, `loss` [], `accuracy` and `classifier_loss` [B]."""
        parts = {"encoder": encoder, "decoder": decoder, "marginal": marginal}
        terms = self.base(x, **parts, training=training, step=step)
        if "z" not in terms:
            raise ValueError(
                "`base` must return its sample `z`. "
                f"Received: base={type(self.base).__name__}, with {list(terms)}"
            )
        labels = _column(labels)
        logits = self.classify(ops.stop_gradient(terms["z"]))
        # A label of no class is no number, and never counts as if it were nothing.
        valid = ops.logical_and(labels >= 0, labels < self.num_classes)
        cross_entropy = keras.losses.sparse_categorical_crossentropy(
            ops.where(valid, labels, 0), logits, True
        )
        cross_entropy = ops.where(valid, cross_entropy, float("nan"))
        right = ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), labels)
        beside = {"accuracy": ops.cast(right, "float32"), "classifier_loss": cross_entropy}
        return {**terms, "loss": terms["loss"] + ops.mean(cross_entropy), **beside}

    def classify(self, z: Array) -> Array:
        """Returns the classifier's logits [B, num_classes] of latents [B, Z]."""
        *hidden, last = self.classifier
        for layer in hidden:
            z = ops.leaky_relu(layer(z), self.negative_slope)
        return last(z)


def _few(values):
    """Returns `0, 1, 2, ..., 9`, for messages."""
    values = [str(value) for value in values]
    return ", ".join(values if len(values) < 7 else [*values[:4], "...", values[-1]])


def _column(labels):
    """Returns integer labels [B] of [B] or [B, 1].

    Raises:
        ValueError: If they are of another shape, one-hot say.
    """
    if len(labels.shape) == 0 or tuple(labels.shape[1:]) not in ((), (1,)):
        raise ValueError(
            f"Expected integer labels [B] or [B, 1]. Received: shape={tuple(labels.shape)}"
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")
