"""The one model: an encoder, a decoder, a marginal and an objective, composed."""

import contextlib
import math
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import executions, inputs, registry, replicas
from zoo.backend import (
    fold_in,
    is_traced,
    kept_variables,
    name_scope,
    prefer_xla,
    scope_of,
    tfp_seed,
    to_numpy,
    untuned_arrays,
)
from zoo.blocks import BLOCK, in_blocks
from zoo.encoders.encoder import Encoder
from zoo.metrics import FirstNonFinite, TermMean
from zoo.part import kind, part_config
from zoo.registry import DECODERS, ENCODERS, MARGINALS, OBJECTIVES
from zoo.storage import hdf5
from zoo.term import LAYER_LOSSES, LOSS, Term
from zoo.typing import Array, Config, PartLike, Seed, Shape

ROOMS = {"encoder": ENCODERS, "decoder": DECODERS, "marginal": MARGINALS, "objective": OBJECTIVES}


@keras.saving.register_keras_serializable(package="zoo")
class VAE(keras.Model):
    """A variational autoencoder: e(z|x), d(x|z), m(z) and an objective.

    A `keras.Model`: `compile(optimizer)`, `fit(images)`, `evaluate`, `predict` (reconstructions),
    `save` and `keras.saving.load_model` work as usual (in a new process `import zoo` before it, so
    that Keras knows the classes). Images are float32 [B, H, W, C] in [0, 1]; latents
    [B, Z]; every bound is in nats. Under a `tf.distribute.MirroredStrategy` or a
    `keras.distribution.DataParallel` a step is that of one device with the whole batch: see
    docs/scaling.md. The model is float32 under every policy, only its parts' layers follow it:
    with `mixed_float16` compile with a `keras.optimizers.LossScaleOptimizer`, as Keras adds none of
    itself. The values of images are checked, in `fit` before the step that reads them. For a
    PyTorch `DataLoader` or a Grain data set only the shape and the dtype are checked.

    Args:
        encoder: A `zoo.Encoder`, its registered name, or a mapping `{"name": ..., **arguments}`.
        decoder: A `zoo.Decoder`, its registered name, or a mapping.
        marginal: A `zoo.Marginal`, its registered name, or a mapping, which gets the encoder's
            `latent_dim` unless it has its own; the default is N(0, I).
        objective: A `zoo.Objective`, its registered name, or a mapping; the default is the ELBO.

    Raises:
        ValueError: If the parts do not agree on the number of latents, if the decoder's images
            do not fit the encoder, or if `keras.config.floatx()` is not "float32".
        TypeError: If a part is none of its room.

    Example:
        >>> model = zoo.VAE(zoo.MLPEncoder(2), zoo.MLPDecoder(2))
        >>> model.compile("adam")
        >>> model.fit(images, batch_size=300, epochs=10)
    """

    def __init__(
        self,
        encoder: PartLike,
        decoder: PartLike,
        marginal: PartLike | None = None,
        objective: PartLike = "beta",
        **kwargs: Any,
    ):
        # The model itself is float32: pixels must reach the objective unrounded. Under a mixed
        # policy the parts' own layers are of lower precision.
        inputs.check_settings()
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.encoder = ENCODERS.create(encoder)
        self.decoder = DECODERS.create(decoder)
        self.marginal = self._make_marginal("normal" if marginal is None else marginal)
        self.objective = OBJECTIVES.create(objective)
        self._check_parts()
        self.step = self.add_weight(
            name="step", shape=(), dtype="int32", initializer="zeros", trainable=False
        )
        self.terms = {
            name: TermMean(name, term.smallest_batch)
            for name, term in self.objective.declared_terms(self.decoder).items()
            if name != "loss"
        }
        self.layer_losses = TermMean("layer_losses")
        self._has_layer_losses = False
        self.first_non_finite = {
            name: FirstNonFinite(name=f"first_non_finite_{name}") for name in ("loss", *self.terms)
        }
        # The least and the largest pixel of its images, or None where any number is a pixel.
        self.pixel_range = self.decoder.likelihood.pixel_range
        self.epoch = executions.Epoch()  # of the present `fit`
        self.build((None, *self.image_shape))
        replicas.synchronise(self)

    def _make_marginal(self, spec):
        spec = {"name": spec} if isinstance(spec, str) else spec
        if hasattr(spec, "keys") and "name" in spec:
            names = MARGINALS.get(spec["name"]).argument_names()
            size = {"latent_dim": self.encoder.latent_dim} if "latent_dim" in names else {}
            spec = {**size, **spec}
        return MARGINALS.create(spec)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images."""
        return self.decoder.image_shape

    @property
    def latent_dim(self) -> int:
        """Z, the number of latents."""
        return self.encoder.latent_dim

    def _check_parts(self):
        if type(self.encoder).distribution is not Encoder.distribution:
            raise ValueError(
                "An encoder with a posterior of its own writes `posterior(parameters)`: evaluation "
                "reads that, from parameters that were kept. Received: "
                f"{type(self.encoder).__name__}, which writes `distribution`"
            )
        sizes = {
            room: getattr(self, room).latent_dim for room in ("encoder", "decoder", "marginal")
        }
        if len(set(sizes.values())) != 1:
            raise ValueError(
                "Encoder, decoder and marginal must have the same `latent_dim`. Received: "
                + ", ".join(f"{room}.latent_dim={size}" for room, size in sizes.items())
            )

    def build(self, image_shape: Shape) -> None:
        if self.built:
            return
        self.marginal.connect(self.encoder, self.image_shape)
        self.objective.connect(self.encoder, self.image_shape)
        for part, shape in (
            (self.encoder, image_shape),
            (self.decoder, (None, self.latent_dim)),
            (self.marginal, None),
            (self.objective, image_shape),
        ):
            if not part.built:
                part.build(shape)
        self.objective.check_parts(self.encoder, self.decoder, self.marginal)

    def check_images(self, x: Array) -> Array:
        """Returns `x` as a float32 tensor [B, H, W, C].

        Raises:
            ValueError: If its size, channels or kind of number is not the model's, or a pixel is
                outside `pixel_range`.
        """
        return ops.cast(self._checked(x), "float32")

    def _checked(self, x):
        inputs.check_settings()
        return inputs.check(x, self.image_shape, self.pixel_range)

    def _check_latents(self, z):
        """Returns `z` as a float32 tensor [..., Z]."""
        z = ops.cast(z, "float32")
        if len(z.shape) == 0 or z.shape[-1] != self.latent_dim:
            raise ValueError(
                f"Expected latents of shape (..., {self.latent_dim}). "
                f"Received: shape={tuple(z.shape)}"
            )
        return z

    def load_weights(self, filepath: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.load_weights`, of a file that holds its own numbers, all of them.

        Args:
            filepath: A path that ends in `.weights.h5`, `.h5` or `.keras`.
            *args, **kwargs: As Keras takes them.

        Raises:
            FileNotFoundError: If it is absent.
            ValueError: If it refers to other files, is not what `zoo.storage.hdf5.check` expects,
                or has the weights of another model.
        """
        hdf5.check_weights(filepath)
        super().load_weights(filepath, *args, **kwargs)

    # Training.

    def call(self, x: Array, training: bool = False) -> Any:
        """Returns reconstructions of images, or the objective's terms of a batch.

        Args:
            x: Images [B, H, W, C]: what comes back is their reconstructions. A mapping
                `{"images": [B, H, W, C], "labels": [B]}`, the labels where the objective needs
                them, is what a training or test step passes: what comes back is the terms,
                `{"loss": [], ...}`.
            training: Whether layers act as in training.
        """
        if isinstance(x, Mapping):
            return self._score(**x, training=training)
        return self.decoder.images(self.encoder(self.check_images(x))["loc"])

    def _score(self, images, training, **labels):
        return self.objective(
            self.check_images(images),
            encoder=replicas.split(self.encoder),
            decoder=replicas.split(self.decoder),
            marginal=self.marginal,
            training=training,
            step=ops.convert_to_tensor(self.step),
            **labels,
        )

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None, **options: Any
    ) -> None:
        """Sets the optimiser and how steps are run, as `keras.Model.compile` does.

        Args:
            optimizer: A Keras optimiser or its name.
            loss: None: what is minimised is the model's objective.
            loss_weights: None, as `loss`.
            **options: `run_eagerly`, `steps_per_execution`, `jit_compile`, `auto_scale_loss`. With
                `jit_compile="auto"`, the default, XLA is used where it is the faster choice, see
                `zoo.backend.prefer_xla`; the steps of an execution are one program then, see
                `zoo.executions`.

        Raises:
            ValueError: If a loss or metrics are given. The objective's terms are the metrics.
        """
        refused = {"loss": loss, "loss_weights": loss_weights}
        refused.update({name: options.get(name) for name in ("metrics", "weighted_metrics")})
        for name, value in refused.items():
            if value is not None:
                raise ValueError(
                    "Expected `compile(optimizer)`: what is minimised is the model's objective, "
                    f"and what is logged are its terms. Received: {name}={value!r}"
                )
        if options.get("jit_compile", "auto") == "auto" and not prefer_xla(self):
            options["jit_compile"] = False
        super().compile(optimizer, **options)

    def compile_from_config(self, config: Config) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
        with scope_of(self):
            self.optimizer.build(self.trainable_variables)

    # Images are checked where their values are available. The arguments are Keras's own.

    def fit(self, *arguments: Any, **options: Any) -> keras.callbacks.History:
        """Trains, as `keras.Model.fit`; see `zoo.inputs.checked_arguments`."""
        self._build_optimizer()
        return self._run(super().fit, arguments, options)

    def evaluate(self, *arguments: Any, **options: Any) -> Any:
        """Returns loss and terms of images, as `keras.Model.evaluate`."""
        return self._run(super().evaluate, arguments, options)

    def predict(self, *arguments: Any, **options: Any) -> np.ndarray:
        """Returns reconstructions as NumPy, as `keras.Model.predict`."""
        return self._run(super().predict, arguments, options)

    def train_on_batch(self, *arguments: Any, **options: Any) -> Any:
        """Takes one step, as `keras.Model.train_on_batch`."""
        return self._run(super().train_on_batch, arguments, options)

    def test_on_batch(self, *arguments: Any, **options: Any) -> Any:
        """Returns loss and terms of one batch, as `keras.Model.test_on_batch`."""
        return self._run(super().test_on_batch, arguments, options)

    def predict_on_batch(self, *arguments: Any, **options: Any) -> np.ndarray:
        """Returns reconstructions of one batch, as `keras.Model.predict_on_batch`."""
        return self._run(super().predict_on_batch, arguments, options)

    def _run(self, method, arguments, options):
        options = inputs.checked_arguments(self, method, arguments, options)
        if method.__name__ == "fit":
            self.epoch = executions.Epoch(options.get("steps_per_epoch"))
        try:
            with kept_variables(self), untuned_arrays():
                return method(**options)
        except Exception as error:
            named = inputs.named_error(error)
            if named is None:
                raise
            raise named from None

    @contextlib.contextmanager
    def _whole_batch(self, data):
        """Yields a batch of Keras, `(x, y, weights)`, whose `x` makes `call` return the terms.

        It is the whole batch on every replica.
        """
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        x, y = replicas.unpadded(x, y)
        with replicas.step(x) as images:
            batch = {"images": images}
            if self.objective.needs_labels:
                batch["labels"] = replicas.whole(self._checked_labels(y))
            yield keras.utils.pack_x_y_sample_weight(batch, y, weights)

    def _checked_labels(self, labels):
        if labels is None:
            raise ValueError(
                f"The objective {kind(self.objective)!r} needs labels: "
                "`fit(images, labels)`. Received: images alone"
            )
        return labels

    def _build_optimizer(self):
        # TensorFlow traces a step twice if the optimiser's variables are created in it. They are
        # not before all weights are: a custom part may leave them to its first call.
        built = all(layer.built for layer in self._flatten_layers())
        if built and self.optimizer is not None and not self.optimizer.built:
            with scope_of(self):
                self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force: bool = False) -> Any:
        self._build_optimizer()
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = executions.train_function(self, self.train_function)
        return self.train_function

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras (3.15) would average the first images of all replicas, whose numbers may differ, to
        # know their shape. A model whose layers are built needs no shape.
        if not all(layer.built for layer in self._flatten_layers()):
            super()._maybe_symbolic_build(iterator, data_batch)

    # Keras's own steps are kept. Their arguments differ by backend; the data is the last.

    def train_step(self, *arguments: Any) -> Any:
        with self._whole_batch(arguments[-1]) as batch:
            return super().train_step(*arguments[:-1], batch)

    def test_step(self, *arguments: Any) -> Any:
        with self._whole_batch(arguments[-1]) as batch:
            return super().test_step(*arguments[:-1], batch)

    def compute_loss(
        self,
        x: Array = None,
        y: Array = None,
        y_pred: Array = None,
        sample_weight: Array = None,
        training: bool = True,
    ) -> Array:
        """Returns the objective's loss plus the layers' own (regularisers); updates the terms.

        Raises:
            ValueError: If examples have weights: an objective's loss is of the batch as a whole.
                If there are several replicas, and this is not called by the class's own steps.
                If the model was compiled with another loss; if `y_pred` is not what `call` gives
                inside the class's own steps; if the objective's loss is no scalar.
        """
        if self.loss is not None:
            raise ValueError(
                "Expected `compile(optimizer)`: what is minimised is the model's objective. "
                f"Received: loss={self.loss!r}"
            )
        if not (hasattr(y_pred, "keys") and "loss" in y_pred):
            raise ValueError(
                "Expected the objective's terms. In a `train_step` of your own they are "
                "model.objective(x, encoder=model.encoder, decoder=model.decoder, "
                "marginal=model.marginal, training=True, step=model.step). "
                f"Received: y_pred={type(y_pred).__name__}"
            )
        if sample_weight is not None:
            raise ValueError(
                "Expected no weights of examples: an objective's loss is of the batch as a whole. "
                "Received: sample_weight or class_weight"
            )
        images = x["images"] if isinstance(x, Mapping) else x
        loss, examples = y_pred["loss"], ops.shape(images)[0]
        if len(loss.shape) != 0:
            raise ValueError(
                f"Expected a scalar loss of the objective {kind(self.objective)!r}, the batch's "
                f"mean. Received: shape={tuple(loss.shape)}"
            )
        self._check_terms(y_pred)
        replicas.check_losses(self)
        extras = self.losses
        with name_scope("metrics"):
            self._update_terms(y_pred, extras, examples)
        for extra in extras:
            loss = loss + extra
        if training:
            # Kept here and not read from the optimiser, whose state JAX does not show to a loss.
            self.step.assign(self.step + 1)
            for part in self._adapting:
                part.forget()
        return replicas.share(loss)

    def _update_terms(self, y_pred, layer_losses, examples):
        for name, metric in self.terms.items():
            metric.update_state(y_pred[name], examples)
        if layer_losses:
            self._has_layer_losses = True
            self.layer_losses.update_state(sum(layer_losses), examples)
        for name, metric in self.first_non_finite.items():
            metric.update_state(y_pred[name], step=ops.convert_to_tensor(self.step))

    def declared_terms(self) -> dict[str, Term]:
        """Returns name -> `zoo.term.Term` of all that is logged: loss, terms and layer losses."""
        declared = self.objective.declared_terms(self.decoder)
        return {"loss": LOSS, **declared, "layer_losses": LAYER_LOSSES}

    def _check_terms(self, y_pred):
        """Raises ValueError unless the terms are there and of the shapes that they declare."""
        for name, term in self.objective.declared_terms(self.decoder).items():
            shape = tuple(y_pred[name].shape) if name in y_pred else "no such term"
            if shape == "no such term" or len(shape) != (term.per == "example"):
                raise ValueError(
                    f"Expected the term {name!r} of the objective {kind(self.objective)!r} as "
                    f"{'[B]' if term.per == 'example' else '[]'}, as it is per {term.per}. "
                    f"Received: {shape if isinstance(shape, str) else f'shape={shape}'}"
                )

    def get_metrics_result(self) -> dict[str, Array]:
        """Returns the means over examples of loss and terms.

        The terms, each times the weight that it declares, add up to the loss, with `layer_losses`
        if layers have losses of their own. A batch that is too small for a term counts neither in
        the term's mean nor in that part of the loss.
        """
        result = super().get_metrics_result()
        for name, term in self.declared_terms().items():
            if term.smallest_batch > 1 and term.weight:
                result["loss"] = result["loss"] + term.weight * self.terms[name].shortfall()
        hidden = {metric.name for metric in self.first_non_finite.values()}  # for callbacks
        if not self._has_layer_losses:
            hidden.add("layer_losses")
        return {name: value for name, value in result.items() if name not in hidden}

    def adapt(self, images: Array, seed: Seed = 17) -> None:
        """Estimates over `images`, the training set, what training leaves to be estimated.

        That is the scale of a floating prior and of a BAGGINS likelihood. Training scripts do it
        whenever they save; after a `fit` of your own, which takes an earlier estimate back, call
        it before you sample, evaluate or publish. Models without such parts are left as they are.

        Args:
            images: Images [N, H, W, C], or a data set with `float_images`.
            seed: Int, of posterior samples where there is no closed form.
        """
        for part in self._adapting:
            part.adapt(images, self, seed)

    @property
    def _adapting(self):
        return [part for part in (self.marginal, self.decoder.likelihood) if part.adapts]

    @property
    def adapts(self) -> bool:
        """Whether `adapt` has something to estimate."""
        return bool(self._adapting)

    def check_adapted(self) -> None:
        """Raises ValueError if there is something to estimate that training left open."""
        for part in self._adapting:
            part.check_adapted()

    # Use.

    # NumPy comes out, and memory does not grow with the number of images. Inside a compiled
    # function `encode` and `decode` return tensors. A gradient is taken through the parts:
    # `model.encoder(x)` and `model.decoder(z)`.

    def encode(
        self, x: Array, training: bool = False, batch_size: int = BLOCK
    ) -> dict[str, np.ndarray]:
        """Returns the posterior's parameters as NumPy, `{"loc": [B, Z], "scale": [B, Z]}`.

        No gradient goes through it; `model.encoder(x)` gives tensors.

        Args:
            x: Images [B, H, W, C].
            training: Whether layers act as in training. All images are then one batch.
            batch_size: Positive int, images encoded in one step.
        """

        def encode(x):
            return self.encoder(ops.cast(x, "float32"), training=training)

        return in_blocks(encode, (self._checked(x),), None if training else batch_size)

    def decode(
        self, z: Array, x: Array = None, training: bool = False, batch_size: int = BLOCK
    ) -> dict[str, np.ndarray]:
        """Returns the likelihood's parameters and `mean` as NumPy, each [..., H, W, C].

        No gradient goes through it; `model.decoder(z)` gives tensors.

        Args:
            z: Latents [..., Z].
            x: Images [..., H, W, C], which an autoregressive decoder needs: its parameters are
                each pixel's given the pixels of `x` before it.
            training: Whether layers act as in training. All latents are then one batch.
            batch_size: Positive int, latents decoded in one step.
        """
        z = self._check_latents(z)
        images = () if x is None else (ops.cast(x, "float32"),)

        def decode(z, *x):
            parameters = self.decoder(z, *x, training=training)
            return {**parameters, "mean": self.decoder.mean(parameters)}

        if is_traced(z) or any(is_traced(x) for x in images):
            return decode(z, *images)
        leading = tuple(z.shape[:-1])
        rows = [ops.reshape(z, (-1, self.latent_dim))]
        for x in images:
            x = ops.broadcast_to(x, (*leading, *self.image_shape))
            rows.append(ops.reshape(x, (-1, *self.image_shape)))
        outputs = in_blocks(decode, tuple(rows), None if training else batch_size)
        return {name: _with_leading(value, leading) for name, value in outputs.items()}

    def reconstruct(self, x: Array, seed: Seed = None, batch_size: int = BLOCK) -> np.ndarray:
        """Returns images [B, H, W, C] as NumPy, decoded from the code `encode(x)["loc"]`.

        They are means of d(x|z), or draws where the decoder is autoregressive.

        Args:
            x: Images [B, H, W, C].
            seed: An int decodes one posterior sample instead, the same on every call.
            batch_size: Positive int, images in one step.
        """
        parameters = self.encode(x, batch_size=batch_size)
        if seed is None:
            return self.decoder.images_in_blocks(parameters["loc"], batch_size=batch_size)
        z = self.encoder.posterior(parameters).sample(seed=tfp_seed(seed))
        return self.decoder.images_in_blocks(z, seed, batch_size)

    def sample(
        self,
        num_samples: int,
        seed: Seed = 17,
        sample_pixels: bool = False,
        progress: bool = False,
        batch_size: int = BLOCK,
    ) -> np.ndarray:
        """Returns images [N, H, W, C] from the model as NumPy: z ~ m(z), then the mean of d(x|z).

        Args:
            num_samples: Positive int, N.
            seed: Int; the same seed gives the same images, whatever `batch_size` is.
            sample_pixels: Draw x ~ d(x|z) instead of taking its mean; an autoregressive decoder
                always draws.
            progress: Show a bar while an autoregressive decoder draws its rows.
            batch_size: Positive int, images decoded in one step.
        """
        if num_samples < 1:
            raise ValueError(f"Expected num_samples >= 1. Received: num_samples={num_samples!r}")
        key = tfp_seed(seed)
        z = self.marginal.distribution().sample(num_samples, seed=key)
        draws = fold_in(key, 2)  # a prior may have folded in 0 and 1 itself
        if self.decoder.is_autoregressive or sample_pixels:
            return to_numpy(self.decoder.draws(z, draws, batch_size, progress))
        return self.decoder.images_in_blocks(z, batch_size=batch_size)

    def elbo(self, x: Array, num_samples: int = 1, seed: Seed = 17) -> np.ndarray:
        """Returns the mean over samples of -(D + R), a lower bound of log p(x), [B], as NumPy."""
        from zoo.evaluation import nll

        return nll.elbo(self, self._checked(x), num_samples=num_samples, seed=seed)

    def log_prob(self, x: Array, num_samples: int = 100, seed: Seed = 17) -> np.ndarray:
        """Returns the importance-weighted lower bound of log p(x), [B], as NumPy.

            log_prob[b] = logsumexp_k(log d(x|z_k) + log m(z_k) - log e(z_k|x)) - log K

        It tightens as K grows (Burda et al., 2016, eq. 8).

        Args:
            x: Images [B, H, W, C].
            num_samples: K.
            seed: Int.
        """
        from zoo.evaluation import nll

        return nll.importance_weighted_bound(
            self, self._checked(x), num_samples=num_samples, seed=seed
        )

    def predict_codes(self, x: Array, batch_size: int = BLOCK) -> np.ndarray:
        """Returns the posterior means of all images as a NumPy array [N, Z], batch by batch."""
        return self.encode(x, batch_size=batch_size)["loc"]

    # Saving.

    def get_config(self) -> dict[str, Any]:
        parts = {room: keras.saving.serialize_keras_object(getattr(self, room)) for room in ROOMS}
        return {"name": self.name, **parts}

    @classmethod
    def from_config(cls, config: Config) -> "VAE":
        config = dict(config)
        parts = {room: keras.saving.deserialize_keras_object(config.pop(room)) for room in ROOMS}
        model = cls(**parts, **config)
        layers = [layer for part in parts.values() for layer in part._flatten_layers()]
        for layer in [layer for layer in layers if not layer.trainable]:
            # Its layers were not there when it was frozen; and what does not change is not set.
            layer.trainable = True
            layer.trainable = False
        return model


def _with_leading(value, leading):
    """Returns the rows of `value` with the leading dimensions that its latents had."""
    if len(value.shape) == 0 or value.shape[0] != math.prod(leading):
        return value  # one for all latents
    reshape = ops.reshape if is_traced(value) else np.reshape
    return reshape(value, (*leading, *value.shape[1:]))


def build(config: Config) -> VAE:
    """Returns a `VAE` from a mapping with one entry a room, `{"name": ..., **arguments}` each.

    Raises:
        ValueError: If a room is unknown, or a name or argument in it.
    """
    for key in config:
        if key not in ROOMS:
            raise ValueError(
                f"Expected the rooms {list(ROOMS)}. Received: {key!r}."
                + registry.nearest(key, ROOMS)
            )
    return VAE(**{room: config[room] for room in ROOMS if room in config})


def vae_config(model: Any) -> dict[str, Any]:
    """Returns the mapping from which `build` makes a model of the same parts."""
    return {room: part_config(getattr(model, room)) for room in ROOMS}
