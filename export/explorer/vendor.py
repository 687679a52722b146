"""The three files of onnxruntime-web that the page needs: from a folder, or once through npm.

They are vendored into the page when it is built, so that it asks no other server for anything.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from zoo.releases import archives, download
from zoo.storage import files

VERSION = "1.30.0"
# Of the package's archive: what a registry or a mirror gives is never trusted unseen.
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
# The build for WebAssembly alone. Its threads stay unused: they would need two headers (COOP and
# COEP) that a plain static server does not send.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
# Of those files in the package: compared each time that they are taken from the cache.
HASHES = dict(
    zip(
        FILES,
        (
            "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
            "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
            "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        ),
    )
)
SECONDS = 600


def onnxruntime_web(folder=None):
    """Returns the folder that holds `FILES`, and the version or "unknown".

    Args:
        folder: The unpacked package, its `dist`, or a folder with it in `node_modules`; None to
            use the cache, and to fill it through npm where it is empty.

    Raises:
        FileNotFoundError: If `folder` lacks a file, or npm is needed and absent.
        ConnectionError: If npm cannot fetch the package.
        ValueError: If npm gave another archive than the one that was published.
    """
    if folder is not None:
        return _given(Path(folder).expanduser())
    cached = download.cache_folder() / f"onnxruntime-web-{VERSION}"
    if not _is_whole(cached):
        _fetch(cached)
    return cached, VERSION


def _is_whole(folder):
    """Returns whether the files are there as they were published; others are fetched again."""
    return not _missing(folder) and all(
        files.sha256(folder / name) == digest for name, digest in HASHES.items()
    )


def _missing(folder):
    return [name for name in FILES if not (folder / name).is_file()]


def _given(folder):
    package = folder / "node_modules" / "onnxruntime-web"
    for candidate in (folder, folder / "dist", package / "dist"):
        if not _missing(candidate):
            return candidate, _version(candidate)
    raise FileNotFoundError(
        f"Expected a folder of onnxruntime-web, with {', '.join(FILES)} in it or in its dist. "
        f"Received: ort={str(folder)!r}, which lacks {', '.join(_missing(folder))}"
    )


def _version(folder):
    """Returns the version in the package's `package.json`, in `folder` or its parent."""
    for path in (folder / "package.json", folder.parent / "package.json"):
        if path.is_file():
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.get("name") == "onnxruntime-web":
                return str(content.get("version", "unknown"))
    return "unknown"


def _fetch(cached):
    """Fills the cache with the files of the pinned version, all at once or not at all."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            f"onnxruntime-web {VERSION} is needed once: install npm (Node.js), which fetches it, "
            "or give an unpacked copy with --ort=FOLDER. Received: neither npm nor a folder"
        )
    with tempfile.TemporaryDirectory(prefix="onnxruntime-web-") as work:
        archive = _pack(npm, Path(work))
        if files.sha256(archive) != SHA256:
            raise ValueError(
                f"npm gave another onnxruntime-web {VERSION} than was published. Expected: "
                f"sha256={SHA256}. Received: sha256={files.sha256(archive)}"
            )
        unpacked = Path(work) / "unpacked"
        archives.unpack(archive, unpacked)
        try:
            with files.atomic_folder(cached) as folder:
                for name in FILES:
                    shutil.copyfile(unpacked / "package" / "dist" / name, folder / name)
        except OSError:
            if not _is_whole(cached):  # else another process was first, with the same files
                raise


def _pack(npm, work):
    command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(f"npm gave no answer in {SECONDS} s. Received: {error}") from error
    archives = list(work.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise ConnectionError(
            f"npm could not fetch onnxruntime-web {VERSION}; give an unpacked copy with "
            f"--ort=FOLDER. Received: {' / '.join(lines[-3:])}"
        )
    return archives[0]
