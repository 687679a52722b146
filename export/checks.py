"""The checks of an artifact: its card, its files, and the numbers of its graphs in a runtime."""

from pathlib import Path

import numpy as np

from export import runtimes
from export.report import TOLERANCE, Report, one_line, relative_error
from export.runtimes.base import Artifact, Unsupported
from zoo.graph_spec import MAIN
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage.arrays import read_npz

# Checked in addition to all rows at once. It does not divide them: a fixed batch fails.
SMALL_BATCH = 3
LARGEST_GOLDEN = 1 << 30  # bytes of all golden arrays; those of this zoo are a few MB


def verify(model, runtime="onnxruntime", node_modules="", rebuild=False):
    """Checks an artifact: files, graphs, names, dynamic batch, and every number of its golden file.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash.
        runtime: A name of `export.runtimes.names()`; each reads the ONNX files or the SavedModel.
        node_modules: The folder in which npm installed the packages of runtimes under Node.js; ""
            for `node_modules` in the current folder and the folders of NODE_PATH.
        rebuild: Whether an artifact without a SavedModel gets one from its weights, in a temporary
            folder, for a runtime that reads it. Otherwise the lack is a failure.

    Returns:
        A `Report`; `report.ok` says whether all agrees, `print(report)` shows the table.

    Raises:
        ValueError: If `runtime` is unknown.
        FileNotFoundError: If there is no such model.
        ImportError: If the runtime is not installed; says how to install it.
    """
    chosen = runtimes.get(runtime)
    folder, card = catalogue.open_artifact(model)
    artifact = Artifact(folder, card, node_modules, rebuild)
    report = Report(card["name"], f"{runtime} {chosen.version()}".strip(), [])
    report.remade = chosen.remakes(card)
    _check_card(report, folder)
    _check_files(report, folder, card)
    try:
        golden = _golden(folder, card)
    except Exception as error:  # a broken file may fail in any way
        report.add("load", "golden file", False, one_line(error))
        return report
    with chosen.open(artifact) as open_graph:
        for part in _parts(card):
            for graph in chosen.forms(card["graphs"][part]):
                _check_part(report, artifact, part, graph, golden, chosen, open_graph)
    return report


def _parts(card):
    """Returns the names of the graphs: those that every model has, and the others of the card."""
    return list(dict.fromkeys((*MAIN, *card["graphs"])))


def _check_card(report, folder):
    """Adds a failure for a card that does not prove that nobody has changed it."""
    try:
        text = cards.seal_error(folder)
    except (OSError, ValueError) as error:  # it has changed since it was read
        text = one_line(error)
    if text:
        report.add("card", cards.CARD, False, text)


def _check_files(report, folder, card):
    """Adds a check for each file of the card, and one for files that it does not list."""

    def check(name):
        cards.check_file(folder, card, name)
        entry = card["files"][name]
        return f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:12]}..."

    for name in sorted(card["files"]):
        report.attempt("file", name, check, name)
    paths = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
    names = {path.as_posix() for path in paths if not path.name.startswith(".")}
    extra = sorted(names - set(card["files"]) - {cards.CARD})
    text = f"not in the card: {', '.join(extra)}" if extra else "none"
    report.add("file", "others", not extra, text)


def _golden(folder, card):
    """Returns the golden arrays; nothing is unpickled."""
    content = cards.read_file(folder, card, card["golden"]["file"])
    golden = read_npz(card["golden"]["file"], content, limit=LARGEST_GOLDEN)
    expected = {
        f"{part}.{name}"
        for part in _parts(card)
        for name in (*card["graphs"][part]["inputs"], *card["graphs"][part]["outputs"])
    }
    if set(golden) != expected:
        raise ValueError(f"expected the arrays {sorted(expected)}, received {sorted(golden)}")
    return golden


def _check_part(report, artifact, part, graph, golden, runtime, open_graph):
    """Adds the checks of one form of a part: graph, names, batch, numbers."""
    subject = runtime.subject(graph)
    try:
        runtime.examine(report, artifact, graph)
        run = open_graph(graph)
        report.add("load", subject, True, getattr(run, "detail", "loaded"))
    except ImportError:  # the runtime, and not the artifact, is at fault
        raise
    except Unsupported as reason:
        report.add("load", subject, None, one_line(reason))
        return
    except Exception as error:  # a broken file may fail in any reader, in any way
        report.add("load", subject, False, one_line(error))
        return
    if hasattr(run, "version"):  # Node.js tells it when it has started
        report.runtime = f"{runtime.name} {run.version}"
    if hasattr(run, "inputs"):
        _check_names(report, subject, graph, run)
    _check_numbers(report, subject, part, graph, golden, run)


def _check_numbers(report, subject, part, graph, golden, run):
    """Adds the comparisons of one part with the golden file, at two batch sizes."""
    try:
        inputs = {name: golden[f"{part}.{name}"] for name in graph["inputs"]}
        name, shape = next(iter(graph["inputs"].items()))
        rows = inputs[name].shape[_axis(shape)]
    except Exception as error:
        report.add("run", subject, False, one_line(error))
        return
    for size in (rows, SMALL_BATCH):
        where = f"batch {size}"
        try:
            values = _run_in_batches(run, graph, inputs, rows, size)
        except Exception as error:
            report.add("run", f"{subject}, {where}", False, one_line(error))
            continue
        for key in sorted(graph["outputs"]):
            name = f"{part} {key}, {where}"
            _compare(report, name, values[key], golden[f"{part}.{key}"], graph)


def _axis(shape):
    """Returns which dimension of a shape is the batch: the first, or the second after samples."""
    return shape.index("batch") if "batch" in shape else 0


def _run_in_batches(run, graph, inputs, rows, size):
    """Returns the outputs of all rows, name -> array, from calls with `size` rows at most."""
    blocks = []
    for start in range(0, rows, size):
        cut = {
            name: x[(slice(None),) * _axis(graph["inputs"][name]) + (slice(start, start + size),)]
            for name, x in inputs.items()
        }
        blocks.append(run(**cut))
    return {
        key: np.concatenate([block[key] for block in blocks], axis=_axis(shape))
        for key, shape in graph["outputs"].items()
    }


def _compare(report, subject, received, expected, graph):
    try:
        error = relative_error(received, expected)
    except ValueError as failure:
        report.add("numbers", subject, False, str(failure))
    else:
        report.add_error(subject, error, graph.get("tolerance", TOLERANCE))


def _check_names(report, subject, graph, run):
    """Checks names and shapes of a graph, and that its batch is dynamic."""
    for kind in ("inputs", "outputs"):
        received, expected = getattr(run, kind), graph[kind]
        text = ", ".join(f"{key} {shape}" for key, shape in sorted(received.items()))
        agree = received.keys() == expected.keys() and all(
            _same_shape(shape, expected[key]) for key, shape in received.items()
        )
        report.add(kind, subject, agree, text if agree else f"{text}, not {expected}")
    shapes = [*run.inputs.values(), *run.outputs.values()]
    fixed = [shape for shape in shapes if not any(dim in ("batch", None) for dim in shape)]
    text = f"of one size in {fixed}" if fixed else "of any size"
    report.add("batch", subject, not fixed, text)


def _same_shape(received, expected):
    """Returns whether shapes agree; None stands for any name of a dynamic dimension."""
    return len(received) == len(expected) and all(
        isinstance(e, str) if r is None else r == e for r, e in zip(received, expected)
    )
