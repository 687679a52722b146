"""Encoders and decoders of published models through ONNX Runtime and NumPy alone."""

import functools
import os
from collections.abc import Sequence

import numpy as np

from zoo.arguments import positive_int
from zoo.light import pictures, standalone, streaming
from zoo.light.axes import as_array, as_batch
from zoo.light.graph import Graph
from zoo.light.images import prepare_blocks, prepare_images, resize_images
from zoo.light.session import Session
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.typing import ModelName

SEED = 17
__all__ = [
    *("Decoder", "Encoder", "Graph", "as_batch", "load_decoder", "load_encoder", "prepare_images")
]


def load_encoder(
    model: ModelName, providers: Sequence[str] | None = None, num_threads: int | None = None
) -> "Encoder":
    """Returns the `Encoder` of a published model, checked against its SHA-256.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`. Or an encoder's ONNX file, `#sha256=HEX` after it or not: one
            that `python -m export.quantize` wrote, or one in its artifact's folder.
        providers: Execution providers of ONNX Runtime, the preferred one first: "cuda",
            "openvino", "coreml", "directml", "cpu", or its own names. What none of them computes
            runs on the CPU. None means the CPU alone.
        num_threads: Threads of one operation; None means all processors that this process may use.

    Raises:
        FileNotFoundError: If there is no such model, or its encoder is absent.
        ValueError: If the encoder is not the file that was published, or an execution provider is
            not installed.
    """
    session = Session(providers, num_threads)
    file = standalone.split(model)
    if file is not None:
        return _of_file(*file, session)
    folder, card = catalogue.open_artifact(model)
    sampler = card["posterior"].get("sampler")
    graph = _open_graph(folder, card, session, "encoder")
    return Encoder(card, graph, _open_graph(folder, card, session, sampler) if sampler else None)


def _of_file(path, sha256, session):
    """Returns the encoder of an ONNX file; a flow's samples need its artifact's folder."""
    card, graph = standalone.read(path, sha256, session)
    sampler = card["posterior"].get("sampler")
    has_sampler = sampler in card["graphs"]
    sampler_graph = _open_graph(path.parent, card, session, sampler) if has_sampler else None
    return Encoder(card, graph, sampler_graph)


def load_decoder(
    model: ModelName, providers: Sequence[str] | None = None, num_threads: int | None = None
) -> "Decoder":
    """Returns the `Decoder` of a published model; arguments and errors as `load_encoder`."""
    # Graphs that it opens later are of the same folder, wherever the process has gone then.
    folder, card = catalogue.open_artifact(model)
    open_graph = functools.partial(
        _open_graph, folder.absolute(), card, Session(providers, num_threads)
    )
    return Decoder(card, open_graph("decoder"), open_graph)


def _open_graph(folder, card, session, part):
    """Returns the `Graph` of a part, checked against the card."""
    entry = card["graphs"].get(part)
    if entry is None:
        raise ValueError(
            f"Expected a model with the graph {part!r}. Received: {card['name']!r}, which has "
            f"{sorted(card['graphs'])}"
        )
    graph = Graph(cards.read_file(folder, card, entry["file"]), entry["file"], session)
    graph.require(entry)
    return graph


class _Model:
    """Shared by encoders and decoders: the card and the shapes."""

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

    def features(self, images, kind="mean", seed=None, batch_size=256, resize=False, bits=None):
        """Encodes images; the same images give the same features.

        Args:
            images: [N, H, W, C], [H, W, C], and [N, H, W] or [H, W] of one channel; see
                `zoo.light.axes.as_batch` for axes and `zoo.light.images.prepare_images` for
                dtypes. Or Pillow images, the path of a picture, of a folder of pictures (all below
                it, sorted by path), or a list of paths, which need Pillow. The card's
                preprocessing is applied.
            kind: "mean", `loc`: the posterior's mean, or the code of a flow or a deterministic
                encoder; "sample", a draw of the posterior; "params", all that the encoder
                publishes.
            seed: Int for kind="sample", 17 where it is not given; nothing else uses it.
            batch_size: Images at a time: memory, not results, depends on it.
            resize: Whether images of another size or number of channels are brought to the
                model's, as `zoo.light.images.resize_images` says; without it they are refused.
            bits: Whether integers are zeros and ones, as `binarized_mnist` comes, rather than grey
                levels up to 255; None means where the largest of all these images is 1.

        Returns:
            float32 [N, Z] (N = 1 for one image); for "params" a dict of arrays with `loc` and
            `scale` [N, Z], or what the card's `graphs` says.

        Raises:
            TypeError: If the dtype is not one of those accepted, or `images` is an iterator.
            ValueError: If an argument's value or shape is not one of those accepted.
        """
        self._check(kind, seed)
        size = positive_int("batch_size", batch_size)
        if pictures.are_paths(images):
            encoded = list(self.stream(images, kind, seed, size, resize, bits=bits))
        else:
            batch = as_batch(images, self.image_shape, resize)
            blocks = (x for _, x in prepare_blocks(batch, self.card, size, resize, bits))
            encoded = list(self._encode(blocks, kind, seed))
        return _concatenate(encoded) if kind == "params" else np.concatenate(encoded)

    def stream(
        self,
        images,
        kind="mean",
        seed=None,
        batch_size=256,
        resize=False,
        progress=False,
        bits=None,
    ):
        """Encodes images as they come and gives their features block by block.

        Memory holds one block of images, however many there are. The features are those that
        `features` gives for all images at once, samples included.

        Args:
            images: An iterable of images or of batches of them, each as `features` takes it: a
                generator, a list, a memory-mapped array; paths too. Or the path of a folder.
            kind, seed, batch_size, resize: As in `features`.
            progress: Whether to show a bar, where standard error is a terminal (needs tqdm).
            bits: As in `features`; None means, as later items are not known, where the largest of
                an item is 1 and no item before it was larger.

        Yields:
            What `features` returns, of up to `batch_size` images each, all but the last exactly.

        Raises:
            TypeError, ValueError: As `features`, with the number of the item at fault.
        """
        self._check(kind, seed)
        size = positive_int("batch_size", batch_size)
        blocks = streaming.regroup(self._items(images, resize, bits), size)
        return self._stream(blocks, kind, seed, progress)

    def _stream(self, blocks, kind, seed, progress):
        with streaming.bar(progress) as advance:
            for features in self._encode(blocks, kind, seed):
                yield features
                advance(len(features["loc"] if kind == "params" else features))

    def _items(self, images, resize, bits):
        """Yields batches as the graph takes them; an error says which item it was."""
        for number, item in enumerate(pictures.files_of(images)):
            try:
                is_path = isinstance(item, (str, os.PathLike))
                item = pictures.read_image(item) if is_path else as_array(item)
                if bits is None and item.dtype.kind in "iu" and item.max(initial=0) > 1:
                    bits = False
                yield self._prepare(item, resize, bits)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Item {number}: {error}") from error

    def _prepare(self, images, resize, bits):
        if resize:
            images, bits = resize_images(images, self.image_shape, bits), False
        batch = as_batch(images, self.image_shape)
        return prepare_images(batch, self.card["preprocessing"], bits)

    def _check(self, kind, seed):
        if kind not in ("mean", "sample", "params"):
            raise ValueError(
                f"`kind` must be 'mean', 'sample' or 'params'. Received: kind={kind!r}"
            )
        if seed is not None and kind != "sample":
            raise ValueError(f"`seed` is for kind='sample'. Received: kind={kind!r}, seed={seed!r}")
        self._require_known(kind)

    def _encode(self, blocks, kind, seed):
        """Yields the features of each block of prepared images."""
        rng = np.random.default_rng(SEED if seed is None else seed)
        for block in blocks:
            parameters = self._graph(image=block)
            if kind == "params":
                yield parameters
            elif kind == "mean":
                yield parameters["loc"]
            else:
                noise = rng.standard_normal(parameters["loc"].shape, np.float32)
                yield self._sample(parameters, noise)

    def _sample(self, parameters, noise):
        """Returns z ~ e(z|x) as a function of standard normal noise."""
        if self._sampler is None:
            return parameters["loc"] + parameters["scale"] * noise
        gaussian = {name: parameters[name] for name in self._sampler.inputs if name != "noise"}
        return self._sampler(**gaussian, noise=noise)["sample"]

    def _require_known(self, kind):
        posterior = self.card["posterior"]
        family, sampler = posterior.get("family"), posterior.get("sampler")
        families = (
            ("diagonal_normal",) if kind == "sample" else ("diagonal_normal", "deterministic")
        )
        if kind == "params" or family in families or self._sampler is not None:
            return
        if sampler and kind == "mean":  # the code of a flow
            return
        text = " or ".join(map(repr, families))
        text += f", or the graph {sampler!r} of its artifact's folder" if sampler else ""
        raise ValueError(
            f"kind={kind!r} needs a posterior of the family {text}. Received: family={family!r}"
        )


class Decoder(_Model):
    """d(x|z) of a published model; attributes as `Encoder`."""

    def __init__(self, card, graph, open_graph=None):
        super().__init__(card, graph)
        self._open_graph = open_graph
        self._others = {}  # graphs opened when they are first needed

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
                "The pixels of an autoregressive decoder depend on one another: there is no mean "
                "image. Use `draw(z)`, or `probabilities(z, images)` for each pixel's probability "
                "given z and an image. Received: an autoregressive decoder"
            )
        z = self._latents(z)
        size = positive_int("batch_size", batch_size)
        blocks = [self._graph(z=z[start : start + size]) for start in range(0, len(z), size)]
        if kind == "mean":
            return np.concatenate([block["mean"] for block in blocks])
        return _concatenate(blocks)

    def probabilities(self, z, images, batch_size=256, resize=False, bits=None):
        """Returns p(x_i = 1 | x_1 .. x_{i-1}, z) of each pixel, float32 [N, H, W, C].

        It is for autoregressive decoders, for which `decode` has no answer.

        Args:
            z: Latents [N, Z].
            images, resize, bits: N images, as `Encoder.features` takes them.
            batch_size: As in `decode`.

        Raises:
            ValueError: If the decoder is not autoregressive, or the numbers of rows differ.
        """
        if "image" not in self._graph.inputs:
            raise ValueError("Expected an autoregressive decoder. Received: one for `decode(z)`")
        z, batch = self._latents(z), as_batch(images, self.image_shape, resize)
        if len(z) != len(batch):
            raise ValueError(
                f"Expected as many images as latents. Received: {len(batch)} and {len(z)}"
            )
        size = positive_int("batch_size", batch_size)
        blocks = prepare_blocks(batch, self.card, size, resize, bits)
        return np.concatenate([self._graph(z=z[rows], image=x)["mean"] for rows, x in blocks])

    def draw(self, z, seed=SEED, batch_size=64):
        """Returns a draw of d(x|z) for each latent, float32 [N, H, W, C] of zeros and ones.

        Of an autoregressive decoder, pixel after pixel, every activation computed once.

        Args:
            z: As in `decode`.
            seed: Int; NumPy's generator, so the images differ from those that Keras draws.
            batch_size: Images at a time: memory, not results, depends on it.

        Raises:
            TypeError, ValueError: As `decode`; ValueError where the artifact has no graph that
                draws.
        """
        return self._draw(self._latents(z), np.random.default_rng(seed), batch_size)

    def _draw(self, z, rng, batch_size):
        if "sampler" not in self.card["graphs"]:
            raise ValueError(
                "Expected a model with the graph 'sampler', which autoregressive decoders have. "
                f"Received: {self.card['name']!r}, which has {sorted(self.card['graphs'])}"
            )
        size = positive_int("batch_size", batch_size)
        sampler, blocks = self._other("sampler"), []
        for start in range(0, len(z), size):
            rows = z[start : start + size]
            noise = rng.random((len(rows), *self.image_shape), np.float32)
            blocks.append(sampler(z=rows, noise=noise)["image"])
        return np.concatenate(blocks)

    def sample(self, n, seed=SEED, batch_size=256):
        """Draws `n` latents from the prior and returns their mean images [n, H, W, C].

        An autoregressive decoder has none, and draws images: see `draw`.

        Args:
            n: Positive int.
            seed: Int; NumPy's generator, so the latents differ from those of `zoo.VAE.sample`.
            batch_size: As in `decode`.

        Raises:
            ValueError: If `n` is not positive, or the card's prior is neither a Gaussian nor a
                logistic around 0, and the artifact has no graph that draws from it.
        """
        n, rng = positive_int("n", n), np.random.default_rng(seed)
        z = self._draw_prior(n, rng, positive_int("batch_size", batch_size))
        if "sampler" in self.card["graphs"]:
            return self._draw(z, rng, batch_size)
        return self.decode(z, batch_size=batch_size)

    def _draw_prior(self, n, rng, size):
        """Returns latents, float32 [n, Z]."""
        entry = self.card["graphs"].get("prior")
        if entry is None:
            scale, shape = self._prior_scale(), (n, self.latent_dim)
            if self.card["prior"]["family"] == "logistic":
                return rng.logistic(size=shape).astype(np.float32) * scale
            return rng.standard_normal(shape, np.float32) * scale
        noise = rng.standard_normal((n, *entry["inputs"]["noise"][1:]), np.float32)
        draw = self._other("prior")
        blocks = (noise[start : start + size] for start in range(0, n, size))
        return np.concatenate([draw(noise=block)["z"] for block in blocks])

    def _other(self, part):
        if part not in self._others:
            self._others[part] = self._open_graph(part)
        return self._others[part]

    def _prior_scale(self):
        """Returns the prior's scales, float32 [Z] or a 1 for all."""
        prior = self.card["prior"]
        family, scale = prior.get("family"), prior.get("scale")
        if family == "standard_normal":
            return np.float32(1)
        if family not in ("diagonal_normal", "logistic"):
            raise ValueError(
                "Sampling without Keras needs a prior of the family 'standard_normal', "
                "'diagonal_normal' or 'logistic', or the graph 'prior' that draws from it; use "
                "zoo.load(...).sample(n) for this model. "
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


def _concatenate(blocks):
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
