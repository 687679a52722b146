"""Proves that an artifact is whole and gives the published numbers on this machine.

    python -m export.verify FOLDER_OR_NAME [--runtime=onnxruntime|tensorflow|openvino|node|web]
    python -m export.verify --all [--matrix=FILE [--models=NAME,NAME]]

Exit code 0 only if every check agrees. The default needs NumPy and ONNX Runtime alone.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

from export import runtimes
from export.report import Report, one_line, relative_error
from trainers import scripts
from zoo import registry
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage.arrays import read_npz
from zoo.storage.protobuf import require_self_contained

RUNTIMES = tuple(runtimes.RUNTIMES)
PARTS = ("encoder", "decoder")
# Beside all rows at once, a size that does not divide them: a batch that is not dynamic fails.
SMALL_BATCH = 3
LARGEST_GOLDEN = 1 << 30  # bytes of all golden arrays; those of this zoo are a few MB


def verify(model, runtime="onnxruntime", node_modules="", rebuild=False):
    """Checks an artifact: files, graphs, names, dynamic batch, and every number of its golden file.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash.
        runtime: "tensorflow" reads the SavedModel; "onnxruntime", "openvino", "node" (under
            Node.js `onnxruntime-node`) and "web" (there `onnxruntime-web`, as WebAssembly) read
            the ONNX files.
        node_modules: The folder in which npm installed the packages of "node" and "web"; "" for
            `node_modules` here and those of NODE_PATH.
        rebuild: Whether an artifact without a SavedModel gets one from its weights for
            "tensorflow", in a temporary folder, and is no failure.

    Returns:
        A `Report`; `report.ok` says whether all agrees, `print(report)` shows the table.

    Raises:
        ValueError: If `runtime` is unknown.
        FileNotFoundError: If there is no such model.
        ImportError: If the runtime is not installed; says how to install it.
    """
    if runtime not in RUNTIMES:
        raise ValueError(
            f"`runtime` must be one of {list(RUNTIMES)}. Received: runtime={runtime!r}."
            f"{registry.nearest(runtime, RUNTIMES)}"
        )
    folder, card = catalogue.open_artifact(model)
    report = Report(card["name"], f"{runtime} {runtimes.version(runtime)}".strip(), [])
    report.remade = runtime == "tensorflow" and not card["saved_model"]
    _check_card(report, folder)
    _check_files(report, folder, card)
    try:
        golden = _golden(folder, card)
    except Exception as error:  # a broken file may fail in any way
        report.add("load", "golden file", False, one_line(error))
        return report
    with runtimes.opened(runtime, folder, card, node_modules, rebuild) as open_graph:
        for part in _parts(card):
            if runtime == "tensorflow" and not card["graphs"][part].get("signature"):
                continue
            _check_part(report, folder, card, part, golden, runtime, open_graph)
    return report


def _parts(card):
    """Returns the encoder and the decoder, and what else the card has: a flow's sampler."""
    return list(dict.fromkeys((*PARTS, *card["graphs"])))


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
    found = {path.as_posix() for path in paths if not path.name.startswith(".")}
    extra = sorted(found - set(card["files"]) - {cards.CARD})
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


def _check_part(report, folder, card, part, golden, runtime, open_graph):
    """Adds the checks of one part: graph, names, batch, numbers."""
    graph = card["graphs"][part]
    subject = f"signature {graph['signature']}" if runtime == "tensorflow" else graph["file"]
    try:
        if runtime == "onnxruntime":
            _check_graph(report, cards.read_file(folder, card, graph["file"]), graph["file"])
        run = open_graph(graph)
        report.add("load", subject, True, "loaded")
    except ImportError:  # the runtime, and not the artifact, is at fault
        raise
    except Exception as error:  # a broken file may fail in any reader, in any way
        report.add("load", subject, False, one_line(error))
        return
    if hasattr(run, "version"):  # Node.js tells it when it has started
        report.runtime = f"{runtime} {run.version}"
    if hasattr(run, "inputs"):
        _check_names(report, graph, run)
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
            _compare(report, f"{part} {key}, {where}", values[key], golden[f"{part}.{key}"])


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


def _compare(report, subject, received, expected):
    try:
        error = relative_error(received, expected)
    except ValueError as failure:
        report.add("numbers", subject, False, str(failure))
    else:
        report.add_error(subject, error)


def _check_names(report, graph, run):
    """Checks names and shapes of a graph, and that its batch is dynamic."""
    for kind in ("inputs", "outputs"):
        received, expected = getattr(run, kind), graph[kind]
        text = ", ".join(f"{key} {shape}" for key, shape in sorted(received.items()))
        agree = received.keys() == expected.keys() and all(
            _same_shape(shape, expected[key]) for key, shape in received.items()
        )
        report.add(kind, graph["file"], agree, text if agree else f"{text}, not {expected}")
    shapes = [*run.inputs.values(), *run.outputs.values()]
    fixed = [shape for shape in shapes if not any(dim in ("batch", None) for dim in shape)]
    text = f"of one size in {fixed}" if fixed else "of any size"
    report.add("batch", graph["file"], not fixed, text)


def _same_shape(received, expected):
    """Returns whether shapes agree; None stands for any name of a dynamic dimension."""
    return len(received) == len(expected) and all(
        isinstance(e, str) if r is None else r == e for r, e in zip(received, expected)
    )


def _check_graph(report, content, name):
    """Runs ONNX's checker where ONNX is installed; it is not needed to use the model."""
    try:
        import onnx
    except ImportError:
        report.add("onnx checker", name, None, "onnx is not installed")
        return

    def check():
        require_self_contained(content, name)
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        return f"opset {model.opset_import[0].version}, IR version {model.ir_version}"

    report.attempt("onnx checker", name, check)


@scripts.reported
def main(arguments=None):
    """Verifies what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("model", nargs="?", help="a released name, an artifact's folder, or a URL")
    parser.add_argument("--runtime", default="onnxruntime", help=f"one of {list(RUNTIMES)}")
    parser.add_argument("--node_modules", default="", help="where npm installed, for node and web")
    parser.add_argument("--all", action="store_true", help="every model at hand, in every runtime")
    parser.add_argument("--matrix", default="", help="with --all: the table goes to this file")
    parser.add_argument(
        "--models",
        type=lambda text: text.split(","),
        default=[],
        help="with --matrix: names, by commas, that alone are verified; its other lines stay",
    )
    options = parser.parse_args(arguments)
    matrix_alone = (options.matrix and not options.all) or (options.models and not options.matrix)
    if options.all == bool(options.model) or matrix_alone:
        parser.error("expected a model, or --all [--matrix=FILE [--models=NAME,NAME]]")
    wants_tensorflow = options.all or options.runtime == "tensorflow"
    if wants_tensorflow and importlib.util.find_spec("tensorflow"):
        scripts.start_tensorflow()
    if options.all:
        from export import matrix

        return matrix.verify_all(options.matrix, options.node_modules, options.models)
    # A model without a SavedModel is run in TensorFlow by one made from its weights.
    report = verify(options.model, options.runtime, options.node_modules, rebuild=True)
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
