"""The paper's grids of pictures: for each model a single sample beside the mean of five."""

import matplotlib
import numpy as np
from keras import ops
from matplotlib.figure import Figure

from trainers import data, grids, plots, runs
from zoo.backend import fold_in, tfp_seed, to_numpy

MEAN_OF = 5
ROWS = 8  # images of each model
INCH = 0.36  # of a picture


def reconstructions(model, images, seed=17):
    """Returns x^ ~ d(x|z) with z ~ e(z|x): a single one of each image, and the mean of five.

    Each of the five has a z of its own; the single one is the first.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C].
        seed: Int.

    Returns:
        Two arrays [N, H, W, C].
    """
    key = tfp_seed(seed)
    z = model.encoder.distribution(model.check_images(images)).sample(MEAN_OF, seed=fold_in(key, 0))
    return _single_and_mean(model, z, fold_in(key, 1))


def generations(model, count, seed=17):
    """Returns x^ ~ d(x|z) with z ~ m(z): a single one of each z, and the mean of five of it.

    Args:
        model: A `zoo.VAE`.
        count: N, how many z.
        seed: Int.

    Returns:
        Two arrays [N, H, W, C].
    """
    key = tfp_seed(seed)
    z = model.marginal.distribution().sample(count, seed=fold_in(key, 0))
    return _single_and_mean(model, ops.stack([z] * MEAN_OF), fold_in(key, 1))


def _single_and_mean(model, z, key):
    rows = ops.reshape(z, (-1, model.latent_dim))
    x = to_numpy(model.decoder.distribution(rows).sample(seed=key))
    x = x.reshape(MEAN_OF, -1, *model.image_shape)
    return x[0], x.mean(axis=0)


def draw(folder, rows, data_split=None, seed=17):
    """Draws both grids of the runs `rows` of a sweep's ledger.

    Args:
        folder: The sweep's.
        rows: Of its ledger, a model each; R and D stand above its pair of columns.
        data_split: The data set whose first images are reconstructed; the first run's by default.
        seed: Int.

    Returns:
        `{"reconstructions": Figure, "generations": Figure}`.
    """
    pairs = {"reconstructions": [], "generations": []}
    images = None
    for row in rows:
        run = runs.load_run(folder / row["run"])
        if images is None:
            splits = data.load_splits(run.config["data"]) if data_split is None else None
            split = data_split or splits["test"] or splits["validation"] or splits["train"]
            images = split.float_images(slice(0, ROWS))
        pairs["reconstructions"].append(reconstructions(run.model, images, seed))
        pairs["generations"].append(generations(run.model, len(images), seed))
    titles = [_title(row) for row in rows]
    return {
        "reconstructions": _grid(pairs["reconstructions"], titles, images),
        "generations": _grid(pairs["generations"], titles),
    }


def _title(row):
    rate = round(row["rate"], 1) + 0.0  # a sampled rate may be a little below 0: not "-0.0"
    return f"{row['family']}  $\\beta$ {row['beta']:g}\nR {rate:.1f}\nD {row['distortion']:.1f}"


def _grid(pairs, titles, inputs=None):
    """Draws a panel of one column for the inputs, if any, and one of two for each model."""
    panels = [] if inputs is None else [("input", inputs, 1)]
    for title, (single, mean) in zip(titles, pairs):
        both = np.stack([single, mean], axis=1).reshape(-1, *single.shape[1:])
        panels.append((title, np.clip(both, 0, 1), 2))
    widths = [columns for _, _, columns in panels]
    count = len(pairs[0][0])
    size = (INCH * (sum(widths) + 0.5 * len(widths)), INCH * count + 0.7)
    with matplotlib.rc_context({**plots.STYLE, "axes.titleweight": "normal"}):
        figure = Figure(figsize=size, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01)
        axes = figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0]
        for axis, (title, images, columns) in zip(axes, panels):
            axis.imshow(grids.image_grid(images, columns), interpolation="nearest")
            axis.set_title(title, fontsize=6.5, loc="center")
            axis.set_axis_off()
    return figure
