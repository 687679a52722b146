"""Encoders and decoders of published models through ONNX Runtime and NumPy alone."""

import operator

import numpy as np

from zoo.releases import card as cards
from zoo.releases import catalogue

SEED = 17
THRESHOLD = "threshold 0.5"


def load_encoder(model):
    """Returns the `Encoder` of a published model, checked against its SHA-256.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`.

    Raises:
        FileNotFoundError: If there is no such model, or its encoder is absent.
        ValueError: If the encoder is not the file that was published.
    """
    card, graph = _open(model, "encoder")
    sampler = card["posterior"].get("sampler")
    return Encoder(card, graph, _open(model, sampler)[1] if sampler else None)


def load_decoder(model):
    """Returns the `Decoder` of a published model; arguments and errors as `load_encoder`."""
    return Decoder(*_open(model, "decoder"))


def _open(model, part):
    folder = catalogue.resolve(model)
    card = cards.read_card(folder)
    name = card["graphs"][part]["file"]
    return card, Graph(cards.read_file(folder, card, name), name)


class Graph:
    """An ONNX graph that is called by names, never by order.

    Args:
        content: The bytes of the ONNX file.
        name: What to call it in messages.

    Attributes:
        inputs, outputs: Name -> shape, a list of ints and, for a dynamic dimension, its name.
    """

    def __init__(self, content, name):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("ONNX Runtime is needed: pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        try:
            self._runtime = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has no public root of its errors.
            raise ValueError(f"Expected an ONNX graph in {name}. Received: {error}") from error
        self.inputs = {item.name: list(item.shape) for item in self._runtime.get_inputs()}
        self.outputs = {item.name: list(item.shape) for item in self._runtime.get_outputs()}

    def __call__(self, **arrays):
        """Returns all outputs, name -> array, for float32 arrays given by input name."""
        values = self._runtime.run(list(self.outputs), arrays)
        return dict(zip(self.outputs, values))


class _Model:
    """What encoders and decoders share: the card and the shapes."""

    def __init__(self, card, graph):
        self.card = card
        self.image_shape = tuple(card["image_shape"])
        self.latent_dim = card["latent_dim"]
        self._graph = graph

    def __repr__(self):
        return (
            f"{type(self).__name__}({self.card['name']!r}, image_shape={self.image_shape}, "
            f"latent_dim={self.latent_dim})"
        )


class Encoder(_Model):
    """e(z|x) of a published model.

    Attributes:
        image_shape: (H, W, C).
        latent_dim: Z.
        card: The artifact's card, a dict.
    """

    def __init__(self, card, graph, sampler=None):
        super().__init__(card, graph)
        self._sampler = sampler

    def features(self, images, kind="mean", seed=None, batch_size=256):
        """Encodes images; the same images give the same features.

        Args:
            images: [H, W] or [N, H, W] (one channel), [H, W, C] or [N, H, W, C]; see
                `prepare_images` for dtypes. The card's preprocessing is applied.
            kind: "mean", `loc`: the posterior's mean, or the code of a flow encoder; "sample", a
                draw of the posterior; "params", all that the encoder publishes.
            seed: Int for kind="sample", 17 where it is not given; nothing else uses it.
            batch_size: Images at a time: memory, not results, depends on it.

        Returns:
            float32 [N, Z] (N = 1 for one image); for "params" a dict of arrays with `loc` and
            `scale` [N, Z], or what the card's `graphs` says.

        Raises:
            TypeError: If the dtype is not one of those accepted.
            ValueError: If an argument's value or shape is not one of those accepted.
        """
        if kind not in ("mean", "sample", "params"):
            raise ValueError(
                f"`kind` must be 'mean', 'sample' or 'params'. Received: kind={kind!r}"
            )
        if seed is not None and kind != "sample":
            raise ValueError(f"`seed` is for kind='sample'. Received: kind={kind!r}, seed={seed!r}")
        self._require_known(kind)
        images = as_batch(images, self.image_shape)
        rng = np.random.default_rng(SEED if seed is None else seed)
        blocks = []
        size = _positive("batch_size", batch_size)
        for start in range(0, len(images), size):
            block = prepare_images(images[start : start + size], self.card["preprocessing"])
            parameters = self._graph(image=block)
            if kind == "mean":
                parameters = {"z": parameters["loc"]}
            elif kind == "sample":
                noise = rng.standard_normal(parameters["loc"].shape, np.float32)
                parameters = {"z": self._sample(parameters, noise)}
            blocks.append(parameters)
        joined = _concatenate(blocks)
        return joined if kind == "params" else joined["z"]

    def _sample(self, parameters, noise):
        """Returns z ~ e(z|x) as a function of standard normal noise."""
        if self._sampler is None:
            return parameters["loc"] + parameters["scale"] * noise
        gaussian = {name: parameters[name] for name in self._sampler.inputs if name != "noise"}
        return self._sampler(**gaussian, noise=noise)["sample"]

    def _require_known(self, kind):
        family = self.card["posterior"].get("family")
        if kind != "params" and family != "diagonal_normal" and self._sampler is None:
            raise ValueError(
                f"kind={kind!r} needs a posterior of the family 'diagonal_normal'; only "
                f"kind='params' works for this one. Received: family={family!r}"
            )


class Decoder(_Model):
    """d(x|z) of a published model; attributes as `Encoder`."""

    def decode(self, z, kind="mean", batch_size=256):
        """Decodes latents.

        Args:
            z: Finite numbers, [N, Z] or [Z].
            kind: "mean", the likelihood's mean; "params", all that the decoder publishes.
            batch_size: Latents at a time: memory, not results, depends on it.

        Returns:
            float32 images [N, H, W, C] (N = 1 for one latent), in [0, 1] unless the likelihood's
            mean is unbounded; for "params" a dict with `mean` and the likelihood's parameters.

        Raises:
            TypeError: If `z` does not hold numbers.
            ValueError: If an argument's value or shape is not one of those accepted.
        """
        if kind not in ("mean", "params"):
            raise ValueError(f"`kind` must be 'mean' or 'params'. Received: kind={kind!r}")
        if "image" in self._graph.inputs:
            raise ValueError(
                "The pixels of an autoregressive decoder depend on one another; its graph gives "
                "each pixel's probability given z and an image. Use `probabilities(z, images)`, or "
                "zoo.load(...).sample(n) to draw images. Received: an autoregressive decoder"
            )
        z = self._latents(z)
        size = _positive("batch_size", batch_size)
        blocks = [self._graph(z=z[start : start + size]) for start in range(0, len(z), size)]
        if kind == "mean":
            return np.concatenate([block["mean"] for block in blocks])
        return _concatenate(blocks)

    def probabilities(self, z, images, batch_size=256):
        """Returns p(x_i = 1 | x_1 .. x_{i-1}, z) of each pixel, float32 [N, H, W, C].

        Of an autoregressive decoder, for which `decode` has no answer.

        Args:
            z: Latents [N, Z].
            images: N images; see `prepare_images` for dtypes. The card's preprocessing is applied.
            batch_size: As in `decode`.

        Raises:
            ValueError: If the decoder is not autoregressive, or the numbers of rows differ.
        """
        if "image" not in self._graph.inputs:
            raise ValueError("Expected an autoregressive decoder. Received: one for `decode(z)`")
        z, images = self._latents(z), as_batch(images, self.image_shape)
        if len(z) != len(images):
            raise ValueError(
                f"Expected as many images as latents. Received: {len(images)} and {len(z)}"
            )
        size = _positive("batch_size", batch_size)
        blocks = []
        for start in range(0, len(z), size):
            rows = slice(start, start + size)
            x = prepare_images(images[rows], self.card["preprocessing"])
            blocks.append(self._graph(z=z[rows], image=x)["mean"])
        return np.concatenate(blocks)

    def sample(self, n, seed=SEED, batch_size=256):
        """Draws `n` latents from the prior and returns their mean images [n, H, W, C].

        Args:
            n: Positive int.
            seed: Int; NumPy's generator, so the latents differ from those of `zoo.VAE.sample`.
            batch_size: As in `decode`.

        Raises:
            ValueError: If `n` is not positive, or the card's prior is no Gaussian around 0.
        """
        scale = self._prior_scale()
        n = _positive("n", n)
        z = np.random.default_rng(seed).standard_normal((n, self.latent_dim), np.float32)
        return self.decode(z * scale, batch_size=batch_size)

    def _prior_scale(self):
        """Returns the prior's standard deviations, float32 [Z] or a 1 for all."""
        prior = self.card["prior"]
        family, scale = prior.get("family"), prior.get("scale")
        if family == "standard_normal":
            return np.float32(1)
        if family != "diagonal_normal":
            raise ValueError(
                "Sampling without Keras needs a prior of the family 'standard_normal' or "
                "'diagonal_normal'; use zoo.load(...).sample(n) for this model. "
                f"Received: family={family!r}"
            )
        numbers = isinstance(scale, list) and all(isinstance(s, (int, float)) for s in scale)
        if not (numbers and len(scale) == self.latent_dim and min(scale) > 0):
            raise ValueError(
                f"Expected {self.latent_dim} positive numbers as the prior's scale in the card. "
                f"Received: scale={scale!r}"
            )
        return np.asarray(scale, np.float32)

    def _latents(self, z):
        z = np.asarray(z)
        if z.dtype.kind not in "fiu":
            raise TypeError(f"Expected numbers as latents. Received: dtype={z.dtype}")
        batch = z[None] if z.ndim == 1 else z
        if batch.ndim != 2 or batch.shape[1] != self.latent_dim or not len(batch):
            raise ValueError(
                f"Expected latents of shape [N, {self.latent_dim}] with N >= 1. "
                f"Received: shape={z.shape}"
            )
        batch = np.ascontiguousarray(batch, np.float32)
        if not np.isfinite(batch).all():
            raise ValueError("Expected finite float32 latents. Received: NaN or an infinity")
        return batch


def as_batch(images, image_shape):
    """Returns images as [N, H, W, C], values and dtype untouched, nothing copied.

    Args:
        images: [H, W] or [N, H, W] where C = 1, [H, W, C] or [N, H, W, C].
        image_shape: (H, W, C).

    Raises:
        ValueError: If the shape is none of these, or N = 0; names what was expected.
    """
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    rows, columns, channels = image_shape
    whole = (rows, columns, channels)
    if images.ndim == 4 and images.shape[1:] == whole:
        batch = images
    elif images.shape == whole:
        batch = images[None]
    elif channels == 1 and images.ndim == 3 and images.shape[1:] == whole[:2]:
        batch = images[..., None]
    elif channels == 1 and images.shape == whole[:2]:
        batch = images[None, ..., None]
    else:
        grey = f", [N, {rows}, {columns}] or [{rows}, {columns}]" if channels == 1 else ""
        raise ValueError(
            f"Expected images of {rows} x {columns} with {channels} channel(s): shape "
            f"[N, {rows}, {columns}, {channels}]{grey}. Received: shape={images.shape}"
        )
    if not len(batch):
        raise ValueError(f"Expected at least one image. Received: shape={images.shape}")
    return batch


def prepare_images(images, preprocessing):
    """Returns images as the encoder's graph takes them: float32 in [0, 1].

        uint8    x / 255
        bool     0 or 1
        float    as it is, and must lie in [0, 1]
        others   refused: their range is not known

    then, if the card says `binarise: "threshold 0.5"`, 1 where x >= 0.5 and 0 elsewhere; and if it
    says `multiply`, times that number.

    Args:
        images: Array of any shape.
        preprocessing: The card's entry, `{"scale": "uint8/255", "binarise": None or a rule}`.

    Raises:
        TypeError: If the dtype is not one of these.
        ValueError: If a float is NaN or outside [0, 1], or the card's rule is unknown.
    """
    scale, binarise = preprocessing.get("scale"), preprocessing.get("binarise")
    multiply = preprocessing.get("multiply", 1)
    if not (isinstance(multiply, (int, float)) and multiply > 0):
        raise ValueError(f"Expected a positive number as `multiply`. Received: {preprocessing!r}")
    if scale != "uint8/255" or binarise not in (None, THRESHOLD):
        raise ValueError(
            f"Expected preprocessing with scale='uint8/255' and binarise=None or {THRESHOLD!r}. "
            f"Received: {preprocessing!r}"
        )
    if images.dtype == np.uint8:
        x = images.astype(np.float32) / np.float32(255)
    elif images.dtype == np.bool_:
        x = images.astype(np.float32)
    elif images.dtype.kind == "f":
        x = np.ascontiguousarray(images, np.float32)
        low, high = float(images.min()), float(images.max())
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(
                "Expected float images with values in [0, 1] (grey levels up to 255 as uint8). "
                f"Received: values from {low:g} to {high:g}"
            )
    else:
        raise TypeError(
            "Expected images of dtype uint8 (0 to 255), bool, or a float in [0, 1]. "
            f"Received: dtype={images.dtype}"
        )
    x = (x >= 0.5).astype(np.float32) if binarise else x
    return x if multiply == 1 else x * np.float32(multiply)


def _positive(name, value):
    """Returns `value` as an int of at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a positive int. Received: {name}={value!r}")
    return number


def _concatenate(blocks):
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
