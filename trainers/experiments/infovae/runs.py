"""The runs of `infovae`'s figures, each trained once in the folder that its items share."""

import dataclasses

from trainers import checkpoints, data
from trainers.experiments import training
from trainers.experiments.item import row
from zoo.evaluation import latents

CONFIG = "infovae/mnist"
# The names of the families of configs/infovae/mnist.py, as the paper writes them.
NAMES = {
    "elbo": "ELBO",
    "mmd": "MMD-VAE",
    "stein": "Stein-VAE",
    "adversarial": "Adversarial VAE",
    "wgan_gp": "WGAN-GP VAE",
    "none": "Unregularised",
}
PIXELCNN = "_pixelcnn"
# Figures 2 to 5. Of the sizes the paper says "from 500 to 50000".
SIZES = {
    "tiny": (200, 400),
    "reduced": (500, 2000, 5000, 20000, 50000),
    "full": (500, 1000, 2000, 5000, 10000, 20000, 50000),
}
BATCH_SIZE = 100
# Training images seen, whatever the size of the set, so that all runs have as many steps.
IMAGES_SEEN = {"tiny": 800, "reduced": 100_000, "full": 5_000_000}
RECORDS = 10  # validations and checkpoints of such a run
# Figure 6 and Table 1. The text names 2 latents and "higher" for the one, 5 for the other.
LATENTS = {"tiny": (5,), "reduced": (2, 5, 20), "full": (2, 5, 10, 20, 40, 80)}
COMPARED = ("elbo", "mmd", "stein", "adversarial", "none")
FEW_COMPARED = ("elbo", "mmd")  # at tiny scale
TABLE_LATENTS = 5
# Figure 6 (D): latents, training images or 0 for all, epochs or 0 for the config's.
STABILITY = {"tiny": (2, 200, 3), "reduced": (5, 2000, 10), "full": (10, 0, 0)}
STABILITY_FAMILIES = {
    "tiny": ("adversarial", "mmd"),
    "reduced": ("adversarial", "mmd"),
    "full": ("adversarial", "wgan_gp", "mmd"),
}
STABILITY_SEEDS = {"tiny": 1, "reduced": 3, "full": 3}
STABILITY_CODES = {"tiny": 500, "reduced": 2000, "full": 10000}
KEPT = 20  # checkpoints


def by_size(context, sizes=None, latent_dim=None):
    """Returns the ELBO and MMD runs with DCGAN networks on training sets of some sizes.

    Args:
        context: The item's `Context`.
        sizes: Numbers of training images; those of the scale by default.
        latent_dim: An axis of the grid where given; the config's 10 otherwise.
    """
    sizes = sizes or SIZES[context.scale]
    folders = [_of_size(context, size, latent_dim) for size in sizes]
    names = {row["run"] for trained in folders for row in trained.rows}
    cut = "" if context.scale == "full" else f"training sets of {', '.join(map(str, sizes))}"
    together = training.read(folders[0].folder, names=names)
    phrases = [phrase for trained in folders for phrase in trained.phrases]
    missing = sum(trained.missing for trained in folders)
    return dataclasses.replace(together, phrases=(cut, *phrases), missing=missing)


def _of_size(context, size, latent_dim):
    epochs = max(1, IMAGES_SEEN[context.scale] // size)
    every = max(1, epochs // RECORDS)
    overrides = [
        f"--config.train.epochs={epochs}",
        f"--config.train.validation_every={every}",
        f"--config.train.checkpoint_every={every}",
        "--config.train.pictures_every=0",
    ]
    axes = {"family": ["elbo", "mmd"], "data.limit": [size], "seed": [context.seed]}
    if latent_dim:
        axes["latent_dim"] = [latent_dim]
    return training.train(context, CONFIG, axes, overrides)


def smallest(context, latent_dim=None):
    """Returns the two runs on the smallest training set, 500 examples but at tiny scale."""
    return by_size(context, SIZES[context.scale][:1], latent_dim)


def compared(scale):
    """Returns the families of Figure 6 at a scale."""
    return FEW_COMPARED if scale == "tiny" else COMPARED


def by_latents(context, latents=None, families=COMPARED):
    """Returns the PixelCNN runs of Figure 6 and Table 1, over latent sizes.

    Args:
        context: The item's `Context`.
        latents: Sizes; those of the scale by default.
        families: Those among them that the scale has are taken.
    """
    sizes = latents or LATENTS[context.scale]
    families = [family for family in families if family in compared(context.scale)]
    axes = {
        "family": [family + PIXELCNN for family in families],
        "latent_dim": list(sizes),
        "seed": [context.seed],
    }
    cuts = []
    if context.scale == "tiny":
        cuts.append(f"families {', '.join(families)}")
    if context.scale != "full" and latents is None:
        cuts.append(f"latent sizes {', '.join(map(str, sizes))}")
    return training.train(context, CONFIG, axes, _kept(KEPT), "; ".join(cuts))


def of_stability(context):
    """Returns the runs of Figure 6 (D), with checkpoints all along: some families, three seeds."""
    size, limit, epochs = STABILITY[context.scale]
    axes = {
        "family": [family + PIXELCNN for family in STABILITY_FAMILIES[context.scale]],
        "latent_dim": [size],
        "seed": context.seeds(STABILITY_SEEDS[context.scale]),
    }
    fewer = context.cut_of_seeds(STABILITY_SEEDS[context.scale])
    if not limit:
        return training.train(context, CONFIG, axes, _kept(KEPT), fewer)
    axes["data.limit"] = [limit]
    overrides = [*_kept(epochs), f"--config.train.epochs={epochs}"]
    overrides.append("--config.train.checkpoint_every=1")
    cuts = [f"{epochs} epochs of {limit:,} training images, {size} latents", fewer]
    return training.train(context, CONFIG, axes, overrides, "; ".join(filter(None, cuts)))


def _kept(number):
    return [f"--config.train.keep_checkpoints={number}"]


def find(trained, **values):
    """Returns the row of a run that finished, or None."""
    wanted = [r for r in trained.rows if all(r.get(key) == v for key, v in values.items())]
    return wanted[0] if wanted else None


def name_of(row):
    """Returns the paper's name of a row's family."""
    return NAMES[row["family"].removesuffix(PIXELCNN)]


def test_rows(trained, found, name, metrics, data):
    """Returns a row for each metric of a run's own evaluation."""
    rows = []
    for metric in metrics:
        entry = trained.metric(found, metric)
        about = {"seeds": [found["seed"]], "data": f"{data}, test", "note": entry.get("note", "")}
        rows.append(row(name, metric, entry["value"], entry["stderr"], **about))
    return rows


def splits_of(run):
    """Returns the splits of a run's data."""
    return data.load_splits(run.config["data"])


def mmd_by_step(folder, run, split, seed=17):
    """Returns (steps, MMD^2 with its standard error) of q(z) over a split at each checkpoint.

    Args:
        folder: The run's.
        run: A `runs.Run`; its model's weights are those of the newest checkpoint afterwards.
        split: Has `float_images` and a length.
        seed: Int, of the draws of q(z) and p(z), the same at each checkpoint.

    Returns:
        Two lists, of ints and of the dicts of `latents.mmd`.
    """
    steps, found = [], []
    for path in checkpoints.folders(folder / "checkpoints"):
        step = int(path.name.removeprefix("step-"))
        checkpoints.restore(checkpoints.Checkpoint(path, step, []), run.model)
        steps.append(step)
        found.append(latents.mmd(run.model, split, seed=seed))
    return steps, found
