"""Figures 3, 4 and 11 of `mu_vae`: t-SNE and histograms of the codes of test images."""

import numpy as np

from trainers import plots
from trainers.experiments import training
from trainers.experiments.item import Outcome
from trainers.experiments.mu_vae import pictures, runs
from zoo.evaluation import aggregated_samples
from zoo.evaluation.entries import share_stderr

TSNE_IMAGES = {"tiny": 100, "reduced": 2000, "full": 10000}
NEIGHBOURS = 5
BINS = 60


def run_tsne(context):
    """Figure 3: t-SNE of samples of e(z|x), of the four models on both data sets."""
    rows, drawn, cuts = [], {}, []
    count = TSNE_IMAGES[context.scale]
    for data in runs.DATA:
        models, cut = runs.four(context, data)
        cuts.append(cut)
        for model in models:
            if model.error:
                rows.append(model.row("same_class_neighbours", data=runs.DATA[data]))
                drawn[data, model.family] = (model, None)
                continue
            codes, labels, about = codes_of(model, context.seed, count)
            plane = tsne(codes, context.seed)
            drawn[data, model.family] = (model, (plane, labels))
            for name, points in (("codes", codes), ("t-SNE", plane)):
                share, stderr = same_class_neighbours(points, labels)
                rows.append(model.row(f"same_class_neighbours, {name}", share, stderr, **about))
    if context.scale != "full":
        cuts.append(f"t-SNE of {count} of 10,000 test images")
    return Outcome(rows, {"tsne": draw_tsne(drawn)}, training.joined(*cuts))


def codes_of(model, seed, count=None):
    """Returns samples of e(z|x) of the first `count` test images, labels, and words for a row."""
    run = model.load()
    split = runs.test_split(run)
    rows = slice(0, count)
    codes = aggregated_samples(run.model, split.float_images(rows), seed)
    about = runs.about(run, split)
    if count is not None and count < len(split):
        about["data"] += f", the first {count}"
    return codes, split.labels[rows], about


def tsne(codes, seed=17):
    """Returns the embedding [N, 2] of codes [N, Z]: scikit-learn's, perplexity 30, PCA's start."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes)


def same_class_neighbours(points, labels, count=NEIGHBOURS):
    """Returns the share of each point's nearest points that are of its class, and its error."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)
    shares = np.mean(labels[found] == labels[:, None], axis=1)
    share = float(shares.mean())
    if share in (0.0, 1.0):  # no spread among these points does not mean none among all
        return share, share_stderr(share, len(shares))
    return share, float(shares.std(ddof=1) / np.sqrt(len(shares)))


def draw_tsne(drawn):
    """Draws a row of panels for each data set, a panel for each model."""
    figure, axes = pictures.sheet(len(runs.DATA), len(runs.NAMES), 2.8, 2.9)
    for panel, ((data, _), (model, found)) in zip(axes.ravel(), drawn.items()):
        if found is None:
            pictures.say_failed(panel, model)
            continue
        plane, labels = found
        colours = np.array(plots.CLASSES)[labels]
        size = float(np.clip(8000 / len(plane), 1, 12))
        panel.scatter(*plane.T, s=size, c=colours, alpha=0.7, linewidths=0)
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{model.name}, {runs.DATA[data]}", fontsize=9)
    for label, colour in enumerate(plots.CLASSES):
        axes[0, 0].scatter([], [], s=24, color=colour, label=str(label))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": 10, "frameon": False}
    figure.legend(handles, labels, title="class", **place)
    return figure


def run_histograms(context, data):
    """Figures 4 ("fashion") and 11 ("mnist"): samples of each latent over the test set."""
    models, cut = runs.four(context, data)
    rows, drawn = [], []
    for model in models:
        if model.error:
            rows.append(model.row("spread", data=runs.DATA[data]))
            drawn.append((model, None))
            continue
        codes, _, about = codes_of(model, context.seed)
        drawn.append((model, codes))
        rows += spread_rows(model, codes, about)
    return Outcome(rows, {"histograms": draw_histograms(drawn, runs.DATA[data])}, cut)


def spread_rows(model, codes, about):
    """Returns rows of q(z): the root mean square over latents of their means and deviations."""
    codes = np.asarray(codes, "float64")
    numbers = {"offset": codes.mean(axis=0), "spread": codes.std(axis=0)}
    words = {"offset": "means", "spread": "standard deviations"}
    return [
        model.row(
            name,
            np.sqrt(np.mean(values**2)),
            data=about["data"],
            note=f"{about['note']}; root mean square of the latents' {words[name]}, which are "
            f"{values.min():.3g} to {values.max():.3g}",
        )
        for name, values in numbers.items()
    ]


def draw_histograms(drawn, title):
    """Draws a row of panels for each model, a panel for each latent, N(0, 1) as a line."""
    latents = max((codes.shape[1] for _, codes in drawn if codes is not None), default=1)
    figure, axes = pictures.sheet(len(drawn), latents, 1.15, 1.3, title)
    for panels, (model, codes) in zip(axes, drawn):
        if codes is None:
            for panel in panels:
                panel.set_axis_off()
            pictures.say_failed(panels[0], model)
            continue
        reach = max(3.5, float(np.quantile(np.abs(codes), 0.999)))
        grid = np.linspace(-reach, reach, 200)
        normal = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
        for number, (panel, values) in enumerate(zip(panels, codes.T), 1):
            panel.hist(values, BINS, (-reach, reach), density=True, color="#88CCEE")
            panel.plot(grid, normal, color=pictures.GREY, linewidth=0.8)
            panel.set(yticks=[], xlim=(-reach, reach))
            panel.tick_params(labelsize=6.5)
            panel.grid(visible=False)
            panel.set_title(f"latent {number}", fontsize=7, weight="normal", loc="center")
        panels[0].set_ylabel(model.name, fontsize=8)
    figure.supxlabel("z ~ e(z|x) over the test images; the line is N(0, 1)", fontsize=8)
    return figure
