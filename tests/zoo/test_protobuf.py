"""A graph that refers to another file is refused by everything that opens one.

The runtimes themselves are not asked: the check reads bytes, whatever their versions.
"""

import light_artifact
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import zoo
from export import quantize, runtimes, verify
from export.explorer import build
from zoo.light.graph import FOLDER_OPTION, Graph
from zoo.storage.protobuf import require_self_contained

pytestmark = pytest.mark.faults("hostile files")


def external(name="w", shape=(4,)):
    """A tensor whose numbers are in the file `numbers.bin` of the working directory."""
    tensor = onnx.TensorProto(name=name, data_type=1, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="numbers.bin")
    return tensor


def info(name):
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 4])


def graph(nodes, tensors=(), sparse=()):
    return helper.make_graph(
        nodes, "g", [info("x")], [info("y")], list(tensors), sparse_initializer=list(sparse)
    )


def model(g, **options):
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(g, opset_imports=opset, ir_version=8, **options)


ADD = helper.make_node("Add", ["x", "w"], ["y"])


def initializer():
    return model(graph([ADD], [external()]))


def data_without_its_location():
    made = model(graph([ADD], [external()]))
    made.graph.initializer[0].data_location = onnx.TensorProto.DEFAULT
    return made


def constant():
    return model(graph([helper.make_node("Constant", [], ["w"], value=external()), ADD]))


def branch():
    inner = helper.make_graph([ADD], "inner", [], [info("y")], [external()])
    return model(graph([helper.make_node("If", ["c"], ["y"], then_branch=inner)]))


def list_of_tensors():
    node = helper.make_node("Other", ["x"], ["y"])
    node.attribute.append(helper.make_attribute("values", [external()]))
    return model(graph([node]))


def sparse_values():
    sparse = onnx.SparseTensorProto(values=external(), dims=[4])
    sparse.indices.CopyFrom(numpy_helper.from_array(np.arange(4), "w"))
    return model(graph([ADD], sparse=[sparse]))


def function():
    nodes = [helper.make_node("Constant", [], ["w"], value=external()), ADD]
    opset = [helper.make_opsetid("", 18)]
    made = helper.make_function("local", "F", ["x"], ["y"], nodes, opset)
    call = helper.make_node("F", ["x"], ["y"], domain="local")
    return model(graph([call]), functions=[made])


def training():
    made = model(graph([helper.make_node("Identity", ["x"], ["y"])]))
    made.training_info.add().algorithm.CopyFrom(graph([ADD], [external()]))
    return made


PLACES = [
    *(initializer, data_without_its_location, constant, branch, list_of_tensors, sparse_values),
    *(function, training),
]


@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_external_data_is_found_wherever_it_is(make):
    content = make().SerializeToString()
    for read in (require_self_contained, Graph):
        with pytest.raises(ValueError, match="refers to another file .external data."):
            read(content, "encoder.onnx")


def test_a_location_that_parsers_cut_to_32_bits_is_found():
    content = data_without_its_location()
    del content.graph.initializer[0].external_data[:]
    tensor = content.graph.initializer[0].SerializeToString()
    assert tensor.endswith(b"\x70\x00")  # data_location: DEFAULT
    hidden = tensor[:-1] + b"\x81\x80\x80\x80\x10"  # 2^32 + 1
    assert onnx.TensorProto.FromString(hidden).data_location == onnx.TensorProto.EXTERNAL
    content.graph.ClearField("initializer")
    whole = content.SerializeToString() + _field(7, _field(5, hidden))
    assert len(onnx.load_model_from_string(whole).graph.initializer) == 1
    with pytest.raises(ValueError, match="refers to another file"):
        require_self_contained(whole, "encoder.onnx")


def _field(number, content):
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "a file without a graph"),
        (b"\x00\x00", "a field that no message has"),
        (b"\x08", "a number that does not end"),
        (b"\x08" + b"\xff" * 11, "a number that does not end"),
        (b"\x3a\x05\x08", "a field that no message has"),
        (b"\x0b", "a field of the wire type 3"),
        (b"\x08\x00\x00\x00ORTM", "a file of another format"),
        (b"\x08\x00\x00\x00TFL3", "a file of another format"),
    ],
)
def test_what_is_no_onnx_file_is_refused(content, text):
    with pytest.raises(ValueError, match=f"Expected an ONNX graph in e.onnx. Received: {text}"):
        require_self_contained(content, "e.onnx")


def test_graphs_within_graphs_end():
    content = b""
    for _ in range(150):  # node 1 > attribute 5 > graph 6
        if len(content) > 2**14:
            break
        for number in (6, 5, 1):
            content = bytes([number << 3 | 2]) + _size(len(content)) + content
    content = bytes([7 << 3 | 2]) + _size(len(content)) + content
    with pytest.raises(ValueError, match="messages nested deeper than 100"):
        require_self_contained(content, "e.onnx")


def _size(number):
    digits = []
    while number >= 128:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


@pytest.mark.parametrize("name", [b"image", b"MatMul"])  # of an input; of an operation
def test_names_that_are_no_text_are_refused_and_nothing_is_printed(tmp_path, capsys, name):
    content = (light_artifact.make(tmp_path) / "encoder.onnx").read_bytes()
    with pytest.raises(ValueError, match="Expected an ONNX graph in e.onnx. Received: .*utf-8"):
        Graph(content.replace(name, name[:-1] + b"\xff"), "e.onnx")
    assert capsys.readouterr() == ("", "")


def test_onnx_runtime_looks_for_files_in_an_empty_folder_alone(tmp_path, monkeypatch):
    """The second wall, without the first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.bin").write_bytes(np.ones(4, "f4").tobytes())
    monkeypatch.setattr("zoo.light.graph.require_self_contained", lambda content, name: content)
    content = constant().SerializeToString()
    with pytest.raises(ValueError, match="Expected an ONNX graph in e.onnx"):
        Graph(content, "e.onnx")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(FOLDER_OPTION, str(tmp_path))
    session = onnxruntime.InferenceSession(
        initializer().SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.zeros((1, 4), "f4")})[0].tolist() == [[1.0] * 4]


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """An artifact whose encoder reads a file of the working directory, which is there."""
    artifact = light_artifact.make(tmp_path, golden={"file": "golden.npz"})
    arrays = {
        name: np.zeros((1, *shape), "f4")
        for name, shape in (
            *(("encoder.image", (8, 6, 1)), ("encoder.loc", (3,)), ("encoder.scale", (3,))),
            *(("decoder.z", (3,)), ("decoder.mean", (8, 6, 1))),
        )
    }
    np.savez(artifact / "golden.npz", **arrays)
    for part in ("encoder", "decoder"):
        path = artifact / f"{part}.onnx"
        loaded = onnx.load(path)
        i = next(i for i, t in enumerate(loaded.graph.initializer) if t.name == "w")
        shape = tuple(loaded.graph.initializer[i].dims)
        loaded.graph.initializer[i].CopyFrom(external(shape=shape))
        path.write_bytes(loaded.SerializeToString())
    light_artifact.write_card(artifact)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.bin").write_bytes(np.zeros(48 * 3, "f4").tobytes())
    return artifact


def test_every_place_that_opens_a_graph_refuses(hostile, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((4, 8, 6, 1), "f4"))
    opens = [
        lambda: zoo.load_encoder(hostile),
        lambda: zoo.load_decoder(hostile),
        lambda: zoo.FeatureExtractor(hostile).fit(np.zeros((4, 8, 6, 1), "f4")),
        lambda: build.build([hostile], tmp_path / "page", tmp_path / "images.npy"),
        lambda: quantize.read(hostile, tmp_path / "images.npy"),
    ]
    for opened in opens:
        with pytest.raises(ValueError, match="to hold all its numbers itself. Received: a tensor"):
            opened()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "node", "web"])
def test_no_runtime_is_given_it(hostile, runtime, monkeypatch):
    """The check comes before the runtime, so that none of them has to be installed here."""
    monkeypatch.setattr(runtimes.get(runtime), "version", lambda: "")
    report = verify.verify(hostile, runtime)
    failed = [check for check in report.checks if check.ok is False]
    assert {check.subject for check in failed} == {"encoder.onnx", "decoder.onnx"}
    assert all("refers to another file" in check.detail for check in failed)


@pytest.mark.faults("whole files and answers, which pass")
def test_released_graphs_pass():
    folder = zoo.releases.resolve("infovae-mnist-mmd")
    for path in folder.glob("*.onnx"):
        content = path.read_bytes()
        assert require_self_contained(content, path.name) == content
