"""What the released encoders are worth as features, and how fast they are, as a user gets them.

    python -m benchmarks.features --out=docs/models.json --table=docs/models.md --readme=README.md

Two tables, through `zoo.load_encoder` alone. The first has every released model: its card's NLL or
bound, the accuracy of probes on labelled images of its own data, and images encoded per second.
The second has the encoders of 28 x 28 images on data that they were and were not trained on, beside
raw pixels and beside the first principal components, as many as the encoder has latents.

With `--models=NAME,NAME` these alone are measured; the lines of the others are those of `--out`.

Probes: the first 10,000 training images, all test images; see `zoo.evaluation.probes`.
"""

import argparse
import functools
import statistics
import time
from pathlib import Path

import numpy as np

import zoo
from trainers import data
from trainers.config import default_config
from trainers.environment import hardware, versions
from zoo import files
from zoo.arguments import check_names
from zoo.evaluation import probes

NUM_TRAIN, NUM_LABELLED = 10000, 1000
# A data set without labels -> the same images with them.
LABELLED = {"binarized_mnist": "mnist"}
# Omniglot's test characters are not those of training: a probe has no classes to learn.
WITHOUT_CLASSES = ("omniglot",)
TRANSFER = ("mnist", "fashion_mnist")
COMMAND = (
    "python -m benchmarks.features --out=docs/models.json --table=docs/models.md --readme=README.md"
)
BEGIN, END = "<!-- models: python -m benchmarks.features -->", "<!-- end of models -->"


def load(name, num_train=NUM_TRAIN, num_test=None):
    """Returns `((images, labels), (images, labels))` of training and test, images float32."""
    config = default_config().data
    config.name = name
    splits = data.load_splits(config)
    chosen = [(splits["train"], num_train), (splits["test"], num_test)]
    return [(s.float_images(slice(0, n)), np.asarray(s.labels)[:n]) for s, n in chosen]


def score(train, test):
    """Returns name -> (accuracy, standard error) of the three probes on codes with labels."""
    rows = probes.labelled_subset(train[1], min(NUM_LABELLED, len(train[1])))
    found = {
        "linear": probes.linear_probe(*train, *test),
        "kNN": probes.knn_probe(*train, *test),
        "SVM, 1000 labels": probes.svm_probe(train[0][rows], train[1][rows], *test),
    }
    return {name: (probe["accuracy"], probe["stderr"]) for name, probe in found.items()}


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


def encode(encoder, *splits):
    """Returns (codes, labels) of each (images, labels)."""
    return [(encoder.features(images), labels) for images, labels in splits]


def encode_by(name, *splits):
    """Returns `encode` of a released model, which is loaded for it."""
    return encode(zoo.load_encoder(name), *splits)


def flat(*splits):
    """Returns (rows of pixels, labels) of each (images, labels)."""
    return [(images.reshape(len(images), -1), labels) for images, labels in splits]


def principal(train, test, size):
    """Returns both splits with `size` principal components of the training pixels."""
    from sklearn.decomposition import PCA

    (x, y), (u, v) = flat(train, test)
    pca = PCA(size, random_state=17).fit(x)
    return (pca.transform(x), y), (pca.transform(u), v)


def measure_models(splits, seconds, kept=()):
    """Returns a dict for each released model: what its line in the first table says.

    Args:
        splits: Name of a data set -> what `load` returns.
        seconds: For each speed.
        kept: Rows of models that are not measured again.
    """
    rows, kept = [], {row["name"]: row for row in kept}
    for model in zoo.list_models():
        if model["name"] in kept:
            rows.append(kept[model["name"]])
            continue
        encoder = zoo.load_encoder(model["name"])
        name = LABELLED.get(model["data"], model["data"])
        has_classes = name not in WITHOUT_CLASSES
        found = score(*encode(encoder, *splits(name))) if has_classes else {}
        rates = {str(size): speed(encoder, size, seconds) for size in (1, 256)}
        bound = next((k for k in ("nll", "elbo") if _value(model, k) is not None), None)
        rows.append(
            {
                **{key: model[key] for key in ("name", "paper", "data", "latent_dim", "bytes")},
                "bound": bound and {"metric": bound, **_short(model["metrics"][bound])},
                "probes": found,
                "images_per_second": rates,
            }
        )
        print(f"{model['name']}: {found} {rates}", flush=True)
    return rows


def measure_transfer(splits, names, kept=()):
    """Returns dicts `data`, `features`, `size`, `probes`: encoders beside pixels and PCA.

    Args:
        splits: Name of a data set -> what `load` returns.
        names: Of data sets.
        kept: Rows of features that are not measured again.
    """
    rows, kept = [], {(row["data"], row["features"], row["size"]): row for row in kept}
    for name in names:
        train, test = splits(name)
        for about, make in _candidates(train[0].shape[1:]):
            row = kept.get((name, about["features"], about["size"]))
            if row is None:
                row = {"data": name, **about, "probes": score(*make(train, test))}
                print(f"{about['features']} on {name}: {row['probes']}", flush=True)
            rows.append(row)
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
        about = {"features": model["name"], "trained_on": model["data"]}
        make = functools.partial(encode_by, model["name"])
        yield {**about, "size": model["latent_dim"]}, make


def read_kept(path, measured, here):
    """Returns the rows of both tables of an earlier `--out`, but those of `measured` models.

    Args:
        path: Of the JSON file.
        measured: Names of released models.
        here: This hardware, which must be that of the file.

    Raises:
        ValueError: If a name is not that of a released model, or the file is of other hardware.
    """
    check_names(measured, [model["name"] for model in zoo.list_models()], "released models")
    found = files.read_json(path)
    if found["hardware"] != here:
        raise ValueError(f"Expected a file of {here!r}. Received: {found['hardware']!r}")
    models = [row for row in found["models"] if row["name"] not in measured]
    return models, [row for row in found["transfer"] if row["features"] not in measured]


def _value(model, metric):
    return model["metrics"].get(metric, {}).get("value")


def _short(metric):
    return {key: metric.get(key) for key in ("value", "stderr", "num_examples", "num_samples")}


def percent(pair):
    """Returns `(accuracy, standard error)` in percent, as text."""
    return "-" if pair is None else f"{100 * pair[0]:.1f} ± {100 * pair[1]:.1f}"


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
    lines = [
        "| model | paper | data | latents | MB | NLL, nats | linear, % | kNN, % "
        "| SVM, 1000 labels, % | images/s | ms, one image |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        accuracies = (percent(row["probes"].get(k)) for k in ("linear", "kNN", "SVM, 1000 labels"))
        rates = row["images_per_second"]
        cells = [
            f"`{row['name']}`",
            row["paper"],
            row["data"],
            row["latent_dim"],
            f"{row['bytes'] / 1e6:.1f}",
            _bound(row["bound"]),
            *accuracies,
            f"{rates['256']:,.0f}",
            f"{1e3 / rates['1']:.2f}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def transfer_table(rows):
    """Returns the second table as Markdown."""
    lines = ["| data | features | size | linear, % | kNN, % | SVM, 1000 labels, % |"]
    lines.append("|---|---|---|---|---|---|")
    for row in rows:
        about = row["features"]
        if "trained_on" in row:
            own = LABELLED.get(row["trained_on"], row["trained_on"]) == row["data"]
            about = f"`{about}`" + ("" if own else f", trained on {row['trained_on']}")
        accuracies = " | ".join(percent(pair) for pair in row["probes"].values())
        lines.append(f"| {row['data']} | {about} | {row['size']} | {accuracies} |")
    return "\n".join(lines)


def document(models, transfer, where):
    """Returns the page that holds both tables."""
    return "\n\n".join(
        [
            "# Released models",
            f"Written by\n\n```sh\n{COMMAND}\n```",
            f"on {where}. NLL: importance-weighted bound, or -ELBO where the card has no NLL; "
            f"accuracies on the test images, from the first {NUM_TRAIN:,} training images; speed "
            "in batches of 256 and of one, from uint8 to features. ± one standard error.",
            models_table(models),
            "## On data that they were not trained on",
            "Beside raw pixels, and principal components of the same training images, as many as "
            "the encoder has latents.",
            transfer_table(transfer) + "\n",
        ]
    )


def into_readme(path, table):
    """Puts the table between its two marks in a README; refuses one that lacks them."""
    text = Path(path).read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"Expected the lines {BEGIN!r} and {END!r}. Received: {path!r}")
    files.atomic_write(path, f"{before}{BEGIN}\n{table}\n{END}{after}")


def main():
    """Measures, prints, and writes where the flags say."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default="", help="a JSON file")
    parser.add_argument("--table", default="", help="a Markdown file")
    parser.add_argument("--readme", default="", help="a Markdown file with the two marks")
    parser.add_argument("--models", default="", help="measure these alone, and keep the others")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each speed")
    flags = parser.parse_args()
    splits = functools.cache(load)
    kept = [], []
    if flags.models:
        kept = read_kept(flags.out, flags.models.split(","), hardware())
    models = measure_models(splits, flags.seconds, kept[0])
    transfer = measure_transfer(splits, TRANSFER, kept[1])
    where = {"hardware": hardware(), "versions": versions()}
    text = document(models, transfer, where["hardware"])
    print(text)
    if flags.out:
        files.write_json(flags.out, {"models": models, "transfer": transfer, **where})
    if flags.table:
        files.atomic_write(flags.table, text)
    if flags.readme:
        into_readme(flags.readme, models_table(models))


if __name__ == "__main__":
    main()
