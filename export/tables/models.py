"""Measures the released encoders: the quality of their features, and their speed.

    python -m export.refresh --tables=models
    python -m export.tables.models [--models=NAME,NAME] [--parts=probes,speed]

Two tables. The first has every released model: from its card its NLL or bound and the accuracy of
its probes, and images encoded per second by `zoo.load_encoder`. The second has the encoders of
28 x 28 images on data that they were and were not trained on, with raw pixels and with the first
principal components, as many as the encoder has latents.

The probes are those of `zoo.evaluation.probes`. They learn from all training images and are judged
on all test images. A card has those of the model's own data, which learn from its own training
split, and both tables take them from there. Models of data without labels are probed here, on the
same images with labels.

`--models=NAME,NAME` measures these models alone, `--parts=probes` or `--parts=speed` measures these
parts alone, and `--parts=` measures nothing. What is not measured is taken from
`docs/models.json`. Numbers of cards are always read again.
"""

import functools
import statistics
import time

import numpy as np

import zoo
from export import pages
from trainers import data, scripts
from trainers.environment import hardware, versions
from zoo.arguments import check_names
from zoo.storage import files

with scripts.needs(__name__):
    scripts.start_tensorflow()
    from trainers.config import default_config
    from zoo.evaluation import probes

NUM_LABELLED = 1000
# Column -> the metric of a card.
PROBES = {"linear": "linear_probe", "kNN": "knn_probe", "SVM, 1000 labels": "svm_1000"}
# What `--parts` may name -> the key of a row that holds it.
PARTS = {"probes": "probes", "speed": "images_per_second"}
# A data set without labels -> the same images with them.
LABELLED = {"binarized_mnist": "mnist"}
TRANSFER = ("mnist", "fashion_mnist")
PAGE, KEPT, README = "docs/models.md", "docs/models.json", "README.md"
COMMAND = "python -m export.refresh --tables=models"
# What the README shows: a model of each paper and of each data set with labels.
README_MODELS = (
    "bilbo-mnist-z100",
    "broken-elbo-mnist",
    "infovae-mnist-mmd",
    "muvae2-fashion",
    "vimae-cifar10-z64-n",
    "vimae-mnist-z8-l",
)
README_COLUMNS = ("model", "data", "latents", "MB", "NLL, nats", "linear, %", "images/s")
BEGIN, END = f"<!-- models: {COMMAND} -->", "<!-- end of models -->"


def load(name):
    """Returns `((images, labels), (images, labels))` of training and test, images float32."""
    config = default_config().data
    config.name = name
    splits = data.load_splits(config)
    chosen = splits["train"], splits["test"]
    return [(s.float_images(slice(None)), np.asarray(s.labels)) for s in chosen]


def score(train, test):
    """Returns column -> entry of the three probes on (codes, labels) of training and test."""
    rows = probes.labelled_subset(train[1], min(NUM_LABELLED, len(train[1])))
    measured = {
        "linear": probes.linear_probe(*train, *test),
        "kNN": probes.knn_probe(*train, *test),
        "SVM, 1000 labels": probes.svm_probe(train[0][rows], train[1][rows], *test),
    }
    return {name: entry({**probe, "value": probe["accuracy"]}) for name, probe in measured.items()}


def entry(metric):
    """Returns what a row keeps of a metric: its value, its error and what they are of."""
    keys = ("value", "stderr", "num_train", "num_examples", "note")
    return {key: metric[key] for key in keys if key in metric}


def own_probes(model, splits, earlier=None):
    """Returns the probes of a model on its own data, which are those of its card.

    Args:
        model: As `zoo.list_models` describes it.
        splits: Name of a data set -> what `load` returns. Data without labels is probed on the
            same images with labels.
        earlier: Probes on those images that were measured before, or None.
    """
    if model["data"] in LABELLED:
        return earlier or score(*encode_by(model["name"], *splits(LABELLED[model["data"]])))
    return {column: entry(model["metrics"].get(name, {})) for column, name in PROBES.items()}


def speed(encoder, batch_size, seconds=1.0, rounds=5):
    """Returns images per second, the median of rounds, from uint8 images to features."""
    shape = (batch_size, *encoder.image_shape)
    images = np.random.default_rng(17).integers(0, 256, shape, np.uint8)
    encoder.features(images)
    rates = []
    for _ in range(rounds):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / rounds:
            encoder.features(images)
            count += batch_size
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates)


def speeds(name, seconds):
    """Returns batch size -> images per second of a released model."""
    encoder = zoo.load_encoder(name)
    return {str(size): speed(encoder, size, seconds) for size in (1, 256)}


def encode_by(name, *splits):
    """Returns (codes, labels) by a released model of each (images, labels)."""
    encoder = zoo.load_encoder(name)
    return [(encoder.features(images), labels) for images, labels in splits]


def flat(*splits):
    """Returns (rows of pixels, labels) of each (images, labels)."""
    return [(images.reshape(len(images), -1), labels) for images, labels in splits]


def principal(train, test, size):
    """Returns both splits with `size` principal components of the training pixels."""
    from sklearn.decomposition import PCA

    (x, y), (u, v) = flat(train, test)
    pca = PCA(size, random_state=17).fit(x)
    return (pca.transform(x), y), (pca.transform(u), v)


def measure_models(splits, seconds, earlier=()):
    """Returns a dict for each released model: what its line in the first table says.

    Args:
        splits: Name of a data set -> what `load` returns.
        seconds: For each speed.
        earlier: Rows of an earlier table; their values are not measured again.
    """
    rows, earlier = [], {row["name"]: row for row in earlier}
    for model in zoo.list_models():
        old = earlier.get(model["name"], {})
        bound = next((k for k in ("nll", "elbo") if _value(model, k) is not None), None)
        row = {
            **{key: model[key] for key in ("name", "paper", "data", "latent_dim", "bytes")},
            "bound": bound and {"metric": bound, **_short(model["metrics"][bound])},
            "probes": own_probes(model, splits, old.get("probes")),
            "images_per_second": old.get("images_per_second") or speeds(model["name"], seconds),
        }
        print(f"{model['name']}: {row['probes']} {row['images_per_second']}", flush=True)
        rows.append(row)
    return rows


def measure_transfer(splits, names, models, earlier=()):
    """Returns dicts `data`, `features`, `size`, `probes`: encoders, raw pixels and PCA.

    Args:
        splits: Name of a data set -> what `load` returns.
        names: Of data sets.
        models: Rows of the first table. A model has its probes on its own data from there.
        earlier: Rows of an earlier table; those with probes are not measured again.
    """
    rows, earlier = [], {(row["data"], row["features"], row["size"]): row for row in earlier}
    own = {(LABELLED.get(row["data"], row["data"]), row["name"]): row["probes"] for row in models}
    for name in names:
        train, test = splits(name)
        for candidate, make in _candidates(train[0].shape[1:]):
            old = earlier.get((name, candidate["features"], candidate["size"]), {})
            known = own.get((name, candidate["features"])) or old.get("probes")
            entries = known or score(*make(train, test))
            rows.append({"data": name, **candidate, "probes": entries})
            print(f"{candidate['features']} on {name}: {entries}", flush=True)
    return rows


def _candidates(side):
    """Yields what stands in the second table for images of a shape.

    Yields:
        `(about, make)`: what its row says of it, and a function of two splits that returns both as
        (features, labels).
    """
    size = int(np.prod(side))
    yield {"features": "raw pixels", "size": size}, flat
    models = [model for model in zoo.list_models() if tuple(model["image_shape"]) == side]
    for size in sorted({model["latent_dim"] for model in models}):
        yield {"features": "PCA", "size": size}, functools.partial(principal, size=size)
    for model in models:
        metadata = {"features": model["name"], "trained_on": model["data"]}
        make = functools.partial(encode_by, model["name"])
        yield {**metadata, "size": model["latent_dim"]}, make


def read_kept(path, models=(), parts=tuple(PARTS), machine=""):
    """Returns an earlier file of measurements, without the values that are measured again.

    Args:
        path: Path of the JSON file.
        models: Names of the released models that are measured again; all of them, and raw pixels
            and PCA too, if empty.
        parts: What is measured again, of `PARTS`.
        machine: This hardware. It must be that of the file if a part of its speeds is kept.

    Raises:
        ValueError: If a name is not that of a released model or of a part, or the file's speeds are
            of other hardware.
    """
    check_names(models, [model["name"] for model in zoo.list_models()], "released models")
    check_names(parts, PARTS, "--parts")
    if not models and set(parts) == set(PARTS):
        return {"models": [], "transfer": []}
    content = files.read_json(path)
    if models and "speed" in parts and content["hardware"] != machine:
        raise ValueError(f"Expected a file of {machine!r}. Received: {content['hardware']!r}")
    dropped = {PARTS[part] for part in parts}
    for table, name in (("models", "name"), ("transfer", "features")):
        for row in content[table]:
            if not models or row[name] in models:
                for key in dropped & set(row):
                    del row[key]
    return content


def _value(model, metric):
    return model["metrics"].get(metric, {}).get("value")


def _short(metric):
    return {key: metric.get(key) for key in ("value", "stderr", "num_examples", "num_samples")}


def percent(entry):
    """Returns an accuracy and its standard error in percent, as text."""
    if entry.get("value") is None:
        return "-"
    error = "" if entry.get("stderr") is None else f" ± {100 * entry['stderr']:.1f}"
    return f"{100 * entry['value']:.1f}{error}"


def _bound(bound):
    if bound is None:
        return "-"
    text = f"{bound['value']:.2f} ± {bound['stderr']:.2f}"
    return (
        text
        if bound["metric"] == "nll"
        else f"{-bound['value']:.2f} ± {bound['stderr']:.2f} (-ELBO)"
    )


def models_table(rows):
    """Returns the first table as Markdown."""
    return _table(COLUMNS, rows)


def short_table(rows):
    """Returns the README's table as Markdown: some models and columns of the first one."""
    of_readme = [row for row in rows if row["name"] in README_MODELS]
    return _table({head: COLUMNS[head] for head in README_COLUMNS}, of_readme)


def _table(columns, rows):
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        lines.append(f"| {' | '.join(str(cell(row)) for cell in columns.values())} |")
    return "\n".join(lines)


def _speed(row, batch):
    return row["images_per_second"][batch]


# Column of the first table -> its cell, a function of a row.
COLUMNS = {
    "model": lambda row: f"`{row['name']}`",
    "paper": lambda row: row["paper"],
    "data": lambda row: row["data"],
    "latents": lambda row: row["latent_dim"],
    "MB": lambda row: f"{row['bytes'] / 1e6:.1f}",
    "NLL, nats": lambda row: _bound(row["bound"]),
    "linear, %": lambda row: percent(row["probes"]["linear"]),
    "kNN, %": lambda row: percent(row["probes"]["kNN"]),
    "SVM, 1000 labels, %": lambda row: percent(row["probes"]["SVM, 1000 labels"]),
    "images/s": lambda row: f"{_speed(row, '256'):,.0f}",
    "ms, one image": lambda row: f"{1e3 / _speed(row, '1'):.2f}",
}


def transfer_table(rows):
    """Returns the second table as Markdown."""
    lines = [
        "| data | features | size | linear, % | kNN, % | SVM, 1000 labels, % |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        features = row["features"]
        if "trained_on" in row:
            own = LABELLED.get(row["trained_on"], row["trained_on"]) == row["data"]
            features = f"`{features}`" + ("" if own else f", trained on {row['trained_on']}")
        accuracies = " | ".join(percent(row["probes"][column]) for column in PROBES)
        lines.append(f"| {row['data']} | {features} | {row['size']} | {accuracies} |")
    return "\n".join(lines)


def _smaller_splits(transfer):
    """Returns a sentence that names the models of `transfer` whose probes learned from fewer."""
    counts = [row["probes"]["linear"]["num_train"] for row in transfer]
    fewer = {}
    for row, count in zip(transfer, counts, strict=True):
        if count < max(counts):
            fewer.setdefault(count, []).append(f"`{row['features']}`")
    if not fewer:
        return ""
    texts = (f"{count:,} of {', '.join(names)}" for count, names in sorted(fewer.items()))
    return f" Probes of models with a smaller training split learn from it: {'; '.join(texts)}."


def document(models, transfer, where):
    """Returns the page that holds both tables."""
    return "\n\n".join(
        [
            "# Released models",
            f"Written by\n\n```sh\n{COMMAND}\n```",
            "NLL: importance-weighted bound, or -ELBO where the card has no NLL. Accuracies are "
            "those of probes, as in the card. Probes learn from all training images of the model's "
            "own split and are judged on its test images. Binarised MNIST has no labels, so its "
            "models are probed on MNIST. A model whose test images have other classes than its "
            f"training images has none. Speed: on {where}, in batches of 256 and of one, from "
            "uint8 to features. ± one standard error.",
            models_table(models),
            "## On data that they were not trained on",
            "The same probes, which learn from all training images of the data set in the first "
            "column. Raw pixels, and principal components of the same training images, as many as "
            "the encoders have latents, stand for comparison. A model on its own data has the "
            "numbers of the first table." + _smaller_splits(transfer),
            transfer_table(transfer) + "\n",
        ]
    )


def into_readme(path, table):
    """Puts the table between its two marks in a README; refuses one that lacks them."""
    pages.put(path, table, BEGIN, END)


def refresh(keep: bool = False, models=(), parts=tuple(PARTS), seconds: float = 1.0) -> None:
    """Measures, and writes the page, the file of measurements and the table of the README.

    Args:
        keep: Whether to measure nothing.
        models: Names of the released models that are measured; all of them if empty.
        parts: What is measured, of `PARTS`.
        seconds: For each speed.

    Raises:
        ValueError: If a name is unknown, or kept speeds are of other hardware.
    """
    parts = () if keep else parts
    splits = functools.cache(load)
    earlier = read_kept(KEPT, models, parts, hardware())
    measured = measure_models(splits, seconds, earlier["models"])
    transfer = measure_transfer(splits, TRANSFER, measured, earlier["transfer"])
    # Of the speeds: accuracies are the same on any machine but for a few images.
    where = {"hardware": hardware(), "versions": versions()}
    if "speed" not in parts:
        where = {key: earlier[key] for key in where}
    files.write_json(KEPT, {"models": measured, "transfer": transfer, **where})
    files.atomic_write(PAGE, document(measured, transfer, where["hardware"]))
    into_readme(README, short_table(measured))


def main(argv):
    """Refreshes what the command line names."""
    options = flags.FLAGS
    refresh(models=options.models, parts=options.parts, seconds=options.seconds)


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    flags.DEFINE_list("models", [], "Measure these models alone.")
    flags.DEFINE_list("parts", list(PARTS), "Measure these parts alone; empty for nothing.")
    flags.DEFINE_float("seconds", 1.0, "Seconds for each speed.")
    scripts.run(main)
