"""Compares the released encoders in float32 and in 8 bits: cost and gain of int8.

    python -m export.refresh --tables=variants
    python -m export.tables.variants [--models=NAME,NAME]

Ranges are calibrated on the first 256 training images. Everything else is measured on the test
images. The linear probe of the 8-bit encoder learns from the images of the model's training split,
and is judged on those of its test split. That of the encoder as it is stands in `docs/models.json`,
see `export.tables.models`. Models of other data than `DATA` are left out. With `--models` these
alone are measured, and the lines of the others stay.
"""

import functools
import statistics
import time
from pathlib import Path

import numpy as np

import zoo
from export import quantize
from trainers import scripts
from trainers.environment import hardware
from zoo.arguments import check_names
from zoo.light.graph import Graph
from zoo.light.images import prepare_images
from zoo.releases import card as cards
from zoo.storage import files

with scripts.needs(__name__):
    scripts.start_tensorflow()
    from export.tables import models as model_table
    from zoo.evaluation import probes

PAGE = "docs/variants.md"
COMMAND = "python -m export.refresh --tables=variants"
BATCH = 256
WHERE = "on {}; ± one standard error."
DATA = ("mnist", "binarized_mnist", "fashion_mnist", "cifar10")
HEAD = """\
| model | encoder, MB | int8, MB | error of the code, % | linear, % | int8 | images/s | int8 |
|---|---|---|---|---|---|---|---|"""


def codes(graph, images):
    """Returns `loc` [N, Z] of images as the graph takes them."""
    blocks = range(0, len(images), BATCH)
    return np.concatenate([graph(image=images[i : i + BATCH])["loc"] for i in blocks])


def speed(graph, images, seconds):
    """Returns images per second in batches of 256: the median of five rounds."""
    block, rates = images[:BATCH], []
    graph(image=block)
    for _ in range(5):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / 5:
            graph(image=block)
            count += len(block)
        rates.append(count / (time.perf_counter() - start))
    return statistics.median(rates)


def measure(model, splits, linear):
    """Returns what one line of the table says but the speeds, and what measures these.

    Args:
        model: As `zoo.list_models` describes it.
        splits: Name of a data set -> what `load` returns.
        linear: The linear probe of the encoder as it is, an entry of `docs/models.json`.

    Returns:
        The row, and `{"float": graph, "int8": graph}` with the images for them.
    """
    name = model_table.LABELLED.get(model["data"], model["data"])
    (train, labels), (test, test_labels) = splits(name)
    # The splits of released models are the first images.
    train, labels = train[: linear["num_train"]], labels[: linear["num_train"]]
    judged = slice(linear["num_examples"])
    card = cards.read_card(model["folder"])
    content = cards.read_file(model["folder"], card, card["graphs"]["encoder"]["file"])
    train, test = (prepare_images(x, card["preprocessing"]) for x in (train, test))
    changed = quantize.quantize(content, train[: quantize.NUM_CALIBRATION])
    row = {"name": model["name"], **quantize.compare(content, changed, test)}
    graphs = {"float": Graph(content, "float"), "int8": Graph(changed, "int8")}
    small = graphs["int8"]
    test_codes = codes(small, test[judged])
    probe = probes.linear_probe(codes(small, train), labels, test_codes, test_labels[judged])
    row["float"] = {"linear": linear}
    row["int8"] = {"linear": model_table.entry({**probe, "value": probe["accuracy"]})}
    return row, (graphs, test[:BATCH])


def line(row):
    """Returns a row as a line of the table."""
    both = [row["float"], row["int8"]]
    cells = [
        f"`{row['name']}`",
        *(f"{size / 1e6:.2f}" for size in row["bytes"]),
        f"{100 * row['error']['loc']:.1f}",
        *(model_table.percent(entry["linear"]) for entry in both),
        *(f"{entry['images_per_second']:,.0f}" for entry in both),
    ]
    return f"| {' | '.join(cells)} |"


def kept(path, machine):
    """Returns name -> line of an earlier table.

    Raises:
        ValueError: If it was measured on other hardware than `here`.
    """
    text = Path(path).read_text()
    if WHERE.format(machine) not in text:
        raise ValueError(f"Expected a table of {machine!r}. Received: {path}")
    return {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}


def _binarised(models):
    """Returns sentences that name the models whose cards probe images that are drawn as bits."""
    dynamic = [
        m for m in models if cards.read_card(m["folder"])["data"]["binarisation"] == "dynamic"
    ]
    if not dynamic:
        return ""
    names = ", ".join(f"`{model['name']}`" for model in dynamic)
    return (
        f" The cards of {names} probe binarised images, as these models were trained on them. The "
        "8-bit encoders get grey ones, as users' are. So the two probes of these rows do not "
        "compare."
    )


def document(lines, machine, models):
    """Returns the page of the lines of `models`, measured on the hardware `machine`."""
    return "\n\n".join(
        [
            "# Encoders in float16 and int8",
            "**float16** halves the size of stored weights; graphs compute in float32. Each card "
            "has the change of every metric and its standard error under `storage`. A model that "
            "would change by more is stored in float32.",
            "**int8**, by `python -m export.quantize MODEL --images=... --out=FILE.onnx`: weights "
            "and activations. The error is the root mean square of the difference of `loc`, in "
            "percent of the largest spread of a latent over the test images. Both linear probes "
            "learn from all images of the model's training split, as those of "
            "[models.md](models.md)." + _binarised(models),
            f"Written by\n\n```sh\n{COMMAND}\n```",
            WHERE.format(machine),
            "\n".join([HEAD, *lines]) + "\n",
        ]
    )


def refresh(keep: bool = False, names=(), seconds: float = 1.0) -> None:
    """Measures released models with classes, and writes the page.

    Args:
        keep: Whether to measure nothing. The page then stays as it is, as all of it is measured.
        names: Names of the models that are measured; lines of the others stay. All if empty.
        seconds: For each speed.

    Raises:
        ValueError: If a name is unknown, or kept lines are of other hardware.
    """
    if keep:
        return
    splits = functools.cache(model_table.load)
    models = {m["name"]: m for m in zoo.list_models() if m["data"] in DATA}
    check_names(names, models, "released models with classes")
    machine = hardware()
    lines = kept(PAGE, machine) if names else {}
    known = {r["name"]: r["probes"] for r in files.read_json(model_table.KEPT)["models"]}
    measured = {}
    for name in names or models:
        measured[name] = measure(models[name], splits, known[name]["linear"])
        print(f"{name}: {measured[name][0]}", flush=True)
    # Speeds last and together: they need a quiet machine, for a minute.
    for name, (row, (graphs, images)) in measured.items():
        for kind, graph in graphs.items():
            row[kind]["images_per_second"] = speed(graph, images, seconds)
        lines[name] = line(row)
        print(lines[name], flush=True)
    names = [name for name in models if name in lines]
    rows = [lines[name] for name in names]
    files.atomic_write(PAGE, document(rows, machine, [models[name] for name in names]))


def main(argv):
    """Refreshes what the command line names."""
    options = flags.FLAGS
    refresh(names=options.models, seconds=options.seconds)


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    flags.DEFINE_list("models", [], "Measure these models alone; lines of the others stay.")
    flags.DEFINE_float("seconds", 1.0, "Seconds for each speed.")
    scripts.run(main)
