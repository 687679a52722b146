"""Log-densities of published models through ONNX Runtime and NumPy alone: images in, nats out."""

import math
from collections.abc import Sequence

import numpy as np

from zoo.arguments import positive_int
from zoo.light.axes import as_batch
from zoo.light.graph import Graph
from zoo.light.images import prepare_blocks
from zoo.light.session import Session
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.typing import ModelName

SEED = 17
# Images decoded in one step, for which memory is set aside, and not results: such that a map of
# all their pixels, of which a likelihood makes a dozen, stays in the processor's second cache.
MAX_PIXELS, MIN_ROWS, MAX_ROWS = 2**18, 64, 2048


def rows_for(image_shape):
    """Returns how many images of a shape are decoded in one step."""
    return min(MAX_ROWS, max(MIN_ROWS, MAX_PIXELS // math.prod(image_shape)))


def load_probability(
    model: ModelName, providers: Sequence[str] | None = None, num_threads: int | None = None
) -> "Probability":
    """Returns the `Probability` of a published model, checked against its SHA-256.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`.
        providers, num_threads: As `zoo.load_encoder` takes them.

    Raises:
        FileNotFoundError: If there is no such model, or a graph of it is absent.
        ValueError: If the model was published without these graphs, or a file is not the one
            that was published.
    """
    session = Session(providers, num_threads)
    folder, card = catalogue.open_artifact(model)
    if "probability" not in card["graphs"]:
        raise ValueError(
            "Expected a model that was published with probability graphs; use "
            f"zoo.load(...).log_prob(images) for this one. Received: {card['name']!r}, which has "
            f"{sorted(card['graphs'])}"
        )
    for part in ("probability", "density"):
        cards.check_file(folder, card, card["graphs"][part]["file"])
    return Probability(folder.absolute(), card, session)  # its graphs are opened when they are used


class Probability:
    """log p(x|z), log m(z), rate, distortion and NLL of a published model, in nats.

    Pixels count as the model was trained: where the card binarises, so does this class. A model of
    pixels that were drawn (`data.binarisation` is "dynamic") takes grey levels as they are: give
    it draws, `rng.random(x.shape) < x`, whose densities they are; an autoregressive decoder's of
    grey levels are none. Noise is a function of the seed and the number of the image alone, so
    results do not depend on the size of batches. They differ from those of `zoo.VAE.log_prob` by
    the draws.

    Attributes:
        image_shape: (H, W, C).
        latent_dim: Z.
        card: The artifact's card, a dict.
    """

    def __init__(self, folder, card, session=None):
        self.card = card
        self.image_shape = tuple(card["image_shape"])
        self.latent_dim = card["latent_dim"]
        self._folder, self._graphs, self._session = folder, {}, session

    def __repr__(self):
        return (
            f"Probability({self.card['name']!r}, image_shape={self.image_shape}, "
            f"latent_dim={self.latent_dim})"
        )

    @property
    def has_rate(self):
        """Whether e(z|x) has a density; a deterministic encoder has a distortion alone."""
        return "noise" in self.card["graphs"]["probability"]["inputs"]

    def nll(self, images, num_samples=100, seed=SEED, resize=False, bits=None, first=0):
        """Returns the importance-weighted bound of -log p(x) of each image, float64 [N].

            nll[n] = log K - logsumexp_k(log d(x_n|z_k) + log m(z_k) - log e(z_k|x_n))

        Args:
            images: As `zoo.load_encoder(...).features` takes them. The card's preprocessing is
                applied.
            num_samples: K; the bound falls to -log p(x) as it rises.
            seed: Int.
            resize: Whether images of another size or number of channels are brought to the
                model's, whose densities these are; see `zoo.light.images.resize_images`.
            bits: Whether integers are zeros and ones rather than grey levels up to 255; None means
                where the largest of all these images is 1.
            first: The number of the first of these images, where they are part of more: each gets
                the noise that it gets in a call with all of them.

        Raises:
            TypeError: If the dtype is not one of those accepted.
            ValueError: If the encoder is deterministic, or an argument does not fit.
        """
        self.require_density("nll")
        pieces = []
        for chunks in self._chunks(images, num_samples, seed, resize, bits, first):
            total = -np.inf
            for outputs in chunks:
                log_weights = (
                    outputs["log_likelihood"] + outputs["log_prior"] - outputs["log_posterior"]
                )
                total = np.logaddexp(total, np.logaddexp.reduce(log_weights, axis=0))
            pieces.append(np.log(num_samples) - total)
        return np.concatenate(pieces)

    def rate_distortion(self, images, num_samples=1, seed=SEED, resize=False, bits=None):
        """Returns `{"rate": [N], "distortion": [N]}`, float64; the ELBO is -(rate + distortion).

        The rate is KL(e(z|x) || m(z)) in closed form where there is one, otherwise the mean over
        the samples; it is left out where the encoder is deterministic.

        Args and errors: as `nll`, without `first`.
        """
        names = ("rate", "distortion") if self.has_rate else ("distortion",)
        pieces = {name: [] for name in names}
        for chunks in self._chunks(images, num_samples, seed, resize, bits):
            counted = [(len(outputs["log_likelihood"]), outputs) for outputs in chunks]
            for name in names:
                mean = sum(count * outputs[name] for count, outputs in counted)
                pieces[name].append(mean / sum(count for count, _ in counted))
        return {name: np.concatenate(values) for name, values in pieces.items()}

    def density(self, images, z, resize=False, bits=None):
        """Returns `{"log_likelihood": log d(x|z), "log_prior": log m(z)}`, float64 [N] each.

        An autoregressive decoder's log d(x|z) is teacher-forced, one pass for all pixels. A
        VampPrior over a flow encoder gives no `log_prior`: at any z it would invert the flow.

        Args:
            images, resize, bits: As in `nll`.
            z: Latents [N, Z].

        Raises:
            ValueError: If there are not as many latents as images, or of another size.
        """
        batch, z = as_batch(images, self.image_shape, resize), np.asarray(z, np.float32)
        if z.shape != (len(batch), self.latent_dim):
            raise ValueError(
                f"Expected latents of shape [{len(batch)}, {self.latent_dim}], one for each "
                f"image. Received: shape={z.shape}"
            )
        prepared = prepare_blocks(batch, self.card, rows_for(self.image_shape), resize, bits)
        blocks = [self.graph("density")(image=x, z=z[rows]) for rows, x in prepared]
        names = self.card["graphs"]["density"]["outputs"]
        return {n: np.concatenate([b[n] for b in blocks]).astype("float64") for n in names}

    def graph(self, part):
        """Returns the ONNX graph "probability" or "density", a function of arrays by name."""
        if part not in self._graphs:
            entry = self.card["graphs"][part]
            content = cards.read_file(self._folder, self.card, entry["file"])
            self._graphs[part] = Graph(content, entry["file"], self._session)
            self._graphs[part].require(entry)
        return self._graphs[part]

    def _chunks(self, images, num_samples, seed, resize, bits, first=0):
        """Yields for each block of images the outputs of its samples, a list of float64 dicts."""
        count = positive_int("num_samples", num_samples)
        batch = as_batch(images, self.image_shape, resize)
        width = max(1, rows_for(self.image_shape) // count)
        for rows, x in prepare_blocks(batch, self.card, width, resize, bits):
            start = first + rows.start
            yield self._samples(x, range(start, start + len(x)), count, seed)

    def _samples(self, x, numbers, count, seed):
        if not self.has_rate:
            return [self._run(image=x)]
        shape = (count, self.latent_dim)
        streams = (np.random.default_rng([seed, number]) for number in numbers)
        draws = [stream.standard_normal(shape, np.float32) for stream in streams]
        noise = np.stack(draws, axis=1)
        rows = rows_for(self.image_shape)
        starts = range(0, count, rows)
        return [self._run(image=x, noise=noise[start : start + rows]) for start in starts]

    def _run(self, **arrays):
        outputs = self.graph("probability")(**arrays)
        return {name: value.astype("float64") for name, value in outputs.items()}

    def require_density(self, name):
        """Raises ValueError if e(z|x) has no density, which the measure of this name needs."""
        if not self.has_rate:
            raise ValueError(
                f"{name!r} needs an encoder whose e(z|x) has a density. Received: "
                f"{self.card['name']!r}, whose encoder is deterministic"
            )
