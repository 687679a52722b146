"""The two-point toy of `infovae`, Figure 1: data {-1, 1}, one latent, an unbounded ELBO.

Encoder and decoder have three layers of 200 units and Gaussian outputs with learned scales. With
one latent all expectations are integrals over a line, computed numerically and without sampling.

By Proposition 1 the decoder's scale falls to 0 and the ELBO rises without bound. The zoo's own
Gaussian stops at a scale of 1e-3, with an ELBO below 6 nats; here only float32 limits the scale.
"""

import math

import keras
import numpy as np
from keras import ops
from scipy.integrate import trapezoid

import zoo
from trainers.experiments import figures
from zoo.backend import to_numpy
from zoo.decoders.likelihood import Gaussian

POINTS = np.array([-1.0, 1.0], "float32")
COLOURS = ("#009E73", "#D55E00")  # of x = -1 and x = 1; the paper's green and red
PRIOR = "#882255"
HIDDEN = (200, 200, 200)
OBJECTIVES = {
    "ELBO": {"name": "beta", "beta": 1.0},
    "InfoVAE": {"name": "infovae", "alpha": 0.0, "lambda_": 500.0, "divergence": {"name": "mmd"}},
}
# The paper gives neither. 50 draws of each posterior make the MMD of a batch. At a learning rate of
# 1e-3 the noise of the MMD soon led InfoVAE's encoder to one posterior for both points.
LEARNING_RATE, BATCH_SIZE = 2e-4, 100
STEPS_PER_EXECUTION = 20
LOG_2PI = math.log(2.0 * math.pi)
# Of the picture of the training: title, key of `measure`, change, scale of the axis.
PANELS = (
    ("distance of the means from 0", "loc", np.abs, "linear"),
    ("scale of q(z|x)", "scale", np.asarray, "log"),
    ("KL(q(z|x) || p(z|x)), nats", "gap", np.asarray, "log"),
)


class FreeGaussian(Gaussian):
    """The zoo's Gaussian of learned scale without its floor: scale = exp(a / 2)."""

    def __init__(self, **kwargs):
        super().__init__(scale="learned", **kwargs)

    def call(self, raw):
        """Returns `{"mean": [..., H, W, C], "scale": the same shape}`."""
        mean, log_variance = ops.split(raw, 2, axis=-1)
        return {"mean": mean, "scale": ops.exp(0.5 * log_variance)}


def build(objective, steps, seed=17):
    """Returns the model of an entry of `OBJECTIVES`, compiled for a training of `steps` steps."""
    keras.utils.set_random_seed(seed)
    model = zoo.VAE(
        zoo.MLPEncoder(1, HIDDEN, scale="log_variance"),
        zoo.MLPDecoder(1, (1, 1, 1), HIDDEN, likelihood=FreeGaussian()),
        objective={**OBJECTIVES[objective], "seed": seed},
    )
    # The rate falls: the narrower p(x|z) is, the smaller a step misses its point.
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, jit_compile=False, steps_per_execution=STEPS_PER_EXECUTION)
    return model


def fit(model, steps, records=20):
    """Trains, and measures after each of `records` equal parts of the training.

    Args:
        model: From `build`.
        steps: Steps of the optimiser, rounded up to whole executions in each part.
        records: Positive int.

    Returns:
        A list of dicts, `step` and those of `measure`.
    """
    executions = max(1, round(steps / records / STEPS_PER_EXECUTION))
    rows = executions * STEPS_PER_EXECUTION * BATCH_SIZE
    images, history = np.resize(POINTS, (rows, 1, 1, 1)), []
    for _ in range(records):
        model.fit(images, batch_size=BATCH_SIZE, shuffle=False, verbose=0)
        history.append({"step": int(model.step), **measure(model)})
    return history


def measure(model):
    """Returns what a model makes of both points, by quadrature.

    Returns:
        A dict of arrays [2], for x = -1 and 1, in nats: `loc` and `scale` of q(z|x), `rate`,
        KL(q(z|x) || p(z)), `elbo`, `log_evidence`, log p(x), and `gap`, KL(q(z|x) || p(z|x)) =
        log p(x) - elbo. `variance`, of q(z), is a number; 1 for the prior.
    """
    loc, scale = posterior(model)
    rate = 0.5 * (scale**2 + loc**2 - 1.0) - np.log(scale)
    u = np.linspace(-8, 8, 2001)
    weights = np.exp(-0.5 * u**2) / np.exp(-0.5 * u**2).sum()
    distortion = [
        -weights @ log_likelihood(model, m + s * u, x) for m, s, x in zip(loc, scale, POINTS)
    ]
    elbo = -np.array(distortion) - rate
    # The prior's grid alone would step over the likelihood of a narrow posterior.
    grids = [np.linspace(-8, 8, 20001), *(m + s * u for m, s in zip(loc, scale))]
    z = np.unique(np.concatenate(grids))
    decoded = _decoded(model, z)
    joint = [_log_normal(x, *decoded) - 0.5 * (z**2 + LOG_2PI) for x in POINTS]
    evidence = np.array([_log_integral(values, z) for values in joint])
    variance = float(np.mean(scale**2 + loc**2) - np.mean(loc) ** 2)
    measured = {"loc": loc, "scale": scale, "rate": rate, "elbo": elbo}
    measured.update({"log_evidence": evidence, "gap": evidence - elbo, "variance": variance})
    return measured


def posterior(model):
    """Returns the mean and the scale of q(z|x), float64 [2] each."""
    parameters = model.encode(POINTS.reshape(-1, 1, 1, 1))
    return tuple(to_numpy(parameters[name])[:, 0].astype("float64") for name in ("loc", "scale"))


def log_likelihood(model, z, x):
    """Returns log p(x|z) of one number x at latents z [N], float64 [N]."""
    return _log_normal(x, *_decoded(model, z))


def _log_normal(x, mean, scale):
    return -0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * LOG_2PI


def _decoded(model, z):
    parameters = model.decode(np.asarray(z, "float32")[:, None])
    arrays = (to_numpy(parameters[name]).reshape(-1) for name in ("mean", "scale"))
    return tuple(values.astype("float64") for values in arrays)


def _log_integral(values, at):
    """Returns the logarithm of the integral of exp(values), by trapezoids."""
    top = values.max()
    return float(top + np.log(trapezoid(np.exp(values - top), at)))


def draws(model, count=20000, seed=17):
    """Returns draws of x ~ p(x|z), one array each: z ~ q(z|x = -1), q(z|x = 1) and p(z)."""
    rng = np.random.default_rng(seed)
    samples = []
    for m, s in (*zip(*posterior(model)), (0.0, 1.0)):
        mean, deviation = _decoded(model, m + s * rng.standard_normal(count))
        samples.append(mean + deviation * rng.standard_normal(count))
    return samples


def draw(models, seed=17):
    """Returns the paper's Figure 1: a column for each model, latents above, data below.

    Args:
        models: dict name -> a trained model.
        seed: Int, of the draws of the lower row.
    """
    figure, axes = figures.sheet(2, len(models), 4.6, 2.8)
    for column, (name, model) in zip(axes.T, models.items()):
        _draw_latents(column[0], model)
        _draw_data(column[1], model, seed)
        column[0].set_title(name, fontsize=11, loc="center", weight="normal")
    handles = axes[1, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure


def _draw_latents(panel, model):
    loc, scale = posterior(model)
    around = loc + scale * np.linspace(-8, 8, 401)[:, None]
    z = np.unique(np.concatenate([np.linspace(-5, 5, 2001), around.ravel()]))
    for m, s, colour in (*zip(loc, scale, COLOURS), (0.0, 1.0, PRIOR)):
        density = np.exp(-0.5 * ((z - m) / s) ** 2) / (s * math.sqrt(2 * math.pi))
        panel.plot(z, density, color=colour)
    reach = max(4.0, float(np.max(np.abs(loc) + 5 * scale)))
    panel.set(xlabel="z", ylabel="density of z", xlim=(-reach, reach))


def _draw_data(panel, model, seed):
    labels = [*(f"z from q(z | x = {x:+.0f})" for x in POINTS), "z from p(z)"]
    bins = np.linspace(-2, 2, 81)
    for x, colour, label in zip(draws(model, seed=seed), (*COLOURS, PRIOR), labels):
        shares = np.histogram(x, bins)[0] / len(x)
        panel.stairs(shares, bins, color=colour, label=label, linewidth=1.6)
    panel.set(xlabel="x, drawn from p(x | z)", ylabel="share in a bin of 0.05")


def draw_training(histories):
    """Returns a figure of the posteriors' means, scales and gaps against the steps.

    Args:
        histories: dict name -> history from `fit`.
    """
    figure, axes = figures.sheet(1, len(PANELS), 11 / 3, 3)
    for panel, (title, key, change, axis) in zip(axes[0], PANELS):
        for colour, (name, history) in zip(figures.COLOURS, histories.items()):
            values = [np.mean(change(entry[key])) for entry in history]
            panel.plot([entry["step"] for entry in history], values, color=colour, label=name)
        panel.set(xlabel="step", title=title, yscale=axis)
        panel.legend()
    return figure
