"""The examples of docs/runtimes.md give the encoder's numbers; Python of the guides runs."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

import zoo
from export.runtimes import node

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / "artifacts" / "bilbo-mnist-z2"
TEXT = (ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
# The pages whose Python runs, one after the other, as a reader would type it.
PAGES = ("README.md", "docs/index.md", "docs/features.md", "docs/densities.md", "docs/parts.md")
# On these pages: what a test cannot wait for, and what commands before it would have made.
SHORTER = {
    '"/tmp/quickstart/artifact"': '"bilbo-mnist-z2"',
    "epochs=10": "epochs=1",
    "Encoder(64), zoo.GatedDeconvDecoder(64)": (
        "Encoder(64, depth=2), zoo.GatedDeconvDecoder(64, depth=2)"
    ),
    '-mnist-z8-l"]}': '-mnist-z8-l"]}, cv=2',
    "num_samples=100": "num_samples=2",
    "model.sample(16)": "model.sample(2)",
    '"model.keras"': "FILE",
}


def blocks(language, text=TEXT):
    """Returns the code blocks of a language."""
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check(printed):
    expected = zoo.load_encoder(FOLDER).features(np.zeros((28, 28), "float32"))[0]
    found = [float(number) for number in printed.split()]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def run(*command, **environment):
    options = {"capture_output": True, "text": True, "env": {**os.environ, **environment}}
    out = subprocess.run([str(part) for part in command], **options, check=False)
    assert out.returncode == 0, out.stderr
    return out.stdout


@pytest.mark.parametrize("number", [0, 1])
def test_python(number, capsys):
    code = blocks("python")[number]
    if "openvino" in code:
        pytest.importorskip("openvino")
    exec(code, {"FOLDER": FOLDER})
    check(capsys.readouterr().out)


def test_python_of_the_readme_and_the_guides(tmp_path, rng):
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES]
    code = "".join(block for text in texts for block in blocks("python", text))
    for old, new in SHORTER.items():
        assert old in code
        code = code.replace(old, new)
    images = rng.random((6, 28, 28, 1), np.float32)
    known = {"images": images, "labels": np.array([0, 1] * 3), "FILE": str(tmp_path / "m.keras")}
    exec(code, known)
    assert (
        known["z"].shape == (6, 8)
        and known["block"].shape == (6, 8)
        and known["search"].best_score_ >= 0
    )
    assert (tmp_path / "m.keras").is_file()
    model = zoo.VAE(known["MyEncoder"](2), zoo.MLPDecoder(2))
    assert model.encode(images)["loc"].shape == (6, 2)


def test_node(tmp_path):
    content = (FOLDER / "encoder.onnx").read_bytes()
    try:
        node.NodeGraph(content, "onnxruntime-node").close()
    except ImportError as error:
        pytest.skip(str(error))
    (tmp_path / "encode.cjs").write_text(blocks("js")[0])
    search = node._search_path("")
    check(run("node", tmp_path / "encode.cjs", FOLDER, NODE_PATH=search))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["cpp", "c++"])
def test_cpp(tmp_path, language):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    if language == "cpp":
        folder = pathlib.Path(pytest.importorskip("openvino").__path__[0])
        paths = folder / "include", folder / "libs", "libopenvino.so.*"
    else:
        if "ONNXRUNTIME_HOME" not in os.environ:
            pytest.skip("ONNXRUNTIME_HOME, a release archive of ONNX Runtime, is not set")
        folder = pathlib.Path(os.environ["ONNXRUNTIME_HOME"])
        paths = folder / "include", folder / "lib", "libonnxruntime.so"
    headers, libraries, name = paths
    (tmp_path / "encode.cpp").write_text(blocks(language)[0])
    flags = "-std=c++17", f"-I{headers}", *libraries.glob(name), f"-Wl,-rpath,{libraries}"
    run("g++", tmp_path / "encode.cpp", *flags, "-o", tmp_path / "encode")
    check(run(tmp_path / "encode", FOLDER))


@pytest.mark.slow
def test_csharp(tmp_path):
    if "ONNXRUNTIME_CSHARP" not in os.environ or shutil.which("dotnet") is None:
        pytest.skip("dotnet or ONNXRUNTIME_CSHARP, its assembly and library, is absent")
    folder = pathlib.Path(os.environ["ONNXRUNTIME_CSHARP"])
    binding = folder / "Microsoft.ML.OnnxRuntime.dll"
    sdks = pathlib.Path(shutil.which("dotnet")).resolve().parent
    compiler = sorted(sdks.glob("sdk/*/Roslyn/bincore/csc.dll"))[-1]
    runtime = sorted(sdks.glob("packs/Microsoft.NETCore.App.Ref/*/ref/*"))[-1]
    (tmp_path / "encode.cs").write_text(blocks("csharp")[0])
    references = [f"-r:{one}" for one in (*runtime.glob("*.dll"), binding)]
    sources = "-nologo", f"-out:{tmp_path / 'encode.dll'}", tmp_path / "encode.cs"
    run("dotnet", compiler, *references, *sources)
    for file in (binding, folder / "libonnxruntime.so"):
        shutil.copy(file, tmp_path)
    framework = {"name": "Microsoft.NETCore.App", "version": f"{runtime.name[-3:]}.0"}
    settings = json.dumps({"runtimeOptions": {"framework": framework}})
    (tmp_path / "encode.runtimeconfig.json").write_text(settings)
    check(run("dotnet", tmp_path / "encode.dll", FOLDER))
