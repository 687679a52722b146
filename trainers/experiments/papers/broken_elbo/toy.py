"""The toy model of `broken_elbo`, section E: thirty symbols, thirty codes, everything enumerated.

    z* ~ Ber(0.7),   h | z* ~ N(mu_z*, sigma^2),   x = the bin of h, of 30 equal ones

Rate, distortion, entropy and information are sums over all (x, z), exact to rounding: nothing is
sampled. The text leaves three things open, settled here:

- mu and sigma: two equal widths, sigma = 1, means +-mu, bins that divide [-5, 5], the outermost
  open to the sides; `solve_mean` finds the mu that makes I(x; z*) 0.5 nats.
- The minus before exp in e(z_i|x_j) ~ -exp[(w_i x_j - b_i)^2] must be meant inside.
- "60 parameters", with x "the one-hot encoding", has two readings, both here as `form`:
  "one_hot": w x_j = w_j, a weight for each symbol:     u_ij = w_j - b_i
  "position": x_j the centre of its bin, w for each z:  u_ij = w_i x_j - b_i
  In the second one code's d(x|z) is a discretised Gaussian, so a model that ignores z cannot match
  two clusters and the ELBO itself must use z. Only the first can show what the paper shows.
"""

import dataclasses
import math

import numpy as np

NUM_BINS = NUM_CODES = 30
PROBABILITY = 0.7  # of z* = 1
SIGMA = 1.0
EDGE = 5.0
TARGET_RATE = 0.5  # nats: I(x; z*)
WEIGHT = 10.0  # of |R - target|; above 1, because dD/dR = -1 where the ELBO is tight
FORMS = ("one_hot", "position")


@dataclasses.dataclass(frozen=True)
class World:
    """The true process: `joint` p(z*, x) [2, 30], `mean` mu, and `centres` of the bins [30]."""

    joint: np.ndarray
    mean: float
    centres: np.ndarray

    @property
    def data(self):
        """p*(x), [30]."""
        return self.joint.sum(axis=0)

    @property
    def posterior(self):
        """p(z*|x), [2, 30]: the encoder of the true process."""
        return self.joint / self.data

    @property
    def likelihood(self):
        """p(x|z*), [2, 30]: its decoder."""
        return self.joint / self.joint.sum(axis=1, keepdims=True)

    @property
    def entropy(self):
        """H = -sum p* log p*, nats."""
        return float(-np.sum(self.data * np.log(self.data)))

    @property
    def information(self):
        """I(x; z*), nats."""
        return mutual_information(self.joint)


def true_world(information=TARGET_RATE):
    """Returns the `World` whose I(x; z*) is `information` nats."""
    return _world(solve_mean(information))


def solve_mean(information):
    """Returns the mu of means +-mu that gives I(x; z*): bisection, as I rises with mu.

    Raises:
        ValueError: If no mu gives so much: I(x; z*) is at most H(z*).
    """
    low, high = 0.0, EDGE
    if not 0 < information < _world(high).information:
        raise ValueError(
            f"Expected 0 < information < {_world(high).information:.4f} nats. "
            f"Received: information={information!r}"
        )
    for _ in range(60):
        middle = (low + high) / 2
        below = _world(middle).information < information
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def _world(mean):
    edges = np.linspace(-EDGE, EDGE, NUM_BINS + 1)
    rows = []
    for weight, centre in ((1 - PROBABILITY, -mean), (PROBABILITY, mean)):
        inner = [_normal_cdf((edge - centre) / SIGMA) for edge in edges[1:-1]]
        rows.append(weight * np.diff([0.0, *inner, 1.0]))
    return World(np.stack(rows), mean, (edges[1:] + edges[:-1]) / 2)


def _normal_cdf(value):
    return 0.5 * math.erfc(-value / math.sqrt(2))


def mutual_information(joint):
    """Returns I = sum p(a, b) log p(a, b) / (p(a) p(b)) of a table of probabilities, nats."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float(np.sum(joint[some] * np.log(joint[some] / product[some])))


@dataclasses.dataclass
class Toy:
    """Encoder, decoder and marginal over 30 codes: 60 + 60 + 30 parameters in one vector.

        e(z_i|x_j) ~ exp(-u_ij^2) over i,   d(x_j|z_i) ~ exp(-v_ij^2) over j,   m = softmax(pi)

    u and v are of one `form` with parameters of their own. Tables are [code i, symbol j].
    """

    theta: np.ndarray
    centres: np.ndarray
    form: str = "one_hot"

    @classmethod
    def start(cls, rng, centres, form="one_hot", ordered=True):
        """Returns a model to train from.

        One-hot symbols have no order of their own. `ordered` begins with that of their bins,
        w_j = 0.3 centre_j, and b and pi near zero; otherwise all parameters are N(0, 1), as they
        always are in the form "position".

        Raises:
            ValueError: If `form` is unknown.
        """
        if form not in FORMS:
            raise ValueError(f"Expected a form among {list(FORMS)}. Received: form={form!r}")
        model = cls(rng.normal(size=3 * NUM_CODES + 2 * NUM_BINS), centres, form)
        if form == "one_hot" and ordered:
            model.theta *= 0.1
            for w in model._parts()[0:3:2]:  # views of theta: those of encoder and decoder
                w[:] = 0.3 * centres
        return model

    def _parts(self):
        return np.split(self.theta, np.cumsum([NUM_BINS, NUM_CODES, NUM_BINS, NUM_CODES]))

    def _u(self, w, b):
        return (w[None] if self.form == "one_hot" else w[:, None] * self.centres) - b[:, None]

    @property
    def log_encoder(self):
        """log e(z|x), [i, j]; each column sums to one."""
        w, b, *_ = self._parts()
        return _log_softmax(-(self._u(w, b) ** 2), axis=0)

    @property
    def log_decoder(self):
        """log d(x|z), [i, j]; each row sums to one."""
        _, _, w, b, _ = self._parts()
        return _log_softmax(-(self._u(w, b) ** 2), axis=1)

    @property
    def log_marginal(self):
        """log m(z), [i]."""
        return _log_softmax(self._parts()[-1], axis=0)

    def gradient(self, data, rate_weight):
        """Returns the gradient of D + rate_weight R over all parameters, [150].

        With f = c (log e - log m) - log d, differentiated through each softmax:

            by the encoder's logits   p*(x) e(z|x) (f - E_e[f])
            by the decoder's          -p*(x) e(z|x) + d(x|z) e(z)
            by the marginal's         c (m(z) - e(z))
        """
        log_e, log_d, log_m = self.log_encoder, self.log_decoder, self.log_marginal
        joint = data * np.exp(log_e)
        f = rate_weight * (log_e - log_m[:, None]) - log_d
        by_encoder = joint * (f - np.sum(np.exp(log_e) * f, axis=0))
        codes = joint.sum(axis=1)
        by_decoder = np.exp(log_d) * codes[:, None] - joint
        by_marginal = rate_weight * (np.exp(log_m) - codes)
        we, be, wd, bd, _ = self._parts()
        return np.concatenate(
            [*self._pull(by_encoder, we, be), *self._pull(by_decoder, wd, bd), by_marginal]
        )

    def _pull(self, upstream, w, b):
        """Returns the gradients by w and b from that by the logits -u^2."""
        through = -2 * self._u(w, b) * upstream
        by_w = through.sum(axis=0) if self.form == "one_hot" else through @ self.centres
        return by_w, -through.sum(axis=1)


def terms(model, data):
    """Returns all exact functionals of a `Toy` on data p*(x), in nats.

    Returns:
        `rate` R, `distortion` D, `elbo` -(D + R), `entropy` H, `information` I of p*(x) e(z|x),
        `generated_information` I_d of m(z) d(x|z), its bounds `generative_lower` E and
        `generative_upper` G with q(x) = p*(x).

    Reference:
        `broken_elbo`, section C.
    """
    log_e, log_d, log_m = model.log_encoder, model.log_decoder, model.log_marginal[:, None]
    represented, generated = data * np.exp(log_e), np.exp(log_m + log_d)
    rate = float(np.sum(represented * (log_e - log_m)))
    distortion = float(-np.sum(represented * log_d))
    return {
        "rate": rate,
        "distortion": distortion,
        "elbo": -(distortion + rate),
        "entropy": float(-np.sum(data * np.log(data))),
        "information": mutual_information(represented),
        "generated_information": mutual_information(generated),
        "generative_lower": float(np.sum(generated * (log_e - log_m))),
        "generative_upper": float(np.sum(generated * (log_d - np.log(data)))),
    }


def cluster_information(encoder, world):
    """Returns I(z; z*) in nats: what codes of e(z|x), [i, j], know of the true cluster."""
    return mutual_information(encoder @ world.joint.T)


def fit(model, data, target=None, weight=WEIGHT, steps=20000, learning_rate=0.03):
    """Minimises -ELBO = D + R, or D + weight |R - target|, with Adam and exact gradients.

    The learning rate falls to zero along half a cosine, so that the kink at R = target is met.

    Args:
        model: A `Toy`, changed in place.
        data: p*(x), [30].
        target: R0 in nats, or None for the ELBO.
        weight: Of |R - R0|.
        steps: Of Adam.
        learning_rate: At the start.

    Returns:
        `terms` of the fitted model.
    """
    first, second = np.zeros_like(model.theta), np.zeros_like(model.theta)
    for step in range(1, steps + 1):
        rate_weight = 1.0
        if target is not None:
            rate = np.sum(
                data * np.exp(model.log_encoder) * (model.log_encoder - model.log_marginal[:, None])
            )
            rate_weight = weight * np.sign(rate - target)
        gradient = model.gradient(data, rate_weight)
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        pace = learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        scale = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        model.theta = model.theta - pace * first / (1 - 0.9**step) / scale
    return terms(model, data)


def fit_best(world, seeds, form, is_ordered, target, steps):
    """Returns the model of least loss among restarts, and the `terms` of all, that of least first.

    The terms have in addition `cluster_information`, `elbo_gap` -ELBO - H, and `loss`.

    Args:
        world: The `World`.
        seeds: Seeds of the restarts.
        form: One of `FORMS`.
        is_ordered: Whether one-hot symbols begin in the order of their bins.
        target: The target rate in nats, or None for the ELBO.
        steps: Of Adam.
    """
    fits = []
    for seed in seeds:
        model = Toy.start(np.random.default_rng(seed), world.centres, form, is_ordered)
        values = fit(model, world.data, target, steps=steps)
        values["cluster_information"] = cluster_information(np.exp(model.log_encoder), world)
        values["elbo_gap"] = -values["elbo"] - world.entropy
        values["loss"] = -values["elbo"]
        if target is not None:
            values["loss"] = values["distortion"] + WEIGHT * abs(values["rate"] - target)
        fits.append((values["loss"], seed, model, values))
    fits.sort(key=lambda fit: fit[:2])
    return fits[0][2], [values for *_, values in fits]


def _log_softmax(logits, axis):
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
