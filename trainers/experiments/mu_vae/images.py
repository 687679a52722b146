"""Figures 5, 6, 7, 9 and 10 of `mu_vae`: reconstructions, samples and traversals."""

import numpy as np

from trainers import grids
from trainers.experiments.item import Outcome
from trainers.experiments.mu_vae import pictures, runs
from trainers.experiments.mu_vae.codes import spread_rows
from zoo.backend import to_numpy
from zoo.evaluation import aggregated_samples

# Family -> sigma of N(0, sigma^2 I) in Figures 6 and 10, and the reach of Figures 7 and 9.
SIGMA = {"vae": 1.0, "beta_vae": 1.0, "mu_vae_1": 3.0, "mu_vae_2": 3.0}
REACH = {"vae": 2.0, "beta_vae": 2.0, "mu_vae_1": 10.0, "mu_vae_2": 20.0}
STEPS = 40
IMAGES = 30  # of reconstructions
SAMPLES = 64
INCH = 0.16  # of a picture in a traversal: 32 pixels at 200 an inch


def run_reconstructions(context, data):
    """Figure 5: test images above their reconstructions from the posterior mean."""
    models, cut = runs.four(context, data)
    figure, axes = pictures.sheet(2, 2, 4.2, 3.1, f"{runs.DATA[data]}, test images")
    rows = []
    for panel, model in zip(axes.ravel(), models):
        if model.error:
            pictures.say_failed(panel, model)
            rows.append(model.row("reconstruction_l2", data=runs.DATA[data]))
            continue
        run = model.load()
        split = runs.test_split(run)
        images = split.float_images(slice(0, IMAGES))
        rebuilt = to_numpy(run.model.reconstruct(images))
        entry = model.metric("reconstruction_l2")
        title = f"{model.name}: $|x - x'|^2$ {entry['value']:.2f}"
        pictures.show(panel, grids.reconstruction_grid(images, rebuilt), title)
        numbers = (entry["value"], entry["stderr"])
        rows.append(model.row("reconstruction_l2", *numbers, **runs.about(run, split)))
    return Outcome(rows, {"reconstructions": figure}, cut)


def run_samples(context, data):
    """Figures 6 ("fashion") and 10 ("mnist"): decoded draws of N(0, sigma^2 I)."""
    models, cut = runs.four(context, data)
    figure, axes = pictures.sheet(1, len(models), 2.7, 3.0, f"{runs.DATA[data]}, samples")
    rows = []
    for panel, model in zip(axes[0], models):
        if model.error:
            pictures.say_failed(panel, model)
            rows.append(model.row("spread", data=runs.DATA[data]))
            continue
        run, sigma = model.load(), SIGMA[model.family]
        noise = np.random.default_rng(context.seed).normal(size=(SAMPLES, run.model.latent_dim))
        images = to_numpy(run.model.decoder.images((sigma * noise).astype("float32")))
        pictures.show(panel, grids.image_grid(images), f"{model.name}, $\\sigma$ = {sigma:g}")
        split = runs.test_split(run)
        codes = aggregated_samples(run.model, split, context.seed)
        about = runs.about(run, split)
        about["note"] += f"; sampled with sigma {sigma:g}"
        rows += spread_rows(model, codes, about)
    return Outcome(rows, {"samples": figure}, cut)


def run_traversals(context, data):
    """Figures 7 ("fashion") and 9 ("mnist"): each latent alone moved in 40 steps."""
    models, cut = runs.four(context, data)
    latents = 10
    size = (INCH * STEPS + 0.6, INCH * latents + 0.5)
    figure, axes = pictures.sheet(len(models), 1, *size, f"{runs.DATA[data]}, traversals")
    rows = []
    for panel, model in zip(axes[:, 0], models):
        if model.error:
            pictures.say_failed(panel, model)
            rows.append(model.row("ends_apart", data=runs.DATA[data]))
            continue
        run, reach = model.load(), REACH[model.family]
        images = traverse(run.model, reach)
        _draw_traversal(panel, model.name, images, reach)
        apart = np.sum((images[:, 0] - images[:, -1]) ** 2, axis=(1, 2, 3))
        note = f"mean over latents of |x(-{reach:g}) - x({reach:g})|^2, {apart.min():.3g} to "
        rows.append(model.row("ends_apart", apart.mean(), note=f"{note}{apart.max():.3g}"))
    return Outcome(rows, {"traversals": figure}, cut)


def traverse(model, reach, steps=STEPS):
    """Returns mean images [Z, steps, H, W, C] with latent d from -reach to reach, the others 0."""
    latents = model.latent_dim
    z = np.eye(latents)[:, None] * np.linspace(-reach, reach, steps)[None, :, None]
    images = to_numpy(model.decoder.images(z.reshape(-1, latents).astype("float32")))
    return images.reshape(latents, steps, *images.shape[1:])


def _draw_traversal(panel, name, images, reach):
    """Draws a row of images for each latent, with its number, and the latent's value below."""
    latents, steps, height, width = images.shape[:4]
    grid = grids.image_grid(images.reshape(-1, *images.shape[2:]), steps, padding=1)
    panel.imshow(grid, interpolation="nearest")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    ends = [width / 2, grid.shape[1] / 2, grid.shape[1] - width / 2]
    panel.set_xticks(ends, [f"{value:g}" for value in (-reach, 0, reach)], fontsize=7)
    rows = (np.arange(latents) + 0.5) * (height + 1)
    panel.set_yticks(rows, [str(number) for number in range(1, latents + 1)], fontsize=6)
    panel.tick_params(length=0)
    panel.set_ylabel("latent", fontsize=7)
    panel.set_title(f"{name}, values of one latent from {-reach:g} to {reach:g}", fontsize=8)
