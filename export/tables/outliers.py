"""Measures how well scores of released models detect outliers: `docs/outliers.md`.

    python -m export.refresh --tables=outliers
    python -m export.tables.outliers [--examples=1000]

For each pair of data sets, a detector learns from training images of the first one. The test images
of both are scored. The AUROC is the probability that an image of the second one has the higher
anomaly score, with its standard error of DeLong et al., 1988. scikit-learn's `IsolationForest` and
the squared error of a reconstruction by principal components, on the same pixels, stand for
comparison.
"""

import sys

import numpy as np

import zoo
from export import pages
from trainers import data, scripts
from trainers.environment import hardware
from trainers.wording import with_error
from zoo.light.images import resize_images
from zoo.storage import files

with scripts.needs(__name__):
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest

    from trainers.config import default_config

PAGE, KEPT = "docs/outliers.md", "docs/outliers.json"
COMMAND = "python -m export.refresh --tables=outliers"
BEGIN, END = f"<!-- outliers: {COMMAND} -->", "<!-- end of outliers -->"
SCORES = ("nll", "reconstruction", "rate", "typicality")
OTHERS = ("IsolationForest", "PCA reconstruction")
# (data that is normal, its model, data of the outliers).
PAIRS = (
    ("mnist", "vimae-mnist-z8-vae", "fashion_mnist"),
    ("fashion_mnist", "muvae-fashion-vae", "mnist"),
    ("mnist", "bilbo-mnist-z100-bilbo", "fashion_mnist"),
    ("cifar10", "vimae-cifar10-z64-vae", "smooth"),
    ("cifar10", "vimae-cifar10-z64-vae", "mnist"),
)
SMOOTH = "one colour for each corner, blended in between"


def auroc(normal, outliers):
    """Returns the AUROC of anomaly scores and its standard error by DeLong's placements.

    Args:
        normal: Scores of normal images, [M].
        outliers: Scores of outliers, [N], which should be higher.

    Reference:
        DeLong, DeLong and Clarke-Pearson, 1988, "Comparing the Areas Under Two or More Correlated
        Receiver Operating Characteristic Curves".
    """
    normal, outliers = np.sort(normal), np.asarray(outliers)
    below = np.searchsorted(normal, outliers, "left") / len(normal)
    ties = np.searchsorted(normal, outliers, "right") / len(normal) - below
    of_outliers = below + ties / 2  # share of normal images below each outlier
    ordered = np.sort(outliers)
    above = 1 - np.searchsorted(ordered, normal, "right") / len(ordered)
    same = 1 - np.searchsorted(ordered, normal, "left") / len(ordered) - above
    of_normal = above + same / 2
    variance = of_outliers.var(ddof=1) / len(outliers) + of_normal.var(ddof=1) / len(normal)
    return float(of_outliers.mean()), float(np.sqrt(variance))


def images(name, split, count, shape):
    """Returns `count` images of a data set, uint8, brought to a model's shape."""
    if name == "smooth":
        return smooth(count, shape)
    config = default_config().data
    config.name, config.validation_fraction = name, 0.0
    config.train_split, config.validation_split = "train", "none"
    chosen = data.load_splits(config)[split].float_images(slice(0, count))
    batch = (255 * chosen).round().astype("uint8")
    if batch.shape[1:] == shape:
        return batch
    return (255 * resize_images(batch, shape)).round().astype("uint8")


def smooth(count, shape):
    """Returns pictures of one colour for each corner, blended bilinearly in between, uint8."""
    corners = np.random.default_rng(17).uniform(0, 255, (count, 2, 2, shape[2]))
    down, across = np.linspace(0, 1, shape[0]), np.linspace(0, 1, shape[1])
    rows, columns = np.stack([1 - down, down], 1), np.stack([1 - across, across], 1)
    return np.einsum("ha,wb,nabc->nhwc", rows, columns, corners).round().astype("uint8")


def measure(pair, examples):
    """Returns the row of a pair: score -> (AUROC, standard error)."""
    name, model, other = pair
    shape = tuple(zoo.load_encoder(model).image_shape)
    train = images(name, "train", examples, shape)
    normal, outliers = images(name, "test", examples, shape), images(other, "test", examples, shape)
    row = {"normal": name, "model": model, "outliers": other, "examples": examples, "auroc": {}}
    for score in SCORES:
        detector = zoo.OutlierDetector(model, score=score).fit(train)
        row["auroc"][score] = auroc(*(-detector.score_samples(x) for x in (normal, outliers)))
    flat = [x.reshape(len(x), -1) / 255 for x in (train, normal, outliers)]
    forest = IsolationForest(random_state=17).fit(flat[0])
    row["auroc"][OTHERS[0]] = auroc(*(-forest.score_samples(x) for x in flat[1:]))
    size = zoo.load_encoder(model).latent_dim
    pca = PCA(min(size, *flat[0].shape), random_state=17).fit(flat[0])
    errors = [((pca.inverse_transform(pca.transform(x)) - x) ** 2).sum(1) for x in flat[1:]]
    row["auroc"][OTHERS[1]] = auroc(*errors)
    return row


def table(rows, where):
    """Returns the rows as Markdown."""
    heads = ("normal", "model", "outliers", *SCORES, *OTHERS)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        cells = [row["normal"], f"`{row['model']}`", row["outliers"]]
        cells += [with_error(*row["auroc"][name]) for name in (*SCORES, *OTHERS)]
        lines.append(f"| {' | '.join(cells)} |")
    caption = (
        f"AUROC ± standard error; {rows[0]['examples']:,} training images, and as many test images "
        f'of each data set. "smooth" is {SMOOTH}. Measured on {where}.'
    )
    return "\n".join([*lines, "", caption])


def refresh(keep: bool = False, examples: int = 1000) -> None:
    """Measures all pairs, and writes the table into its page and the file of measurements.

    Args:
        keep: Whether to measure nothing.
        examples: Training images, and test images of each data set.
    """
    if not keep:
        rows = []
        for pair in PAIRS:
            rows.append(measure(pair, examples))
            print(rows[-1], flush=True)
        files.write_json(KEPT, {"rows": rows, "hardware": hardware()})
    content = files.read_json(KEPT)
    pages.put(PAGE, table(content["rows"], content["hardware"]), BEGIN, END)


def main(argv):
    """Measures and writes."""
    refresh(examples=flags.FLAGS.examples)


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    flags.DEFINE_integer("examples", 1000, "Training images, and test images of each data set.")
    sys.exit(scripts.run(main))
