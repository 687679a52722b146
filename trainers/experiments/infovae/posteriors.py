"""q(z) in the plane, and q(z|x) beside the true posterior p(z|x): `infovae`, Figures 3 and 4."""

import dataclasses

import numpy as np

from zoo import tiles
from zoo.backend import to_numpy
from zoo.divergences.mmd import mmd_of_sets
from zoo.evaluation import information, nll, posterior

REACH, CELLS = 4.0, 121  # the least reach of a picture's axes, points of its grid along a side
CHUNK = 256  # points whose density is computed at once
DENSITY_POINTS = 2000  # draws of q(z) of which its divergence is a mean
IMAGES, DRAWS = 6, 300  # of the picture of posteriors
# Proposals of the true posterior; images and samples of the bounds of the gap.
PROPOSALS = {"tiny": 1024, "reduced": 16384, "full": 65536}
BOUND = {"tiny": (20, 10), "reduced": (500, 200), "full": (10000, 1000)}
LOG_2PI = np.log(2 * np.pi)


def cut(scale):
    """Returns what `compare` cuts at a scale."""
    if scale == "full":
        return ""
    images, samples = BOUND[scale]
    return f"gap of {images} images, {samples} samples; {PROPOSALS[scale]:,} posterior proposals"


@dataclasses.dataclass(frozen=True)
class Aggregated:
    """q(z) = E_x[N(loc(x), diag(scale(x))^2)] over a split, a mixture of as many Gaussians.

    Attributes:
        loc: [N, Z].
        scale: [N, Z].
    """

    loc: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, model, split):
        """Returns that of the images of a split."""
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
        found = []
        for start in range(0, len(z), CHUNK):
            points = np.asarray(z[start : start + CHUNK], "float64")
            terms = constant + points @ (precise * loc).T - 0.5 * points**2 @ precise.T
            found.append(np.logaddexp.reduce(terms, axis=1) - np.log(len(loc)))
        return np.concatenate(found)

    def divergence(self, seed=17):
        """Returns KL(q(z) || N(0, I)) and its standard error, by draws of q(z), nats."""
        rng = np.random.default_rng(seed)
        which = rng.integers(len(self.loc), size=DENSITY_POINTS)
        z = self.loc[which] + self.scale[which] * rng.standard_normal((len(which), 2))
        prior = -0.5 * np.sum(z**2, axis=1) - 0.5 * z.shape[1] * LOG_2PI
        terms = self.log_prob(z) - prior
        return float(terms.mean()), float(terms.std(ddof=1) / len(terms) ** 0.5)

    def density(self, reach=REACH):
        """Returns q on the picture's grid, [CELLS, CELLS], first axis z_1."""
        return np.exp(self.log_prob(grid(reach))).reshape(CELLS, CELLS)


def grid(reach=REACH):
    """Returns the points of the grid on [-reach, reach]^2, [CELLS^2, 2]."""
    axis = np.linspace(-reach, reach, CELLS)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def prior_density(reach=REACH):
    """Returns N(0, I) on the picture's grid."""
    return (np.exp(-0.5 * np.sum(grid(reach) ** 2, axis=1)) / (2 * np.pi)).reshape(CELLS, CELLS)


def reach_of(draws):
    """Returns the whole number that all but one in two hundred of the coordinates keep within."""
    far = np.quantile(np.abs(np.concatenate([np.ravel(values) for values in draws])), 0.995)
    return max(REACH, float(np.ceil(far)))


def compare(model, split, scale, seed=17):
    """Returns what Figure 4 shows of a model, and how far its posteriors are from the true ones.

    Args:
        model: A `zoo.VAE` of two latents.
        split: Whose first images are drawn.
        scale: Of the experiment.
        seed: Int.

    Returns:
        A list of (image, draws of q, draws of p, caption), and a dict metric -> (value, standard
        error, note): `gap`, log p(x) less the ELBO, is KL(q(z|x) || p(z|x)), from below, as an
        importance-weighted bound stands for log p(x); `posterior distance` is |E_q[z] - E_p[z]|
        and `posterior mmd` MMD^2 between both, means over the drawn images.
    """
    images = split.float_images(slice(0, IMAGES))
    found = posterior.true_posterior_samples(
        model, images, DRAWS, num_proposals=PROPOSALS[scale], seed=seed
    )
    parameters = {name: to_numpy(value) for name, value in model.encode(images).items()}
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((IMAGES, DRAWS, model.latent_dim))
    q = parameters["loc"][:, None] + parameters["scale"][:, None] * noise
    p = found["z"]
    distances = np.linalg.norm(q.mean(axis=1) - p.mean(axis=1), axis=1)
    mmds = [mmd_of_sets(a, b)["value"] for a, b in zip(q, p)]
    columns = [
        (image, a, b, f"distance {distance:.2f}")
        for image, a, b, distance in zip(images, q, p, distances)
    ]
    note = f"{IMAGES} images; effective proposals {min(found['effective']):.0f} or more"
    measured = {
        "gap": _gap(model, split, scale, seed),
        "posterior distance": (*_mean(distances), note),
        "posterior mmd": (*_mean(mmds), note),
    }
    return columns, measured


def _gap(model, split, scale, seed):
    count, samples = BOUND[scale]
    count = min(count, len(split))
    images = split.float_images(np.arange(count) * len(split) // count)
    bound = nll.importance_weighted_bound(model, images, samples, seed=seed)
    terms = information.rate_distortion(model, images, num_samples=1, seed=seed, progress=False)
    value, stderr = _mean(bound - terms["elbo"])
    return value, stderr, f"{count} images, {samples} importance samples"


def _mean(values):
    values = np.asarray(values, "float64")
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
