"""`zoo.releases`: names, folders, URLs; hashes; unpacking; loading without running code."""

import io
import subprocess
import sys
import tarfile
import threading
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

import zoo
from zoo import files, releases
from zoo.releases import card as cards
from zoo.releases import catalogue, download

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """A folder of named artifacts with one, `tiny`."""
    folder = tmp_path / "artifacts"
    tiny_artifact.copy_to(folder)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def edit_card(artifact, **changes):
    card = {**files.read_json(artifact / "card.json"), **changes}
    files.write_json(artifact / "card.json", {k: v for k, v in card.items() if v is not None})


# Names and folders.


def test_a_name_a_path_and_a_string_find_the_same_artifact(artifacts):
    expected = artifacts / "tiny"
    assert releases.resolve("tiny") == expected
    assert releases.resolve(expected) == releases.resolve(str(expected)) == expected


def test_a_folder_here_is_found_by_its_name_after_the_catalogue(artifact, tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    assert releases.resolve("tiny") == Path("tiny")


def test_an_unknown_name_offers_the_nearest(artifacts):
    text = r"one of \['tiny'\].*Received: 'tinny'. Did you mean \"tiny\"\?"
    with pytest.raises(FileNotFoundError, match=text):
        releases.resolve("tinny")


@pytest.mark.parametrize("model", ["", None, 3])
def test_what_is_no_name_is_refused(model):
    with pytest.raises(TypeError, match="Expected a model's name, folder or URL. Received: "):
        releases.resolve(model)


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="which holds card.json. Received: folder="):
        releases.resolve(tmp_path)
    with pytest.raises(
        FileNotFoundError, match="Expected an artifact's folder. Received: .*absent"
    ):
        releases.resolve(tmp_path / "absent")


def test_a_run_in_place_of_its_artifact_is_pointed_out(tmp_path):
    run, _ = tiny_artifact.run()
    with pytest.raises(FileNotFoundError, match="a run whose artifact is .*artifact"):
        releases.resolve(run)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="publish it first: python -m export.publish"):
        releases.resolve(tmp_path)


def test_list_models_reads_cards_alone(artifacts):
    (row,) = zoo.list_models()
    assert row["name"] == "tiny" and row["paper"] == "infovae"
    assert row["image_shape"] == (8, 6, 1) and row["latent_dim"] == 3
    assert row["metrics"]["nll"]["value"] == 31.25 and row["metrics"]["nll"]["stderr"] == 0.5
    paths = [path for path in (artifacts / "tiny").rglob("*") if path.is_file()]
    sizes = {path.name: path.stat().st_size for path in paths}
    assert row["encoder_bytes"] == sizes["encoder.onnx"]
    assert row["bytes"] == sum(sizes.values()) - sizes["card.json"]
    assert zoo.list_models(paper="bilbo") == [] and zoo.list_models(data="mnist") == []
    assert zoo.list_models(paper="infovae", data=row["data"]) == [row]


def test_list_models_refuses_unknown_papers_and_broken_cards(artifacts):
    with pytest.raises(ValueError, match="Received: paper='infovea'. Did you mean \"infovae\""):
        zoo.list_models(paper="infovea")
    (artifacts / "tiny" / "card.json").write_text("{")
    with pytest.raises(ValueError, match="Expected JSON in .*card.json"):
        zoo.list_models()


def test_list_models_is_empty_without_artifacts(tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "absent"))
    assert zoo.list_models() == []


def test_the_catalogue_needs_no_framework():
    code = (
        "import sys, zoo; zoo.list_models(); "
        "print([m for m in ('tensorflow', 'keras', 'onnx', 'onnxruntime') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# Cards and files.


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "other"}, "Expected format='elbo-zoo artifact' in .*Received: format='other'"),
        ({"format_version": 2}, "reads format_version=1 of .*Received: format_version=2"),
        ({"files": None}, r"Expected 'files' \(dict\) in .*Received: files=None"),
        ({"latent_dim": "3"}, r"Expected 'latent_dim' \(int\) in .*Received: latent_dim='3'"),
    ],
)
def test_cards_that_are_refused(artifact, changes, text):
    edit_card(artifact, **changes)
    with pytest.raises(ValueError, match=text):
        releases.read_card(artifact)


def test_a_card_that_is_no_mapping_is_refused(artifact):
    (artifact / "card.json").write_text("[]")
    with pytest.raises(ValueError, match="Received: format='list'"):
        releases.read_card(artifact)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret", "a\\b", "C:x"])
def test_a_card_cannot_lead_out_of_its_folder(artifact, name):
    (artifact.parent / "secret").write_text("secret")
    card = {"name": "tiny", "files": {name: {"sha256": "0" * 64, "bytes": 6}}}
    with pytest.raises(ValueError, match="names of files inside the folder in .*Received: name="):
        cards.read_file(artifact, card, name)


def test_a_file_that_is_not_listed_is_not_read(artifact):
    with pytest.raises(ValueError, match="one of .*encoder.onnx.*Received: name='other'"):
        releases.read_file(artifact, releases.read_card(artifact), "other")


# Loading.


def test_load_gives_back_the_model(artifact):
    model = tiny_artifact.run()[1]
    loaded = zoo.load(artifact)
    images = (tiny_artifact.images(4) / 255).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), model(images), atol=1e-6)
    assert loaded.objective.beta == 2.0
    assert zoo.vae_config(loaded) == zoo.vae_config(model)


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_load_checks_the_weights(artifact, damage):
    path = artifact / "model.weights.h5"
    content = path.read_bytes()
    expected = files.sha256(path)
    if damage == "missing":
        path.unlink()
        with pytest.raises(FileNotFoundError, match=f"model.weights.h5 with sha256={expected}"):
            zoo.load(artifact)
        return
    path.write_bytes(content[:-7] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    text = f"model.weights.h5 is not the file.*Expected: sha256={expected}.*Received: sha256="
    with pytest.raises(ValueError, match=text + files.sha256(path)):
        zoo.load(artifact)


def test_load_refuses_a_part_that_is_not_registered(artifact):
    model = files.read_json(artifact / "card.json")["model"]
    model["encoder"]["name"] = "mpl"
    edit_card(artifact, model=model)
    with pytest.raises(ValueError, match="Received: name='mpl'. Did you mean \"mlp\""):
        zoo.load(artifact)


def test_load_runs_no_code_from_a_card(artifact):
    model = files.read_json(artifact / "card.json")["model"]
    model["encoder"]["activation"] = {"class_name": "function", "module": "os", "config": "abort"}
    edit_card(artifact, model=model)
    text = "names and numbers in the card's model.encoder.activation. Received: class_name="
    with pytest.raises(ValueError, match=text):
        zoo.load(artifact)


# Archives over https.


def pack(artifact, kind, prefix=""):
    """Returns the bytes of an archive of an artifact."""
    content = io.BytesIO()
    paths = [path for path in sorted(artifact.rglob("*")) if path.is_file()]
    if kind == "zip":
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in paths:
                packed.write(path, prefix + path.relative_to(artifact).as_posix())
    else:
        with tarfile.open(fileobj=content, mode="w:gz") as packed:
            for path in paths:
                packed.add(path, prefix + path.relative_to(artifact).as_posix())
    return content.getvalue()


@pytest.fixture
def serve(monkeypatch):
    """Returns f(content) -> (URL with its hash, list of requests): https answers with `content`."""

    def start(content, digest=None):
        import hashlib

        requests = []

        def opened(url):
            requests.append(url)
            if isinstance(content, Exception):
                raise content
            return io.BytesIO(content)

        monkeypatch.setattr(download, "_open", opened)
        if digest is None:
            digest = hashlib.sha256(content).hexdigest()
        return f"https://example.org/tiny.zip#sha256={digest}", requests

    return start


@pytest.mark.parametrize(("kind", "prefix"), [("zip", ""), ("zip", "tiny/"), ("tar", "tiny/")])
def test_a_url_is_fetched_once(artifact, serve, cache, kind, prefix):
    url, requests = serve(pack(artifact, kind, prefix))
    encoder = zoo.load_encoder(url)
    assert encoder.features(tiny_artifact.images(2)).shape == (2, 3)
    zoo.load_decoder(url)
    assert requests == ["https://example.org/tiny.zip"]
    assert [path.name for path in cache.iterdir()] == [url.partition("=")[2]]


def test_a_released_name_is_fetched(artifact, serve, cache, monkeypatch, tmp_path):
    url, requests = serve(pack(artifact, "zip"))
    address, digest = download.split_url(url)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "nothing"))
    monkeypatch.setitem(catalogue.RELEASES, "far", {"url": address, "sha256": digest})
    assert zoo.load_encoder("far").card["name"] == "tiny"
    assert requests == [address] and catalogue.names() == ["far"]


def test_another_archive_than_the_one_published_is_refused(artifact, serve, cache):
    url, _ = serve(pack(artifact, "zip"), digest="0" * 64)
    text = (
        f"is not what was published. Expected: sha256={'0' * 64}. Received: sha256=[0-9a-f]{{64}}"
    )
    with pytest.raises(ValueError, match=text):
        releases.resolve(url)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            "http://example.org/a.zip#sha256=" + "0" * 64,
            "starts with https://. Received: url='http:",
        ),
        ("file:///a.zip#sha256=" + "0" * 64, "starts with https://"),
        ("https://example.org/a.zip", "ends in #sha256= and the 64 hexadecimal digits"),
        ("https://example.org/a.zip#sha256=abc", "ends in #sha256= and the 64 hexadecimal digits"),
        ("https://example.org/a.zip#md5=" + "0" * 64, "ends in #sha256="),
    ],
)
def test_urls_that_are_refused(url, text):
    with pytest.raises(ValueError, match=text):
        releases.resolve(url)


def test_no_network_is_said_with_the_address(serve, cache):
    url, _ = serve(urllib.error.URLError("no route"), digest="0" * 64)
    with pytest.raises(
        ConnectionError, match="Could not fetch https://example.org/tiny.zip.*no rou"
    ):
        releases.resolve(url)
    assert list(cache.iterdir()) == []


def test_an_archive_without_a_card_is_refused(tmp_path, serve, cache):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").write_text("nothing")
    url, _ = serve(pack(tmp_path / "empty", "zip"))
    with pytest.raises(
        ValueError, match="Expected an archive that holds card.json. Received: http"
    ):
        releases.resolve(url)


def archive(path, kind, name, link=None):
    if kind == "zip":
        item = zipfile.ZipInfo(name)
        if link:
            item.create_system, item.external_attr = 3, 0o120777 << 16
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr(item, link or "content")
        return
    item = tarfile.TarInfo(name)
    item.size = 0 if link else 7
    item.type, item.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
    with tarfile.open(path, "w") as packed:
        packed.addfile(item, io.BytesIO(b"content"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../out", "a/../../out", "/out", "a\\..\\out", "C:out"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path, kind, name):
    archive(tmp_path / "archive", kind, name)
    with pytest.raises(ValueError, match="names inside the archive's folder. Received: "):
        download.unpack(tmp_path / "archive", tmp_path / "deep" / "folder")
    assert not list(tmp_path.rglob("*out*"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_cannot_hold_a_link(tmp_path, kind):
    archive(tmp_path / "archive", kind, "link", link="/etc/passwd")
    with pytest.raises(ValueError, match="Expected files and folders. Received: 'link'"):
        download.unpack(tmp_path / "archive", tmp_path / "folder")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "archive").write_text("hello")
    with pytest.raises(ValueError, match="Expected a zip or tar archive. Received: "):
        download.unpack(tmp_path / "archive", tmp_path / "folder")


def test_a_bomb_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "archive", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(100_000))
    with pytest.raises(ValueError, match="at most 1000 bytes unpacked. Received: more"):
        download.unpack(tmp_path / "archive", tmp_path / "folder")


def test_two_at_once_both_get_the_whole_artifact(artifact, serve, cache, monkeypatch):
    url, requests = serve(pack(artifact, "zip"))
    both, opened = threading.Barrier(2, timeout=10), download._open

    def together(address):
        both.wait()  # so that both have begun before either is done
        return opened(address)

    monkeypatch.setattr(download, "_open", together)
    found = []
    threads = [threading.Thread(target=lambda: found.append(zoo.load_encoder(url))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and len(requests) == 2
    assert [path.name for path in cache.iterdir()] == [url.partition("=")[2]]


def test_an_interrupted_download_leaves_nothing(artifact, serve, cache, monkeypatch):
    url, _ = serve(pack(artifact, "zip"))

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download, "unpack", full_disk)
        with pytest.raises(OSError, match="No space left on device"):
            releases.resolve(url)
    assert list(cache.iterdir()) == []
    assert releases.resolve(url).name == url.partition("=")[2]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "a"))
    assert download.cache_folder() == tmp_path / "a"
    monkeypatch.delenv("ELBO_ZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert download.cache_folder() == tmp_path / "b" / "elbo-zoo"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download.cache_folder() == tmp_path / ".cache" / "elbo-zoo"
