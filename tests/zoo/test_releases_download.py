"""`zoo.releases.download`: what is fetched is checked, unpacked safely, and whole or absent."""

import hashlib
import io
import os
import tarfile
import threading
import urllib.error
import zipfile

import pytest
import tiny_artifact

import zoo
from zoo import releases
from zoo.releases import catalogue, download


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


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


class Response(io.BytesIO):
    """An answer at whose end `length` bytes of those announced are missing, as http.client's."""

    def __init__(self, content, missing=None):
        super().__init__(content)
        self.length = missing


@pytest.fixture
def serve(monkeypatch):
    """Returns f(content) -> (URL with its hash, list of requests): https answers with `content`."""

    def start(content, digest=None, missing=None):
        requests = []

        def opened(url):
            requests.append(url)
            if isinstance(content, Exception):
                raise content
            return Response(content, missing)

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


def test_a_damaged_file_of_the_cache_is_fetched_again(artifact, serve, cache):
    url, requests = serve(pack(artifact, "zip"))
    zoo.load_encoder(url)
    (kept,) = cache.rglob("encoder.onnx")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert zoo.load_encoder(url).features(tiny_artifact.images(2)).shape == (2, 3)
    assert len(requests) == 2


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


def test_an_answer_that_breaks_off_is_no_other_archive(artifact, serve, cache):
    whole = pack(artifact, "zip")
    digest = hashlib.sha256(whole).hexdigest()
    url, _ = serve(whole[:1000], digest, missing=len(whole) - 1000)
    text = f"Could not fetch https://example.org/tiny.zip.*broke off {len(whole) - 1000} bytes"
    with pytest.raises(ConnectionError, match=text):
        releases.resolve(url)
    assert list(cache.iterdir()) == []
    url, _ = serve(whole, missing=0)
    assert releases.resolve(url).is_dir()


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


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_fetched(serve, monkeypatch):
    url, requests = serve(b"")
    monkeypatch.setenv("ELBO_ZOO_CACHE", os.path.join(__file__, "cache"))  # below a file
    with pytest.raises(OSError, match="set ELBO_ZOO_CACHE to a folder .*Received: .*cache', Not a"):
        releases.resolve(url)
    assert requests == []


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
