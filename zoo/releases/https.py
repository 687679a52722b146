"""Reads an https address block by block; no server can hold it up. Standard library alone."""

import contextlib
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

TIMEOUT = 30.0  # seconds without an answer
PATIENCE = 60.0  # seconds, after which a download has to be as fast as `SLOWEST`
SLOWEST = 1000  # bytes a second on average
BLOCK = 1 << 20
_POLL = 0.1  # seconds


def blocks(url: str) -> Iterator[bytes]:
    """Yields the content of an address, in blocks of at most 1 MiB.

    Another thread reads. A call of the standard library that waits for the end of a header does not
    return while bytes drip in. Its time limit is that of a single byte.

    Args:
        url: An https address.

    Yields:
        Blocks that are not empty.

    Raises:
        ConnectionError: If it cannot be read, breaks off, or is too slow.
    """
    results, ended = queue.Queue(maxsize=2), threading.Event()
    threading.Thread(target=_read, args=(url, results, ended), daemon=True).start()
    received, start = 0, time.monotonic()
    try:
        while True:
            with contextlib.suppress(queue.Empty):
                result = results.get(timeout=_POLL)
                if isinstance(result, Exception):
                    raise result
                if not result:
                    return
                received += len(result)
                yield result
            _check_pace(received, time.monotonic() - start)
    except Exception as error:
        raise ConnectionError(f"Could not fetch {url}. Received: {error}") from error
    finally:
        ended.set()


def _read(url, results, ended):
    """Puts the blocks of an address into a queue, then b"", or the error that ended it."""
    try:
        with open_url(url) as response:
            # `read` would wait for a whole block, however slowly its bytes drip in.
            while block := response.read1(BLOCK):
                if not _put(block, results, ended):
                    return
            missing = getattr(response, "length", None)
            if missing:  # of what was announced; a read of a part does not raise
                raise ConnectionError(f"an answer that broke off {missing} bytes early")
        _put(b"", results, ended)
    except Exception as error:  # of a server's answer: they share no root
        _put(error, results, ended)


def _put(result, results, ended):
    """Puts a result into the queue; returns False if nobody waits for it any more."""
    while not ended.is_set():
        with contextlib.suppress(queue.Full):
            results.put(result, timeout=_POLL)
            return True
    return False


def _check_pace(received, seconds):
    if seconds > PATIENCE and received < SLOWEST * seconds:
        raise ConnectionError(
            f"{received} bytes in {seconds:.0f} s, fewer than {SLOWEST} a second; try again later"
        )


class OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirections to https alone."""

    def redirect_request(self, request, file, code, message, headers, address):
        if not address.startswith("https://"):
            raise urllib.error.URLError(f"a redirection to {address}, which is not https")
        return super().redirect_request(request, file, code, message, headers, address)


def open_url(url: str):
    """Opens an address for reading."""
    request = urllib.request.Request(url, headers={"User-Agent": "elbo-zoo"})
    return urllib.request.build_opener(OnlyHttps).open(request, timeout=TIMEOUT)
