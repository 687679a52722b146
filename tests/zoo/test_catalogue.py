"""The catalogue: filters, a table, what a wheel holds, names that lie elsewhere, the hub."""

import email.message
import io
import shutil
import subprocess
import sys
import types
import urllib.error
from pathlib import Path

import light_artifact
import numpy as np
import pytest

import zoo
from zoo import releases
from zoo.releases import catalogue, https, shipping
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """Three named artifacts of different papers, data and sizes."""
    folder = tmp_path / "artifacts"
    fraction = {"value": 0.572, "stderr": 0.005, "unit": "fraction"}
    light_artifact.make(folder, "a", latent_dim=2, metrics={"linear_probe": fraction})
    light_artifact.make(folder, "b", latent_dim=5, paper="vimae", data={"name": "omniglot"})
    light_artifact.make(folder, "c", latent_dim=9, paper=None)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(folder))
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ELBO_ZOO_MIRROR", raising=False)
    return folder


def names(**filters):
    return [row["name"] for row in zoo.list_models(**filters)]


def features(model):
    return zoo.load_encoder(model).features(np.zeros((2, 8, 6), np.uint8)).shape


def test_filters_by_paper_data_and_latents(artifacts):
    assert names() == ["a", "b", "c"]
    assert names(paper="vimae") == names(data="omniglot") == ["b"]
    assert names(latent_dim=9) == ["c"] and names(latent_dim=(2, 5)) == ["a", "b"]
    assert names(latent_dim=(3, 8), paper="bilbo") == []
    for wrong in ((5, 2), "2", (1, 2, 3)):
        with pytest.raises(ValueError, match=r"an int or a pair.*Received: latent_dim="):
            zoo.list_models(latent_dim=wrong)


def test_names_papers_and_data_take_wildcards_and_lists(artifacts):
    light_artifact.make(artifacts, "vimae-mnist-z8", paper="vimae", data={"name": "mnist"})
    light_artifact.make(artifacts, "vimae-cifar10", paper="vimae", data={"name": "binarized_mnist"})
    assert names(name="vimae-mnist-z8") == ["vimae-mnist-z8"]
    assert names(name="vimae*") == ["vimae-cifar10", "vimae-mnist-z8"]
    assert names(name=["[ac]", "*mnist*"]) == ["a", "c", "vimae-mnist-z8"]
    assert names(data="*mnist") == ["a", "c", "vimae-cifar10", "vimae-mnist-z8"]
    assert names(paper=["vim*", "bilbo"], latent_dim=(3, 9)) == [
        *("b", "vimae-cifar10", "vimae-mnist-z8")
    ]
    # The first argument was the paper.
    assert [row["name"] for row in zoo.list_models("vimae")] == names(paper="vimae")
    assert [row["name"] for row in zoo.list_models("vimae*")] == names(name="vimae*")


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"data": "mnst"}, r"`data` to be one of \['mnist', 'omniglot'\].*'mnst'.*\"mnist\""),
        ({"paper": "vimea"}, "`paper` to be one of .*Received: paper='vimea'. .*\"vimae\""),
        ({"paper": "vimea*"}, "Received: paper='vimea\\*'. Did you mean \"vimae\""),
        ({"name": "light-tow"}, "Received: name='light-tow'. Did you mean \"light-two\""),
        ({"name": "lihgt*"}, "Received: name='lihgt\\*'. Did you mean \"light\""),
        ({"name": ["a", "xxxxxx*"]}, "Received: name='xxxxxx\\*'.$"),
    ],
)
def test_a_filter_that_nothing_can_pass_is_refused(artifacts, filters, text):
    light_artifact.make(artifacts, "light-two")
    with pytest.raises(ValueError, match=text):
        zoo.list_models(**filters)


def test_filters_that_are_no_strings_are_refused(artifacts):
    with pytest.raises(TypeError, match="a string or a list of strings. Received: data=3"):
        zoo.list_models(data=3)


def test_an_empty_catalogue_has_no_names_to_know(tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "absent"))
    assert names(data="mnist", name="vimae*") == []


def test_a_list_prints_as_a_table(artifacts):
    text = str(zoo.list_models())
    lines = text.splitlines()
    assert lines[0].split() == [
        *("name", "paper", "data", "images", "latents", "MB", "NLL,", "nats", "linear")
    ]
    assert lines[2].split()[:6] == ["a", "bilbo", "mnist", "8x6x1", "2", "0.0"]
    assert lines[2].split()[6:] == ["-", "0.5720", "+-", "0.0050"]
    assert lines[3].split()[6:] == ["31.25", "+-", "0.50", "-"]
    assert lines[4].split()[:2] == ["c", "-"]
    assert repr(zoo.list_models()) == text
    assert str(zoo.list_models(latent_dim=77)) == "no models"


# Wheels.


@pytest.fixture
def shipped(artifacts, tmp_path, monkeypatch):
    """What a wheel holds whose example is `a`."""
    monkeypatch.setattr(shipping, "EXAMPLE", "a")
    out = tmp_path / "site" / "zoo" / "artifacts"
    (out / "old").mkdir(parents=True)
    written = shipping.ship(artifacts, out)
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == set(written) and "index.json" in found and "a/encoder.onnx" in found
    assert not any(name.startswith(("b/", "c/", "old")) for name in found)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(out))
    return out


def test_the_example_is_a_small_released_model_of_the_readme():
    model = {row["name"]: row for row in zoo.list_models()}[shipping.EXAMPLE]
    assert model["bytes"] < 1_200_000
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'load_encoder("{shipping.EXAMPLE}")' in text


def test_an_installed_wheel_lists_all_and_loads_what_it_holds(shipped):
    assert names() == ["a", "b", "c"] and names(latent_dim=9) == ["c"]
    assert [row["folder"] is None for row in zoo.list_models()] == [False, True, True]
    assert zoo.list_models()[2]["image_shape"] == (8, 6, 1)
    assert features("a") == (2, 2)


def test_a_model_that_a_wheel_lacks_comes_from_a_folder(shipped, artifacts, monkeypatch):
    text = "not part of this installation: install elbo-zoo-models, set ELBO_ZOO.*Received: 'c'"
    with pytest.raises(FileNotFoundError, match=text):
        features("c")
    monkeypatch.setenv("ELBO_ZOO_MIRROR", f"{artifacts}/")
    assert features("c") == (2, 9)
    light_artifact.write_card(artifacts / "c", {**releases.read_card(artifacts / "c"), "name": "d"})
    with pytest.raises(ValueError, match="c/card.json is not the card that was published"):
        features("c")


def test_a_model_that_a_wheel_lacks_comes_from_distributions(
    shipped, artifacts, tmp_path, monkeypatch
):
    for name in ("b", "c"):  # two distributions in two folders of Python's path
        shipping.copy(artifacts, [name], tmp_path / f"site-{name}" / shipping.MODELS)
        monkeypatch.syspath_prepend(tmp_path / f"site-{name}")
    assert features("c") == (2, 9) and names() == ["a", "b", "c"]
    assert zoo.list_models()[1]["folder"] == str(tmp_path / "site-b" / shipping.MODELS / "b")
    # A clone has all models and looks nowhere else.
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(artifacts))
    assert [row["folder"] for row in zoo.list_models()] == [str(artifacts / n) for n in "abc"]
    shutil.rmtree(artifacts / "b")
    assert names() == ["a", "c"]


def test_nothing_damaged_ships(artifacts, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "EXAMPLE", "b")
    path = artifacts / "b" / "encoder.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="encoder.onnx is not the file that was published"):
        shipping.ship(artifacts, tmp_path / "out")


def test_inside_the_package_comes_before_beside_it(monkeypatch, tmp_path):
    monkeypatch.delenv("ELBO_ZOO_ARTIFACTS", raising=False)
    assert catalogue.artifacts_folder() == ROOT / "artifacts"
    place = tmp_path / "zoo" / "releases" / "catalogue.py"
    monkeypatch.setattr(catalogue, "__file__", str(place))
    assert catalogue.artifacts_folder() == tmp_path / "artifacts"
    (tmp_path / "zoo" / "artifacts").mkdir(parents=True)
    (tmp_path / "zoo" / "artifacts" / "index.json").write_text("{}")
    assert catalogue.artifacts_folder() == tmp_path / "zoo" / "artifacts"


def test_a_source_distribution_holds_the_example_and_all_cards(tmp_path):
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    (listed,) = tmp_path.glob("*.egg-info/SOURCES.txt")
    names = set(listed.read_text().splitlines())
    cards = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("artifacts/*/card.json")}
    assert cards and cards < names
    example = {p.relative_to(ROOT).as_posix() for p in ROOT.glob(f"artifacts/{shipping.EXAMPLE}/*")}
    assert {name for name in names if name.startswith("artifacts/")} == cards | example
    assert {"export/runtimes/node.cjs", "export/explorer/page/index.html", "README.md"} <= names


# Folders and addresses.


def test_a_folder_with_the_hash_of_its_card(artifacts):
    digest = files.sha256(artifacts / "a" / "card.json")
    assert releases.resolve(f"{artifacts}/a#sha256={digest.upper()}") == artifacts / "a"
    with pytest.raises(ValueError, match=f"Expected: sha256={'0' * 64}. Received: sha256={digest}"):
        releases.resolve(f"{artifacts}/a#sha256={'0' * 64}")


@pytest.fixture
def served(artifacts, monkeypatch):
    """https answers with the files of `artifacts`; returns the list of what was asked for."""
    asked = []

    def opened(url):
        asked.append(url)
        path = artifacts / url.removeprefix("https://example.org/")
        if not path.is_file():
            raise urllib.error.HTTPError(url, 404, "Not Found", email.message.Message(), None)
        return io.BytesIO(path.read_bytes())

    monkeypatch.setattr(https, "open_url", opened)
    return asked


def address(artifacts, name="a"):
    return f"https://example.org/{name}/#sha256={files.sha256(artifacts / name / 'card.json')}"


def test_a_folder_at_an_address_is_fetched_once(artifacts, served, tmp_path):
    url = address(artifacts)
    assert features(url) == features(url) == (2, 2)
    assert served == [
        f"https://example.org/a/{name}" for name in ("card.json", "decoder.onnx", "encoder.onnx")
    ]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [url.partition("=")[2]]


def test_another_model_in_the_cache_s_place_of_a_folder_is_not_loaded(artifacts, served, tmp_path):
    url = address(artifacts)
    folder = releases.resolve(url)
    shutil.rmtree(folder)
    shutil.copytree(artifacts / "b", folder)
    assert features(url) == (2, 2)
    assert len(served) == 6


def test_a_mirror_may_be_an_address(shipped, served, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_MIRROR", "https://example.org")
    assert features("c") == (2, 9)
    monkeypatch.setenv("ELBO_ZOO_MIRROR", "http://example.org")
    with pytest.raises(ValueError, match="starts with https://"):
        features("c")


@pytest.mark.parametrize("damage", ["card", "file", "cut", "missing"])
def test_a_folder_with_another_file_leaves_nothing(artifacts, served, tmp_path, damage):
    url = address(artifacts)
    path = artifacts / "a" / ("card.json" if damage == "card" else "encoder.onnx")
    if damage == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-9] if damage == "cut" else content + b" ")
    text = f"{path.name} gave is not what was published" if damage != "missing" else "404"
    with pytest.raises((ValueError, ConnectionError), match=text):
        releases.resolve(url)
    assert list((tmp_path / "cache").iterdir()) == []


# The hub.


def test_the_hub_is_asked_as_keras_does(artifacts, monkeypatch):
    asked = []

    def snapshot_download(repo_id, revision=None):
        asked.append((repo_id, revision))
        if repo_id == "someone/away":
            raise RuntimeError("401 Client Error")
        return str(artifacts / "a")

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert features("hf://someone/model") == (2, 2)
    digest = files.sha256(artifacts / "a" / "card.json")
    assert features(f"hf://someone/model@v1.0#sha256={digest}") == (2, 2)
    assert asked == [("someone/model", None), ("someone/model", "v1.0")]
    with pytest.raises(ValueError, match="is not the card that was published"):
        features(f"hf://someone/model#sha256={'0' * 64}")
    with pytest.raises(ConnectionError, match="Could not fetch hf://someone/away.*401"):
        features("hf://someone/away")


def test_hub_names_that_are_refused(monkeypatch):
    for name in ("hf://model", "hf://a/b/c", "hf://a/b@", "hf://a/b#sha256=1"):
        with pytest.raises(ValueError, match="Expected hf://OWNER/NAME.*Received: 'hf://"):
            releases.resolve(name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match="pip install huggingface_hub"):
        releases.resolve("hf://someone/model")
