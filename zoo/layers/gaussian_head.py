"""From features to the parameters of a diagonal Gaussian."""

import keras
from keras import ops

from zoo.part import Part

# A scale under this is noise of the arithmetic: float32 resolves loc / scale to about 1e7.
SCALE_FLOOR = 1e-5
_PARAMETERIZATIONS = ("softplus_scale", "softplus_variance", "log_variance", "deterministic")


@keras.saving.register_keras_serializable(package="zoo")
class GaussianHead(Part):
    """Reads `loc` and `scale` of N(loc, diag(scale)^2) from features, in float32.

        softplus_scale     scale = softplus(a) + 1e-5         (`bilbo`, section 7)
        softplus_variance  scale = sqrt(softplus(a) + 1e-10)  (`broken_elbo`, F.1)
        log_variance       scale = exp(a / 2) + 1e-5          (Kingma and Welling, 2014)
        a number           scale = that number, nothing learned (`bilbo`, section 4.3)
        deterministic      no scale: all the mass is at loc (`vimae`, appendix)

    where `a` is a dense layer of the features.

    Args:
        latent_dim: Positive int, Z.
        scale: One of the names above, or a positive number.
        kernel_initializer: Keras initializer of both dense layers; each draws its own numbers,
            but for an instance with a `seed`, which says that they shall be the same.

    Raises:
        ValueError: If `scale` is none of these.
    """

    def __init__(self, latent_dim, scale="softplus_scale", kernel_initializer=None, **kwargs):
        is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
        if not (scale in _PARAMETERIZATIONS or (is_number and scale > 0)):
            raise ValueError(
                f"`scale` must be one of {list(_PARAMETERIZATIONS)} or a positive number. "
                f"Received: scale={scale!r}"
            )
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = latent_dim
        self.scale = scale
        self.kernel_initializer = kernel_initializer
        first = kernel_initializer or "glorot_uniform"
        # An instance holds one seed, and two kernels of one shape would start as the same numbers.
        second = first.clone() if isinstance(first, keras.initializers.Initializer) else first
        self.loc_layer = self._dense(first)
        has_layer = not (is_number or scale == "deterministic")
        self.scale_layer = self._dense(second) if has_layer else None

    def _dense(self, initializer):
        options = {"kernel_initializer": initializer, "dtype": "float32"}
        return keras.layers.Dense(self.latent_dim, **options)

    def build(self, input_shape):
        self.loc_layer.build(input_shape)
        if self.scale_layer is not None:
            self.scale_layer.build(input_shape)

    def call(self, features):
        """Returns `{"loc": [B, Z], "scale": [B, Z]}` from features [B, F], or `loc` alone."""
        loc = self.loc_layer(features)
        if self.scale == "deterministic":
            return {"loc": loc}
        if self.scale_layer is None:
            return {"loc": loc, "scale": ops.ones_like(loc) * self.scale}
        raw = self.scale_layer(features)
        if self.scale == "softplus_scale":
            return {"loc": loc, "scale": ops.softplus(raw) + SCALE_FLOOR}
        if self.scale == "softplus_variance":
            return {"loc": loc, "scale": ops.sqrt(ops.softplus(raw) + SCALE_FLOOR**2)}
        return {"loc": loc, "scale": ops.exp(0.5 * raw) + SCALE_FLOOR}
