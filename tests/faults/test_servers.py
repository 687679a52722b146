"""Lying, slow and broken servers: a download is the model that was asked for, or one error."""

import contextlib
import hashlib
import io
import socket
import threading
import time
import zipfile

import light_artifact
import pytest

import zoo
from zoo.releases import https

pytestmark = pytest.mark.faults("lying and slow servers")
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def archive(tmp_path):
    """Returns the bytes of an archive of an artifact."""
    folder, content = light_artifact.make(tmp_path), io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for path in sorted(folder.iterdir()):
            packed.write(path, path.name)
    return content.getvalue()


@pytest.fixture
def fetched(tmp_path, archive, monkeypatch):
    """Returns f(serve): loads an encoder from a server that answers as `serve(connection)` does."""
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(https, "TIMEOUT", 0.5)
    monkeypatch.setattr(https, "PATIENCE", 0.7)
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    ended, connections = threading.Event(), []

    def answer(serve):
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                connections.append(connection)
                with connection:
                    connection.recv(4096)
                    serve(connection)

    opened = https.open_url
    address = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(
        https, "open_url", lambda url: opened(url.replace("https://example.org", address))
    )

    def fetch(serve):
        thread = threading.Thread(target=answer, args=[serve], daemon=True)
        thread.start()
        try:
            digest = hashlib.sha256(archive).hexdigest()
            return zoo.load_encoder(f"https://example.org/light.zip#sha256={digest}")
        finally:
            ended.set()
            for connection in connections:
                with contextlib.suppress(OSError):  # closed
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    yield fetch
    server.close()


def _whole(content, head=b""):
    return OK + head + f"Content-Length: {len(content)}\r\n\r\n".encode() + content


def _drip(connection, head, piece=b"x"):
    connection.sendall(head)
    for _ in range(200):
        connection.sendall(piece)
        time.sleep(0.05)


def _redirect(address):
    return b"HTTP/1.1 302 Found\r\nLocation: " + address + b"\r\nContent-Length: 0\r\n\r\n"


def _reset(connection, archive):
    connection.sendall(_whole(archive)[:300])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


# Name -> (how the server answers, the error, a part of its message).
LIES = {
    "it closes at once": (lambda c, a: None, ConnectionError, ""),
    "it resets the connection": (_reset, ConnectionError, ""),
    "it never answers": (lambda c, a: c.recv(1), ConnectionError, "timed out"),
    "it speaks no HTTP": (lambda c, a: c.sendall(b"\0\1\2\3" * 100), ConnectionError, ""),
    "it is another protocol": (lambda c, a: c.sendall(b"220 ftp ready\r\n"), ConnectionError, ""),
    "404": (lambda c, a: c.sendall(b"HTTP/1.1 404 No\r\n\r\n"), ConnectionError, "404"),
    "500": (lambda c, a: c.sendall(b"HTTP/1.1 500 No\r\n\r\n"), ConnectionError, "500"),
    "204": (lambda c, a: c.sendall(b"HTTP/1.1 204 None\r\n\r\n"), ValueError, "sha256="),
    "a status line without end": (
        lambda c, a: c.sendall(b"HTTP/1.1 " + b"2" * 10**6),
        ConnectionError,
        "",
    ),
    "a header without end": (
        lambda c, a: c.sendall(OK + b"X: " + b"y" * 10**6),
        ConnectionError,
        "",
    ),
    "headers without end": (
        lambda c, a: c.sendall(OK + b"X: y\r\n" * 10**4 + b"\r\n"),
        ConnectionError,
        "",
    ),
    "headers that drip": (lambda c, a: _drip(c, OK, b"X: y\r\n"), ConnectionError, "fewer than"),
    "a status line that drips": (lambda c, a: _drip(c, b"HT"), ConnectionError, "fewer than"),
    "a body that drips": (lambda c, a: _drip(c, OK + b"\r\n"), ConnectionError, "fewer than"),
    "a size of a chunk that drips": (
        lambda c, a: _drip(c, OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        ConnectionError,
        "fewer than",
    ),
    "a chunk of another size": (
        lambda c, a: c.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\nx"),
        ConnectionError,
        "",
    ),
    "a size of a chunk that is no number": (
        lambda c, a: c.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nmany\r\nx"),
        ConnectionError,
        "",
    ),
    "more announced than sent": (
        lambda c, a: c.sendall(_whole(a)[:-100]),
        ConnectionError,
        "broke off 100 bytes early",
    ),
    "fewer announced than sent": (
        lambda c, a: c.sendall(OK + f"Content-Length: {len(a) - 9}\r\n\r\n".encode() + a),
        ValueError,
        "sha256=",
    ),
    "no bytes": (lambda c, a: c.sendall(_whole(b"")), ValueError, "sha256="),
    "a flipped bit": (
        lambda c, a: c.sendall(_whole(a[:99] + bytes([a[99] ^ 1]) + a[100:])),
        ValueError,
        "sha256=",
    ),
    "a page of HTML": (lambda c, a: c.sendall(_whole(b"<html>log in")), ValueError, "sha256="),
    "a page that says it is compressed": (
        lambda c, a: c.sendall(_whole(b"no gzip", b"Content-Encoding: gzip\r\n")),
        ValueError,
        "sha256=",
    ),
    "a redirection to a file": (
        lambda c, a: c.sendall(_redirect(b"file:///etc/passwd")),
        ConnectionError,
        "file:///etc/passwd",
    ),
    "a redirection to http": (
        lambda c, a: c.sendall(_redirect(b"http://127.0.0.1:9/a.zip")),
        ConnectionError,
        "which is not https",
    ),
    "a redirection to no address": (
        lambda c, a: c.sendall(_redirect(b"https://[::bad/a.zip")),
        ConnectionError,
        "",
    ),
    "a redirection to no port": (
        lambda c, a: c.sendall(_redirect(b"https://host:port/a.zip")),
        ConnectionError,
        "",
    ),
    "a redirection to no host": (
        lambda c, a: c.sendall(_redirect(b"https://a..b/" + b"x" * 99)),
        ConnectionError,
        "",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_in_one_error_and_leaves_nothing(fetched, archive, tmp_path, lie):
    serve, error, text = LIES[lie]
    start = time.monotonic()
    with pytest.raises(error, match="https://example.org/light.zip") as raised:
        fetched(lambda connection: serve(connection, archive))
    assert type(raised.value) is error and text in str(raised.value)
    assert time.monotonic() - start < 5
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.faults("whole files and answers, which pass")
def test_the_truth_is_loaded(fetched, archive):
    encoder = fetched(lambda connection: connection.sendall(_whole(archive)))
    assert encoder.card["name"] == "light"
