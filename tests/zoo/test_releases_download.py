"""`zoo.releases.download`: what is fetched is checked, unpacked safely, and whole or absent."""

import contextlib
import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zipfile

import light_artifact
import pytest
import tiny_artifact

import zoo
from zoo import releases
from zoo.releases import card as cards
from zoo.releases import catalogue, download, https


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

        monkeypatch.setattr(https, "open_url", opened)
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


@pytest.mark.faults("a changed cache")
def test_a_damaged_file_of_the_cache_is_fetched_again(artifact, serve, cache):
    url, requests = serve(pack(artifact, "zip"))
    zoo.load_encoder(url)
    (kept,) = cache.rglob("encoder.onnx")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert zoo.load_encoder(url).features(tiny_artifact.images(2)).shape == (2, 3)
    assert len(requests) == 2


@pytest.mark.faults("a changed cache")
@pytest.mark.parametrize("with_origin", [False, True])
def test_another_model_in_the_folder_of_the_cache_is_not_loaded(
    artifact, serve, cache, tmp_path, with_origin
):
    url, requests = serve(pack(artifact, "zip"))
    folder = releases.resolve(url)
    other = light_artifact.make(tmp_path, "other")
    if with_origin:  # moved from the place of another archive
        shutil.copy(folder / download.ORIGIN, other)
    shutil.rmtree(folder)
    other.rename(folder)
    assert zoo.load_encoder(url).card["name"] == "tiny"
    assert len(requests) == 2
    assert [path.name for path in cache.iterdir()] == [url.partition("=")[2]]


def test_an_archive_cannot_say_where_it_came_from(artifact, serve, cache):
    (artifact / download.ORIGIN).write_text('{"archive": "other"}')
    url, requests = serve(pack(artifact, "zip"))
    assert releases.resolve(url) == releases.resolve(url)
    assert len(requests) == 1


def test_a_released_name_is_fetched(artifact, serve, cache, monkeypatch, tmp_path):
    url, requests = serve(pack(artifact, "zip"))
    address, digest = download.split_url(url)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "nothing"))
    monkeypatch.setitem(catalogue.RELEASES, "far", {"url": address, "sha256": digest})
    assert zoo.load_encoder("far").card["name"] == "tiny"
    assert requests == [address] and catalogue.names() == ["far"]


@pytest.mark.faults("lying and slow servers")
def test_another_archive_than_the_one_published_is_refused(artifact, serve, cache):
    url, _ = serve(pack(artifact, "zip"), digest="0" * 64)
    text = (
        f"is not what was published. Expected: sha256={'0' * 64}. Received: sha256=[0-9a-f]{{64}}"
    )
    with pytest.raises(ValueError, match=text):
        releases.resolve(url)
    assert list(cache.iterdir()) == []


@pytest.mark.faults("lying and slow servers")
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


@pytest.mark.faults("lying and slow servers")
def test_an_archive_without_a_card_is_refused(tmp_path, serve, cache):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "note.txt").write_text("nothing")
    url, _ = serve(pack(tmp_path / "empty", "zip"))
    with pytest.raises(
        ValueError, match="Expected an archive that holds card.json. Received: http"
    ):
        releases.resolve(url)


def test_two_at_once_both_get_the_whole_artifact(artifact, serve, cache, monkeypatch):
    url, requests = serve(pack(artifact, "zip"))
    both, opened = threading.Barrier(2, timeout=10), https.open_url

    def together(address):
        both.wait()  # so that both have begun before either is done
        return opened(address)

    monkeypatch.setattr(https, "open_url", together)
    found = []
    threads = [threading.Thread(target=lambda: found.append(zoo.load_encoder(url))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and len(requests) == 2
    assert [path.name for path in cache.iterdir()] == [url.partition("=")[2]]


@pytest.mark.faults("full disks")
def test_an_interrupted_download_leaves_nothing(artifact, serve, cache, monkeypatch):
    url, _ = serve(pack(artifact, "zip"))

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download.archives, "unpack", full_disk)
        with pytest.raises(OSError, match=f"{cache}.*No space left on device"):
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


@pytest.fixture
def server():
    """Returns f(handle) -> address of a server on the loopback address; `handle(request)`."""
    running = []

    def start(handle):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(ConnectionError):
                    handle(self)

            def log_message(self, *arguments):
                pass

        made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=made.serve_forever, daemon=True).start()
        running.append(made)
        return f"http://127.0.0.1:{made.server_port}/model.zip"

    yield start
    for made in running:
        made.shutdown()
        made.server_close()


@pytest.mark.faults("lying and slow servers")
def test_a_redirection_away_from_https_is_refused(server, tmp_path):
    def handle(request):
        request.send_response(302)
        request.send_header("Location", "http://127.0.0.1:9/other.zip")
        request.end_headers()

    with pytest.raises(ConnectionError, match="redirection to http://.*which is not https"):
        download._download(server(handle), tmp_path / "archive")


def test_a_redirection_to_https_is_followed():
    request = urllib.request.Request("https://host/a.zip")
    followed = https.OnlyHttps().redirect_request(
        request, None, 302, "Found", {}, "https://mirror/a.zip"
    )
    assert followed.full_url == "https://mirror/a.zip"


@pytest.mark.faults("lying and slow servers")
def test_an_answer_that_drips_is_given_up(server, tmp_path, monkeypatch):
    def handle(request):
        request.send_response(200)
        request.end_headers()
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.02)

    monkeypatch.setattr(https, "PATIENCE", 0.3)
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"bytes in .* s, fewer than 1000 a second"):
        download._download(server(handle), tmp_path / "archive")
    assert time.monotonic() - start < 3


@pytest.mark.faults("lying and slow servers")
def test_an_endless_answer_is_stopped(server, tmp_path, monkeypatch):
    def handle(request):
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(bytes(10_000))

    monkeypatch.setattr(download.archives, "LARGEST", 100_000)
    with pytest.raises(ValueError, match="not what was published. Expected: at most 100000 bytes"):
        download._download(server(handle), tmp_path / "archive")
    with pytest.raises(ValueError, match="not what was published. Expected: at most 500 bytes"):
        download._download(server(handle), tmp_path / "archive", 500)


@pytest.mark.faults("hostile files")
def test_a_file_larger_than_its_card_states_is_not_read(artifact):
    path = artifact / "encoder.onnx"
    os.truncate(path, 100 << 30)  # sparse: it takes no room
    card = cards.read_card(artifact)
    for read in (cards.read_file, cards.check_file):
        with pytest.raises(ValueError, match="not the file that was published.*bytes=107374182400"):
            read(artifact, card, "encoder.onnx")
    card["files"]["encoder.onnx"]["bytes"] = 100 << 30
    for read in (cards.read_file, cards.check_file):
        with pytest.raises(ValueError, match="whose card states 107374182400"):
            read(artifact, card, "encoder.onnx")
