"""Artifacts over https, packed or file by file: fetched once, checked by hash, cached.

Every step happens in its own folder inside the cache, and one rename makes the result visible. So
an interrupted download leaves nothing that looks whole. If two processes fetch the same model at
once, the first result stays.
"""

import contextlib
import errno
import hashlib
import os
import re
import urllib.parse
from pathlib import Path

from zoo.releases import archives, https
from zoo.releases import card as cards
from zoo.releases.card import CARD, LARGEST_CARD
from zoo.storage import files, workspaces

ORIGIN = ".origin.json"  # in a folder of the cache that an archive was unpacked to


def cache_folder():
    """Returns the cache: ELBO_ZOO_CACHE, else `elbo-zoo` under XDG_CACHE_HOME or `~/.cache`."""
    if os.environ.get("ELBO_ZOO_CACHE"):
        return Path(os.environ["ELBO_ZOO_CACHE"])
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "elbo-zoo"


def split_url(url):
    """Splits `https://host/name.zip#sha256=HEX` into the URL and the 64 hexadecimal digits.

    Of `https://host/name/#sha256=HEX`, a folder, the hash is that of its card.

    Raises:
        ValueError: If it is not https, or has no hash: what is fetched is never trusted unseen.
    """
    address, _, fragment = url.partition("#")
    key, _, digest = fragment.partition("=")
    if not address.startswith("https://"):
        raise ValueError(f"Expected a URL that starts with https://. Received: url={url!r}")
    if key != "sha256" or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise ValueError(
            "Expected a URL that ends in #sha256= and the 64 hexadecimal digits of the SHA-256 of "
            f"the archive, or of {CARD} where the address ends in /. Received: url={url!r}"
        )
    return address, digest.lower()


def fetch(url, sha256):
    """Returns the folder of the artifact at `url`, from the cache where it is there, whole.

    Args:
        url: https address of a .zip, .tar, .tar.gz or .tgz with an artifact's files, at its top
            or in its one folder; or, where it ends in /, of an artifact's folder.
        sha256: Hash of the archive, or of the folder's card, which has the hashes of all other
            files; 64 hexadecimal digits in lower case.

    Returns:
        A `Path` in the cache.

    Raises:
        ConnectionError: If it cannot be fetched.
        OSError: If the cache cannot be written.
        ValueError: If a hash differs, it is no archive, or a name in it leads elsewhere.
    """
    target = cache_folder() / sha256
    if not _whole(target, url, sha256):
        with _workspace(target.parent) as work:
            if url.endswith("/"):
                folder = _fetch_folder(url, sha256, work)
            else:
                folder = _fetch_archive(url, sha256, work)
                files.write_json(folder / ORIGIN, _origin(folder, sha256))
            _install(folder, target, work, url, sha256)
    return target


def _origin(folder, sha256):
    """Returns which archive a folder came from, and which card it had then."""
    return {"archive": sha256, "card": files.sha256(folder / CARD)}


@contextlib.contextmanager
def _workspace(cache):
    """Yields a new folder inside the cache, on its file system; it goes when all is done."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with workspaces.workspace(cache / "fetch") as work:
            yield work
    except OSError as error:
        if isinstance(error, ConnectionError) or error.errno is None:
            raise
        raise OSError(
            error.errno,
            f"Cannot write to the cache of models: set ELBO_ZOO_CACHE to a folder that you may "
            f"write to and that has room. Received: {str(cache)!r}, {error.strerror or error}",
        ) from error


def _whole(folder, url, sha256):
    """Whether a cached folder is the one asked for, with all files; others are fetched again."""
    try:
        if url.endswith("/"):
            card = cards.read_card(folder, sha256)
        else:
            card = cards.read_card(folder)
            if files.read_json(folder / ORIGIN) != _origin(folder, sha256):
                return False
        for name in card["files"]:
            cards.check_file(folder, card, name)
    except (OSError, ValueError):
        return False
    return True


def _fetch_archive(url, sha256, work):
    """Fetches and unpacks an archive; returns the folder that holds the card."""
    archive, unpacked = work / "archive", work / "unpacked"
    _require(url, _download(url, archive), sha256)
    archives.unpack(archive, unpacked)
    return _top(unpacked, url)


def _fetch_folder(url, sha256, work):
    """Fetches the card and every file that it names; returns their folder."""
    folder = work / "folder"
    folder.mkdir()
    _require(url + CARD, _download(url + CARD, folder / CARD, LARGEST_CARD), sha256)
    card = cards.read_card(folder)
    if sum(entry["bytes"] for entry in card["files"].values()) > archives.LARGEST:
        raise ValueError(
            f"Expected at most {archives.LARGEST} bytes in the card of {url}. Received: more"
        )
    for name, entry in card["files"].items():
        path = folder.joinpath(*cards.parts_of(folder, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        address = url + urllib.parse.quote(name)
        _require(address, _download(address, path, entry["bytes"]), entry["sha256"])
    return folder


def _require(url, received, sha256):
    if received != sha256:
        raise ValueError(
            f"What {url} gave is not what was published. Expected: sha256={sha256}. "
            f"Received: sha256={received}"
        )


def _download(url, path, largest=None):
    """Writes what `url` gives to `path` and returns its SHA-256.

    Args:
        url: https address.
        path: The file to write.
        largest: The most bytes that it may have; `archives.LARGEST` by default.
    """
    largest = archives.LARGEST if largest is None else largest
    digest = hashlib.sha256()
    with open(path, "wb") as file, contextlib.closing(https.blocks(url)) as blocks:
        for block in blocks:
            digest.update(block)
            file.write(block)
            if file.tell() > largest:
                raise ValueError(
                    f"What {url} gave is not what was published. "
                    f"Expected: at most {largest} bytes. Received: more"
                )
    return digest.hexdigest()


def _top(folder, url):
    """Returns the folder that holds the card: this one, or the only one in it."""
    children = list(folder.iterdir())
    for candidate in (folder, *children[: len(children) == 1]):
        if (candidate / CARD).is_file():
            return candidate
    raise ValueError(f"Expected an archive that holds {CARD}. Received: {url}")


def _install(folder, target, work, url, sha256):
    """Renames `folder` to `target`, or leaves what another process put there meanwhile.

    A damaged artifact at `target` is moved to `work`, and is deleted with it.
    """
    for attempt in range(10):
        try:
            os.rename(folder, target)
            return
        except OSError:
            if _whole(target, url, sha256):
                return
            with contextlib.suppress(FileNotFoundError):  # another process moved it first
                os.rename(target, work / f"broken{attempt}")
    raise OSError(errno.EBUSY, f"Cannot put a model into the cache. Received: {str(target)!r}")
