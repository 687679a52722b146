"""Latent clipping: vectors kept inside a ball. `mu_vae`, eq. 5."""

import keras
from keras import ops

from zoo.part import Part


@keras.saving.register_keras_serializable(package="zoo")
class NormClipping(Part):
    """y = x min(1, r / |x|) over the last axis, in float32: shorter vectors stay as they are.

    Inside the ball the gradient passes unchanged, outside its part along x is lost, as the length
    is then fixed. At the origin and on the sphere all is finite.

    Args:
        radius: Positive number, r.

    Raises:
        ValueError: If `radius` is not positive.
    """

    def __init__(self, radius, **kwargs):
        if not radius > 0:
            raise ValueError(f"`radius` must be a positive number. Received: radius={radius!r}")
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.radius = radius

    def build(self, input_shape=None):
        pass

    def call(self, x):
        """Returns vectors of the shape of `x`, [..., Z], none longer than the radius."""
        square, limit = ops.sum(ops.square(x), axis=-1, keepdims=True), self.radius**2
        # `where` twice over: neither value nor gradient of the branch not taken may be infinite.
        shrunk = self.radius * ops.rsqrt(ops.maximum(square, limit))
        return x * ops.where(square > limit, shrunk, 1.0)
