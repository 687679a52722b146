"""Proves that an artifact is whole and gives the published numbers on this machine.

    python -m export.verify FOLDER_OR_NAME [--runtime=onnxruntime|tensorflow]

Exit code 0 only if every check agrees. The default needs NumPy and ONNX Runtime alone.
"""

import argparse
import functools
import importlib
import io
import sys
from pathlib import Path

import numpy as np

from export.report import Report, one_line, relative_error
from zoo import registry
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.runtime import Graph

RUNTIMES = ("onnxruntime", "tensorflow")
PLANNED = ("openvino", "node")
PARTS = ("encoder", "decoder")
# Beside all rows at once, a size that does not divide them: a batch that is not dynamic fails.
SMALL_BATCH = 3


def verify(model, runtime="onnxruntime"):
    """Checks an artifact: files, graphs, names, dynamic batch, and every number of its golden file.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash.
        runtime: "onnxruntime" (reads encoder.onnx and decoder.onnx) or "tensorflow" (reads the
            SavedModel).

    Returns:
        A `Report`; `report.ok` says whether all agrees, `print(report)` shows the table.

    Raises:
        ValueError: If `runtime` is unknown or not available yet.
        FileNotFoundError: If there is no such model.
        ImportError: If the runtime is not installed.
    """
    if runtime in PLANNED:
        raise ValueError(
            f"The runtime {runtime!r} is not available yet; `runtime` must be one of "
            f"{list(RUNTIMES)}. Received: runtime={runtime!r}"
        )
    if runtime not in RUNTIMES:
        raise ValueError(
            f"`runtime` must be one of {list(RUNTIMES)}. Received: runtime={runtime!r}."
            f"{registry.nearest(runtime, RUNTIMES)}"
        )
    folder = catalogue.resolve(model)
    card = cards.read_card(folder)
    report = Report(card["name"], f"{runtime} {_version(runtime)}", [])
    _check_files(report, folder, card)
    try:
        golden = _golden(folder, card)
    except Exception as error:  # a broken file may fail in any way
        report.add("load", "golden file", False, one_line(error))
        return report
    for part in _parts(card):
        _check_part(report, folder, card, part, golden, runtime)
    return report


def _parts(card):
    """Returns the encoder and the decoder, and what else the card has: a flow's sampler."""
    return list(dict.fromkeys((*PARTS, *card["graphs"])))


def _version(runtime):
    try:
        return importlib.import_module(runtime).__version__
    except ImportError as error:
        raise ImportError(f"{runtime} is needed: pip install {runtime}") from error


def _check_files(report, folder, card):
    """Adds a check for each file of the card, and one for files that it does not list."""

    def check(name):
        cards.check_file(folder, card, name)
        entry = card["files"][name]
        return f"{entry['bytes']:,} bytes, sha256 {entry['sha256'][:12]}..."

    for name in sorted(card["files"]):
        report.attempt("file", name, check, name)
    paths = (path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file())
    found = {path.as_posix() for path in paths if not path.name.startswith(".")}
    extra = sorted(found - set(card["files"]) - {cards.CARD})
    text = f"not in the card: {', '.join(extra)}" if extra else "none"
    report.add("file", "others", not extra, text)


def _golden(folder, card):
    """Returns the golden arrays; nothing is unpickled."""
    content = cards.read_file(folder, card, card["golden"]["file"])
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        golden = dict(arrays)
    expected = {
        f"{part}.{name}"
        for part in _parts(card)
        for name in (*card["graphs"][part]["inputs"], *card["graphs"][part]["outputs"])
    }
    if set(golden) != expected:
        raise ValueError(f"expected the arrays {sorted(expected)}, received {sorted(golden)}")
    return golden


def _check_part(report, folder, card, part, golden, runtime):
    """Adds the checks of one part: graph, names, batch, numbers."""
    graph = card["graphs"][part]
    subject = graph["file"] if runtime == "onnxruntime" else f"signature {graph['signature']}"
    opener = _open_onnx if runtime == "onnxruntime" else _open_saved_model
    try:
        run = opener(report, folder, card, graph)
        report.add("load", subject, True, "loaded")
    except Exception as error:  # a broken file may fail in any reader, in any way
        report.add("load", subject, False, one_line(error))
        return
    inputs = {name: golden[f"{part}.{name}"] for name in graph["inputs"]}
    rows = len(next(iter(inputs.values())))
    for size in (rows, SMALL_BATCH):
        where = f"batch {size}"
        try:
            blocks = [
                run(**{name: x[start : start + size] for name, x in inputs.items()})
                for start in range(0, rows, size)
            ]
            values = {key: np.concatenate([b[key] for b in blocks]) for key in graph["outputs"]}
        except Exception as error:
            report.add("run", f"{subject}, {where}", False, one_line(error))
            continue
        for key in sorted(graph["outputs"]):
            _compare(report, f"{part} {key}, {where}", values[key], golden[f"{part}.{key}"])


def _compare(report, subject, received, expected):
    try:
        error = relative_error(received, expected)
    except ValueError as failure:
        report.add("numbers", subject, False, str(failure))
    else:
        report.add_error(subject, error)


def _open_onnx(report, folder, card, graph):
    """Returns f(arrays by name) -> dict of arrays; checks the graph, its names and its `batch`."""
    content = cards.read_file(folder, card, graph["file"])
    _check_graph(report, content, graph["file"])
    model = Graph(content, graph["file"])
    for kind in ("inputs", "outputs"):
        received = getattr(model, kind)
        text = ", ".join(f"{key} {shape}" for key, shape in sorted(received.items()))
        agree = received == graph[kind]
        report.add(kind, graph["file"], agree, text if agree else f"{text}, not {graph[kind]}")
    dynamic = {shape[0] for shape in [*model.inputs.values(), *model.outputs.values()]}
    report.add("batch", graph["file"], dynamic == {"batch"}, f"first dimension {dynamic}")
    return model


def _check_graph(report, content, name):
    """Runs ONNX's checker where ONNX is installed; it is not needed to use the model."""
    try:
        import onnx
    except ImportError:
        report.add("onnx checker", name, None, "onnx is not installed")
        return

    def check():
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        return f"opset {model.opset_import[0].version}, IR version {model.ir_version}"

    report.attempt("onnx checker", name, check)


def _open_saved_model(report, folder, card, graph):
    """Returns f(arrays by name) -> dict of arrays; loads nothing of which a hash differs."""
    if not card["saved_model"]:
        raise ValueError("this artifact was published without a SavedModel")
    prefix = f"{card['saved_model']}/"
    for name in (f"{prefix}saved_model.pb", *card["files"]):
        if name.startswith(prefix):
            cards.check_file(folder, card, name)
    from export.saved_model import SavedModel

    model = SavedModel(Path(folder) / card["saved_model"])
    return functools.partial(model.call, graph["signature"])


def main(arguments=None):
    """Verifies what the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m export.verify",
        description="Proves that an artifact gives its numbers here.",
    )
    parser.add_argument("model", help="a released name, an artifact's folder, or a URL")
    parser.add_argument("--runtime", default="onnxruntime", help=f"one of {list(RUNTIMES)}")
    options = parser.parse_args(arguments)
    try:
        report = verify(options.model, options.runtime)
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
