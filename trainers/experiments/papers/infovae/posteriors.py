"""q(z) in the plane, and q(z|x) compared with the true posterior p(z|x); Figures 3 and 4."""

import dataclasses

import numpy as np

from trainers.experiments import figures
from zoo import tiles
from zoo.backend import to_numpy
from zoo.divergences.mmd import mmd_of_sets
from zoo.evaluation import information, nll, posterior

REACH, CELLS = 4.0, 121  # the least reach of a picture's axes, points of its grid along a side
CHUNK = 256  # points whose density is computed at once
DENSITY_POINTS = 2000  # draws of q(z) whose mean is its divergence
IMAGES, DRAWS = 6, 300  # of the picture of posteriors
# Proposals of the true posterior; images and samples of the bounds of the gap.
PROPOSALS = {"tiny": 1024, "reduced": 16384, "full": 65536}
BOUND = {"tiny": (20, 10), "reduced": (500, 200), "full": (10000, 1000)}
LOG_2PI = np.log(2 * np.pi)


def cut(scale):
    """Returns what `compare` shortens at a scale."""
    if scale == "full":
        return ""
    images, samples = BOUND[scale]
    return f"gap of {images} images, {samples} samples; {PROPOSALS[scale]:,} posterior proposals"


@dataclasses.dataclass(frozen=True)
class Mixture:
    """q(z) = E_x[N(loc(x), diag(scale(x))^2)] over a split: a Gaussian for each image.

    Attributes:
        loc: [N, Z].
        scale: [N, Z].
    """

    loc: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, model, split):
        """Returns q(z) over the images of a split."""
        parts = [
            {name: to_numpy(value)[: len(x)] for name, value in parameters.items()}
            for _, _, x, parameters in tiles.tiles(model, split)
        ]
        return cls(*(np.concatenate([part[name] for part in parts]) for name in ("loc", "scale")))

    def log_prob(self, z):
        """Returns log q(z) of points [M, Z], float64 [M]."""
        precise = 1.0 / self.scale.astype("float64") ** 2
        loc = self.loc.astype("float64")
        constant = 0.5 * np.sum(np.log(precise) - LOG_2PI - precise * loc**2, axis=1)
        log_probs = []
        for start in range(0, len(z), CHUNK):
            points = np.asarray(z[start : start + CHUNK], "float64")
            terms = constant + points @ (precise * loc).T - 0.5 * points**2 @ precise.T
            log_probs.append(np.logaddexp.reduce(terms, axis=1) - np.log(len(loc)))
        return np.concatenate(log_probs)

    def divergence(self, seed=17):
        """Returns log q(z) - log p(z) of draws of q(z), nats; their mean is KL(q(z) || N(0, I))."""
        rng = np.random.default_rng(seed)
        which = rng.integers(len(self.loc), size=DENSITY_POINTS)
        z = self.loc[which] + self.scale[which] * rng.standard_normal((len(which), 2))
        prior = -0.5 * np.sum(z**2, axis=1) - 0.5 * z.shape[1] * LOG_2PI
        return self.log_prob(z) - prior

    def density(self, reach=REACH):
        """Returns q on a grid of [-reach, reach]^2, [CELLS, CELLS], first axis z_1."""
        axis = np.linspace(-reach, reach, CELLS)
        points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
        return np.exp(self.log_prob(points.reshape(-1, 2))).reshape(CELLS, CELLS)


PRIOR = Mixture(np.zeros((1, 2)), np.ones((1, 2)))


def reach_of(arrays):
    """Returns the whole number that 99.5% of the coordinates keep within, at least `REACH`."""
    if not arrays:
        return REACH
    far = np.quantile(np.abs(np.concatenate([np.ravel(values) for values in arrays])), 0.995)
    return max(REACH, float(np.ceil(far)))


def compare(model, split, scale, seed=17):
    """Compares a model's posteriors with the true ones, as Figure 4 does.

    Args:
        model: A `zoo.VAE` of two latents.
        split: Its first images are drawn.
        scale: Scale of the experiment.
        seed: Int.

    Returns:
        A list of (image, draws of q, draws of p, caption), and a dict metric -> (values, note). The
        values of `gap`, log p(x) - ELBO, are KL(q(z|x) || p(z|x)) from below, as an
        importance-weighted bound stands for log p(x). The values of `posterior distance`,
        |E_q[z] - E_p[z]|, and of `posterior mmd`, MMD^2 of both, are those of the drawn images.
    """
    images = split.float_images(slice(0, IMAGES))
    true = posterior.true_posterior_samples(
        model, images, DRAWS, num_proposals=PROPOSALS[scale], seed=seed
    )
    parameters = {name: to_numpy(value) for name, value in model.encode(images).items()}
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((IMAGES, DRAWS, model.latent_dim))
    q = parameters["loc"][:, None] + parameters["scale"][:, None] * noise
    p = true["z"]
    distances = np.linalg.norm(q.mean(axis=1) - p.mean(axis=1), axis=1)
    mmds = [mmd_of_sets(a, b)["value"] for a, b in zip(q, p)]
    captions = [f"distance {distance:.2f}" for distance in distances]
    note = f"{IMAGES} images; effective proposals {min(true['effective']):.0f} or more"
    measured = {
        "gap": _gaps(model, split, scale, seed),
        "posterior distance": (distances, note),
        "posterior mmd": (mmds, note),
    }
    return list(zip(images, q, p, captions)), measured


def _gaps(model, split, scale, seed):
    count, samples = BOUND[scale]
    count = min(count, len(split))
    images = figures.spread(split, count)
    bound = nll.importance_weighted_bound(model, images, samples, seed=seed)
    terms = information.rate_distortion(model, images, num_samples=1, seed=seed, progress=False)
    return bound - terms["elbo"], f"{count} images, {samples} importance samples"
