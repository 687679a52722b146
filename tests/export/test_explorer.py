"""`export.explorer`: the page is whole, offline, escaped, and never costs what was there before."""

import io
import json
import re
import shutil
import subprocess
import tarfile

import numpy as np
import pytest

from export.explorer import __main__, build, stored, vendor
from zoo.light import runtime
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage import files

MODEL = "bilbo-mnist-z2"
AUTOREGRESSIVE = "infovae-mnist-pixelcnn-z5"
MANY = "broken-elbo-mnist"


@pytest.fixture
def ort(tmp_path):
    """A stand-in for onnxruntime-web: three files of its names."""
    folder = tmp_path / "ort"
    folder.mkdir()
    for name in vendor.FILES:
        (folder / name).write_text(f"stand-in for {name}")
    return folder


@pytest.fixture
def artifact(tmp_path):
    """A copy of a released artifact, whose card may be changed."""
    return shutil.copytree(catalogue.resolve(MODEL), tmp_path / "artifact")


def change(artifact, **entries):
    card = files.read_json(artifact / "card.json")
    cards.write_card(artifact, {**card, **entries})
    return artifact


def manifest(page):
    return files.read_json(page.parent / build.MANIFEST)


def test_the_page_holds_all_it_needs(tmp_path, ort):
    page = build.build([MODEL], tmp_path / "page", ort=ort)
    root, folder = page.parent, catalogue.resolve(MODEL)
    for name in vendor.FILES:
        assert (root / "ort" / name).read_text() == f"stand-in for {name}"
    for part in ("encoder", "decoder"):
        graph = root / "models" / "0" / f"{part}.onnx"
        assert graph.read_bytes() == (folder / f"{part}.onnx").read_bytes()
    entry = manifest(page)["models"][0]
    shape = (entry["images"]["count"], *entry["image_shape"])
    images = np.fromfile(root / "models/0/images.bin", np.uint8).reshape(shape)
    codes = np.fromfile(root / "models/0/codes.bin", "<f4").reshape(len(images), 2)
    np.testing.assert_array_equal(codes, runtime.load_encoder(MODEL).features(images))
    assert np.all(codes >= entry["low"]) and np.all(codes <= entry["high"])
    assert entry["prior"] == {"family": "standard_normal", "scale": [1.0, 1.0], "noise": None}
    assert sorted(entry["order"]) == [0, 1]


def test_every_file_that_the_page_names_is_in_it(tmp_path, ort):
    root = build.build([MODEL], tmp_path / "page", ort=ort).parent
    scripts = [*root.glob("*.js"), root / "index.html"]
    named = {
        name
        for script in scripts
        for name in re.findall(r"""(?:from|src=|href=|URL\()\s*"([^"]+)\"""", script.read_text())
    }
    assert {"main.js", "style.css", "./worker.js", "./ort/ort.wasm.min.mjs"} <= named
    assert all((root / name).exists() for name in named)
    text = "".join(path.read_text() for path in root.glob("*.*"))
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


def test_text_of_a_card_is_escaped(tmp_path, ort, artifact):
    change(artifact, name='</title><script>alert("&")</script>')
    page = build.build([artifact], tmp_path / "page", ort=ort)
    assert "<script>alert" not in page.read_text()
    assert "&lt;/title&gt;&lt;script&gt;alert(&quot;&amp;&quot;)" in page.read_text()
    # Elsewhere the name reaches the page as text: no script builds HTML from strings.
    scripts = "".join(path.read_text() for path in page.parent.glob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)


def test_two_models_side_by_side(tmp_path, ort, artifact):
    change(artifact, prior={"family": "diagonal_normal", "scale": [0.5, 4.0]})
    page = build.build([MODEL, artifact], tmp_path / "page", ort=ort)
    first, second = manifest(page)["models"]
    assert (first["folder"], second["folder"]) == ("models/0", "models/1")
    assert second["prior"]["scale"] == [0.5, 4.0]
    assert second["high"][1] == 12.0 and first["high"][1] < 12.0
    with pytest.raises(ValueError, match="one or two models"):
        build.build([MODEL] * 3, tmp_path / "three", ort=ort)


def test_a_prior_without_scales_is_left_to_python(tmp_path, ort, artifact):
    change(artifact, prior={"family": "vamp"})
    entry = manifest(build.build([artifact], tmp_path / "page", ort=ort))["models"][0]
    assert entry["prior"] == {"family": "vamp", "scale": None, "noise": None}
    assert entry["low"][0] < entry["high"][0]


def test_the_plane_reaches_as_far_as_a_learned_prior_draws():
    codes = np.array([[1.0, 2.0], [1.5, 3.0]])
    draws = np.array([[-4.0, 2.5], [7.0, 2.6]])
    low, high = stored.ranges({"prior": {"family": "vamp"}, "latent_dim": 2}, codes, draws)
    assert low[0] < -4 and high[0] > 7 and low[1] < 0 < 3 < high[1]


def test_given_images_are_taken_evenly_with_their_labels(tmp_path, rng):
    images = rng.integers(0, 256, (1000, 28, 28), np.uint8)
    np.savez(tmp_path / "given.npz", images=images, labels=np.arange(1000))
    kept = stored.from_path(tmp_path / "given.npz", (28, 28, 1), limit=4)
    assert kept.labels == [0, 333, 666, 999]
    np.testing.assert_array_equal(kept.images[..., 0], images[[0, 333, 666, 999]])
    assert kept.source == "4 of 1000 given images"
    np.savez(tmp_path / "bad.npz", images=images, labels=np.arange(999))
    with pytest.raises(ValueError, match="`labels` as 1000 ints"):
        stored.from_path(tmp_path / "bad.npz", (28, 28, 1))


def test_a_path_from_home_and_random_golden_images(tmp_path, rng, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    images = rng.integers(0, 256, (3, 28, 28), np.uint8)
    np.savez(tmp_path / "given.npz", images=images, labels=np.arange(3))
    assert stored.from_path("~/given.npz", (28, 28, 1)).labels == [0, 1, 2]
    folder = catalogue.resolve(MANY)
    card = cards.read_card(folder)
    card["data"]["golden"] = "random (the data was not at hand), then all 0 and all 1"
    assert "random images (its data was not at hand)" in stored.from_golden(folder, card).source


def test_the_golden_file_gives_its_real_images_alone():
    folder = catalogue.resolve(MANY)
    kept = stored.from_golden(folder, cards.read_card(folder))
    assert kept.images.shape == (8, 28, 28, 1) and set(np.unique(kept.images)) == {0, 255}


def test_the_most_active_dimension_comes_first():
    card = cards.read_card(catalogue.resolve(MANY))
    order = stored.activity_order(card, np.zeros((3, 64), np.float32))
    variances = card["metrics"]["active_units"]["variances"]
    assert sorted(order) == list(range(64)) and order[0] == int(np.argmax(variances))
    del card["metrics"]["active_units"]
    codes = np.zeros((3, 64), np.float32)
    codes[0, 5], codes[0, 40] = 2.0, 1.0
    assert stored.activity_order(card, codes)[:2] == [5, 40]


def test_an_autoregressive_decoder_is_drawn_by_its_sampler(tmp_path, ort):
    page = build.build([MODEL, AUTOREGRESSIVE], tmp_path / "page", ort=ort)
    assert [entry["draws"] for entry in manifest(page)["models"]] == [False, True]
    graph = page.parent / "models" / "1" / "decoder.onnx"
    sampler = catalogue.resolve(AUTOREGRESSIVE) / "sampler.onnx"
    assert graph.read_bytes() == sampler.read_bytes()


def test_an_autoregressive_decoder_without_a_sampler_is_refused(tmp_path, ort):
    artifact = shutil.copytree(catalogue.resolve(AUTOREGRESSIVE), tmp_path / "artifact")
    graphs = files.read_json(artifact / "card.json")["graphs"]
    del graphs["sampler"]
    change(artifact, graphs=graphs)
    with pytest.raises(ValueError, match="is autoregressive"):
        build.build([artifact], tmp_path / "page", ort=ort)
    assert not (tmp_path / "page").exists()


def test_only_a_page_is_replaced_and_only_by_a_whole_one(tmp_path, ort, artifact):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="an earlier page"):
        build.build([MODEL], other, ort=ort)
    assert (other / "thesis.tex").read_text() == "years of work"
    page = build.build([MODEL], tmp_path / "page", ort=ort)
    (artifact / "decoder.onnx").write_bytes(b"changed")
    with pytest.raises(ValueError, match="not the file that was published"):
        build.build([artifact], page.parent, ort=ort)
    assert manifest(page)["models"][0]["name"] == MODEL
    build.build([MODEL, MODEL], page.parent, ort=ort)
    assert len(manifest(page)["models"]) == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    (page.parent / "CNAME").write_text("me.example.org")
    with pytest.raises(FileExistsError, match=r"nothing else.*with \['CNAME'\]"):
        build.build([MODEL], page.parent, ort=ort)
    assert (page.parent / "CNAME").read_text() == "me.example.org"


def test_onnxruntime_web_is_found_in_a_package(tmp_path, ort):
    package = tmp_path / "app" / "node_modules" / "onnxruntime-web"
    shutil.copytree(ort, package / "dist")
    (package / "package.json").write_text('{"name": "onnxruntime-web", "version": "9.8.7"}')
    for folder in (package, package / "dist", tmp_path / "app"):
        assert vendor.onnxruntime_web(folder) == (package / "dist", "9.8.7")
    (package / "dist" / vendor.FILES[1]).unlink()
    with pytest.raises(FileNotFoundError, match=f"(?s)lacks.*{vendor.FILES[1]}"):
        vendor.onnxruntime_web(package / "dist")


def stand_in_npm(folder, archive=None):
    """Writes an `npm` that gives an archive, or fails as it does without a network."""
    npm = folder / "npm"
    give = f"cp '{archive}' ." if archive else "echo 'npm error ENOTFOUND registry' >&2; exit 1"
    npm.write_text(f"#!/bin/sh\n{give}\n")
    npm.chmod(0o755)
    return npm


def test_onnxruntime_web_through_npm(tmp_path, ort, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(vendor.shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="install npm .* or give an unpacked copy"):
        vendor.onnxruntime_web()
    monkeypatch.setattr(vendor.shutil, "which", lambda name: str(stand_in_npm(tmp_path)))
    with pytest.raises(ConnectionError, match="(?s)--ort=FOLDER.*ENOTFOUND"):
        vendor.onnxruntime_web()
    archive = tmp_path / "onnxruntime-web.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in vendor.FILES:
            content = (ort / name).read_bytes()
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(vendor.shutil, "which", lambda name: str(stand_in_npm(tmp_path, archive)))
    with pytest.raises(ValueError, match="than was published"):
        vendor.onnxruntime_web()
    assert not any(path.suffix == ".wasm" for path in (tmp_path / "cache").rglob("*"))
    monkeypatch.setattr(vendor, "SHA256", files.sha256(archive))
    hashes = {name: files.sha256(ort / name) for name in vendor.FILES}
    monkeypatch.setattr(vendor, "HASHES", hashes)
    folder, version = vendor.onnxruntime_web()
    assert version == vendor.VERSION
    assert {path.name for path in folder.iterdir()} == set(vendor.FILES)
    (folder / vendor.FILES[0]).write_text("changed in the cache")
    assert vendor.onnxruntime_web() == (folder, version)  # fetched again
    assert {name: files.sha256(folder / name) for name in vendor.FILES} == hashes
    monkeypatch.setattr(vendor.shutil, "which", lambda name: None)
    assert vendor.onnxruntime_web() == (folder, version)  # cached: npm is needed once


def test_the_command(tmp_path, ort, capsys):
    out = tmp_path / "page"
    assert __main__.main([MODEL, f"--out={out}", f"--ort={ort}"]) == 0
    assert str(out / "index.html") in capsys.readouterr().out
    assert __main__.main(["no-such-model", f"--out={out}", f"--ort={ort}"]) == 1
    assert "error: Expected a model's name" in capsys.readouterr().err
    assert __main__.main([MODEL, f"--out={tmp_path / 'b'}", f"--ort={tmp_path}"]) == 1
    assert "onnxruntime-web" in capsys.readouterr().err


def node(script):
    """Runs a module in Node.js beside the page's scripts and returns what it prints as JSON."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("needs Node.js")
    command = [path, "--input-type=module", "--eval", script]
    done = subprocess.run(command, cwd=build.PAGE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_page_prepares_images_as_python_does(rng):
    image = rng.random((4, 3, 1), np.float32)
    for card in ({"binarise": None}, {"binarise": "threshold 0.5", "multiply": 2.5}):
        given = {"shape": [4, 3, 1], "values": image.ravel().tolist()}
        received = node(
            'import { prepare } from "./pixels.js";'
            f"const x = prepare({json.dumps(given)}, {json.dumps(card)});"
            "console.log(JSON.stringify(Array.from(x)));"
        )
        expected = runtime.prepare_images(image, {"scale": "uint8/255", **card})
        np.testing.assert_allclose(received, expected.ravel(), rtol=1e-6)


def test_the_page_averages_areas_and_mixes_grey_as_the_trainers_do():
    received = node(
        'import { fit } from "./pixels.js";'
        "const picture = {shape: [2, 4, 3], values: Array.from({length: 24}, (_, i) => i / 24)};"
        "console.log(JSON.stringify(Array.from(fit(picture, [1, 2, 1]).values)));"
    )
    colours = (np.arange(24) / 24).reshape(2, 2, 2, 3).mean(axis=(0, 2))
    np.testing.assert_allclose(received, colours @ [0.299, 0.587, 0.114], rtol=1e-6)


def test_the_page_draws_from_the_priors():
    n, scale = 20000, [0.5, 2.0]
    received = node(
        'import { drawPrior, uniform } from "./random.js";'
        "const draw = (family, scale) => { const z = drawPrior({family, scale}, 20000, uniform(3));"
        " return z && Array.from(z); };"
        "console.log(JSON.stringify([draw('diagonal_normal', [0.5, 2]), draw('logistic', [1, 2]),"
        " draw('vamp', null)]));"
    )
    normal, logistic = (np.reshape(z, (n, 2)) for z in received[:2])
    # The deviation of n draws has a standard error of about s / sqrt(2 n), 0.5 %; of logistic
    # draws, with a kurtosis of 4.2, 0.63 %. The seed is fixed; five errors are 2.5 and 3.2 %.
    np.testing.assert_allclose(normal.std(axis=0), scale, rtol=0.025)
    np.testing.assert_allclose(
        logistic.std(axis=0), np.pi / np.sqrt(3) * np.array([1, 2]), rtol=0.032
    )
    assert np.all(np.abs(normal.mean(axis=0)) < 5 * np.array(scale) / np.sqrt(n))
    assert received[2] is None
