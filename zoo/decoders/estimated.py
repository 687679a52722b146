"""Base class of Gaussian likelihoods with a variance that is estimated over the training set."""

from collections.abc import Mapping

from keras import ops

from zoo.decoders.likelihood import Gaussian
from zoo.estimates import Estimate
from zoo.typing import Array, Distribution, Shape


class EstimatedGaussian(Gaussian):
    """p(x|z) = N(x; mean(z), variance I), with one variance for all images after training.

    In training the variance is one of the batch, which a subclass computes in
    `distortion_and_cost`. Its `adapt` assigns the estimate over the training set.

    Attributes:
        meaning: What the variance is, for messages.
    """

    adapts = True
    location = "mean"
    meaning = "likelihood variance"

    def build(self, input_shape: Shape | None = None) -> None:
        self.variance = Estimate(self, "variance", (), self.meaning)

    def call(self, raw: Array) -> dict[str, Array]:
        """Returns `{"mean": [..., H, W, C], "scale": the same shape}`; scale NaN till adapted."""
        scale = ops.sqrt(self.variance.variable)
        return {**super().call(raw), "scale": ops.ones_like(raw) * scale}

    def distribution(self, parameters: Mapping[str, Array]) -> Distribution:
        """Returns p(x|z) with the variance estimated over the training set.

        Raises:
            ValueError: If `adapt` was not called since training.
        """
        self.check_adapted()
        return super().distribution(parameters)
