"""VampPrior: a mixture of the encoder's own posteriors. `broken_elbo`, F.3."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.arguments import positive_int
from zoo.distributions import DiagonalNormalMixture, DirectMixture, VolumePreserving
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS
from zoo.typing import Array, Distribution, Seed, Shape

# How far `adapt` keeps pixels from 0 and 1, where the clip would stop their gradient.
MARGIN = 0.01


@MARGINALS.register("vamp")
class VampPrior(Marginal):
    """The marginal `v` of `broken_elbo`, F.3: m(z) = sum_i w_i e(z|phi_i).

        phi = clip(a, 0, 1),  a ~ N(0.05, 0.01^2) at first;   w = softmax(b),  b = 0 at first

    The pseudo-inputs phi are learned, and so are the weights w, which are new in `broken_elbo`. e
    is the encoder of the same model. Its weights get a gradient from here too, but are not this
    part's. A flow encoder z = f(u) has the same f for all x, so this is the mixture of the
    Gaussians of u. log m(z) of a z from the encoder then needs no inverse of f. KL(e||m) is
    sampled.

    Args:
        latent_dim: Positive int, Z.
        num_pseudo_inputs: Positive int, N.
        initial_mean: Mean of the first pseudo-inputs.
        initial_stddev: Standard deviation of the first pseudo-inputs.
        start: "normal", as above, or "images": the trainers begin at images of the training set.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Tomczak and Welling, 2018, eq. 9; the clip and the initial values are their code's.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        num_pseudo_inputs: int = 500,
        initial_mean: float = 0.05,
        initial_stddev: float = 0.01,
        start: str = "normal",
        **kwargs: Any,
    ):
        num_pseudo_inputs = positive_int("num_pseudo_inputs", num_pseudo_inputs)
        if start not in ("normal", "images"):
            raise ValueError(f"`start` must be 'normal' or 'images'. Received: start={start!r}")
        super().__init__(latent_dim, **kwargs)
        self.start = start
        self.num_pseudo_inputs = num_pseudo_inputs
        self.initial_mean = initial_mean
        self.initial_stddev = initial_stddev
        self._lender = None

    @property
    def starts_from_images(self) -> bool:
        return self.start == "images"

    def connect(self, encoder: Any, image_shape: Shape) -> None:
        """Keeps the encoder to read, and the shape (H, W, C) of its images.

        Raises:
            ValueError: If its posterior is no Gaussian, with or without a flow; or if this part
                already reads another encoder, or has pseudo-inputs of another shape.
        """
        if encoder.has_own_posterior:
            raise ValueError(
                "A VampPrior mixes diagonal Gaussian posteriors, with or without a flow. "
                f"Received: encoder={type(encoder).__name__}, with a posterior of its own"
            )
        if self._lender is not None and self._lender.encoder is not encoder:
            raise ValueError(
                "A VampPrior is of one encoder: give each model its own. Received: one that reads "
                f"the encoder {self._lender.encoder.name!r} of another model"
            )
        if self.built and self.raw_pseudo_inputs.shape[1:] != tuple(image_shape):
            raise ValueError(
                f"Expected images of shape {tuple(self.raw_pseudo_inputs.shape[1:])}, as the "
                f"pseudo-inputs have. Received: image_shape={tuple(image_shape)}"
            )
        self._lender = _Lender(encoder, tuple(image_shape))

    def build(self, input_shape: Shape | None = None) -> None:
        self._check_connected()
        self.raw_pseudo_inputs = self.add_weight(
            name="raw_pseudo_inputs",
            shape=(self.num_pseudo_inputs, *self._lender.image_shape),
            initializer=keras.initializers.RandomNormal(self.initial_mean, self.initial_stddev),
        )
        self.logits = self.add_weight(
            name="logits", shape=(self.num_pseudo_inputs,), initializer="zeros"
        )

    def get_build_config(self) -> None:
        """Returns None: a loaded part is built where its model is composed, and not before."""

    def pseudo_inputs(self) -> Array:
        """Returns phi, images [N, H, W, C] in [0, 1]."""
        return ops.clip(ops.convert_to_tensor(self.raw_pseudo_inputs), 0.0, 1.0)

    def adapt(self, images: Array, model: Any = None, seed: Seed = 17) -> None:
        """Starts the pseudo-inputs at N of `images`, drawn without repetition.

        Their pixels are brought into [0.01, 0.99], so that every one can still learn. For use
        before training, which the trainers make with `start="images"`: the pseudo-inputs are
        learned, so `adapts` is False.

        Args:
            images: Float images [M, H, W, C] in [0, 1], M >= N, or a data set with `float_images`.
            model: Not needed.
            seed: Int.

        Raises:
            ValueError: If they are fewer, or no floats in [0, 1].
        """
        if len(images) < self.num_pseudo_inputs:
            raise ValueError(
                f"Expected at least {self.num_pseudo_inputs} images. Received: {len(images)}"
            )
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(images), self.num_pseudo_inputs, replace=False))
        chosen = images.float_images(rows) if hasattr(images, "float_images") else images[rows]
        chosen = np.asarray(chosen)
        if chosen.dtype.kind != "f" or not (chosen.min() >= 0 and chosen.max() <= 1):
            raise ValueError(
                "Expected float images in [0, 1]; divide uint8 images by 255. Received: "
                f"dtype={chosen.dtype}, values from {chosen.min():g} to {chosen.max():g}"
            )
        self.raw_pseudo_inputs.assign(MARGIN + (1 - 2 * MARGIN) * chosen.astype("float32"))

    def distribution(self) -> Distribution:
        return self.from_parameters(self.parameters())

    def parameters(self) -> dict[str, Array]:
        """Returns `logits` [N], and `loc`, `scale` [N, Z] of e at the pseudo-inputs."""
        self._check_connected()
        encoder = self._lender.encoder
        # Batch normalisation takes the data's statistics here, and never those of pseudo-inputs,
        # which would also move its averages. Other layers read nothing of `training`, but for a
        # faster gate.
        how = {"training": False} if _has_batch_norm(encoder) else {}
        loc, scale = encoder.gaussian(encoder(self.pseudo_inputs(), **how))
        return {"logits": ops.convert_to_tensor(self.logits), "loc": loc, "scale": scale}

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """(1 + Z,), of the noise that `sample_from_noise` takes."""
        return (1 + self.latent_dim,)

    def sample_from_noise(self, parameters: Mapping[str, Array], noise: Array) -> Array:
        """Returns draws of m(z) [B, Z] from standard normal noise [B, 1 + Z].

            u = loc_i + scale_i noise_1..Z,  i by Phi(noise_0);   z = u, or f(u) over a flow

        Args:
            parameters: What `parameters` gives.
            noise: [B, 1 + Z].
        """
        u = DiagonalNormalMixture(**parameters).sample_from_noise(noise)
        flow = self._lender.encoder.flow
        return u if flow is None else flow(u)

    def from_parameters(self, parameters: Mapping[str, Array]) -> Distribution:
        return self._over_flow(DiagonalNormalMixture(**parameters, name=self.name))

    def portable(self, parameters: Mapping[str, Array]) -> Distribution:
        return self._over_flow(DirectMixture(**parameters))

    @property
    def needs_inverse(self) -> bool:
        """Whether the mixture is one over a flow."""
        return self._lender.encoder.flow is not None

    def _over_flow(self, mixture):
        flow = self._lender.encoder.flow
        return mixture if flow is None else VolumePreserving(mixture, flow, self.name)

    def _check_connected(self):
        if self._lender is None:
            raise ValueError(
                "A VampPrior reads an encoder: compose a `zoo.VAE`, or call "
                "`connect(encoder, image_shape)` first. Received: no encoder"
            )


class _Lender:
    """Holds a layer where Keras does not look, which would track its weights twice."""

    def __init__(self, encoder, image_shape):
        self.encoder = encoder
        self.image_shape = image_shape


def _has_batch_norm(encoder):
    layers = encoder._flatten_layers()
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
