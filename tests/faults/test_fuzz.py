"""Readers of files from elsewhere end in a value or in the documented error, whatever the bytes."""

import io
import struct
import tarfile
import warnings
import zlib

import hypothesis
import numpy as np
import pytest
import tiny_artifact
from hypothesis import strategies as st
from PIL import Image

from trainers import run_files
from zoo.light import pictures
from zoo.releases import card
from zoo.storage import arrays, files, json_text, tars

FEW = 60
MANY = pytest.param(10_000, marks=[pytest.mark.faults, pytest.mark.slow])
_NUMBERS = [0, 1, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]
_TEXTS = [b"[", b"{", b"null", b"-1", b"1e999", b'"', b"\\u0000", b"\xff", b"NaN", b"9" * 400]


def _edits():
    place = st.integers(0, 2**16)
    return st.one_of(
        st.tuples(st.just("byte"), place, st.integers(0, 255)),
        st.tuples(st.just("cut"), place, st.just(0)),
        st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=8)),
        st.tuples(st.just("insert"), place, st.sampled_from(_TEXTS)),
        st.tuples(st.just("remove"), place, st.integers(1, 16)),
        st.tuples(st.just(">I"), place, st.sampled_from(_NUMBERS)),
        st.tuples(st.just("<I"), place, st.sampled_from(_NUMBERS)),
    )


def _edited(content, edits):
    damaged = bytearray(content)
    for kind, place, value in edits:
        at = place % (len(damaged) + 1)
        if kind == "byte":
            damaged[at : at + 1] = bytes([value])
        elif kind == "cut":
            del damaged[at:]
        elif kind == "insert":
            damaged[at:at] = value
        elif kind == "remove":
            del damaged[at : at + value]
        else:
            damaged[at : at + 4] = struct.pack(kind, value)
    return bytes(damaged)


def _with_checksums(content):
    """Returns a PNG whose chunks have right checksums again, so that the decoder is reached."""
    damaged, at = bytearray(content), 8
    while at + 12 <= len(damaged):
        (size,) = struct.unpack(">I", damaged[at : at + 4])
        end = at + 8 + size
        if end + 4 > len(damaged):
            break
        damaged[end : end + 4] = struct.pack(">I", zlib.crc32(damaged[at + 4 : end]))
        at = end + 4
    return bytes(damaged)


def _picture(kind, mode):
    pixels = np.random.default_rng(17).integers(0, 256, (6, 5, 4), np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(target, kind)
    return target.getvalue()


def _npy():
    target = io.BytesIO()
    np.save(target, np.arange(12, dtype="f4").reshape(3, 4))
    return target.getvalue()


def _npz(save):
    target = io.BytesIO()
    save(target, images=np.arange(24, dtype="u1").reshape(2, 3, 4), labels=np.arange(2))
    return target.getvalue()


def _json(folder, name):
    return lambda: [(folder / name).read_bytes()]


def _tar():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in ("0.png", "0.cls", "folder/" + "long" * 40 + ".png"):
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    return target.getvalue()


def _idx():
    return b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + bytes(range(24))


def _check(path, content, read):
    """Returns how reading ends: "read", "refused" by the documented error, or "other errors"."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except ValueError as error:
            return "refused" if path.name in str(error) else "other errors"
        except Exception:
            return "other errors"
    return "read"


def _header(path):
    with arrays.readable(path, "an npy file"), open(path, "rb") as file:
        arrays.npy_header(file)


def _meta(path):
    run_files.read_meta(path.parent, ())


# Reader -> (file's name, whole files, function of a path).
READERS = {
    "idx": ("a.idx", lambda: [_idx()], arrays.read_idx),
    "npz": ("a.npz", lambda: [_npz(np.savez), _npz(np.savez_compressed)], arrays.read_npz),
    "npy header": ("a.npy", lambda: [_npy()], _header),
    "tar": ("a.tar", lambda: [_tar()], tars.members),
    "png": ("a.png", lambda: [_picture("PNG", m) for m in ("L", "RGB", "RGBA", "P")], None),
    "jpeg": ("a.jpg", lambda: [_picture("JPEG", m) for m in ("L", "RGB", "CMYK")], None),
    "gif": ("a.gif", lambda: [_picture("GIF", "P")], None),
    "webp": ("a.webp", lambda: [_picture("WEBP", "RGB"), _picture("WEBP", "RGBA")], None),
    "bmp": ("a.bmp", lambda: [_picture("BMP", m) for m in ("L", "RGB", "1")], None),
    "ppm": ("a.ppm", lambda: [_picture("PPM", m) for m in ("L", "RGB", "1")], None),
    "tiff": ("a.tif", lambda: [_picture("TIFF", m) for m in ("L", "RGB", "RGBA", "P", "1")], None),
    "card.json": ("card.json", None, lambda path: card.read_card(path.parent)),
    "config.json": ("config.json", None, lambda path: run_files.read_config(path.parent)),
    "evaluation.json": ("evaluation.json", None, lambda p: run_files.read_evaluation(p.parent)),
    "meta.json": ("meta.json", None, _meta),
}


def _whole_json(name):
    """Returns the bytes of a run's file, and those without a hash, which reach the schema."""
    folder, _ = tiny_artifact.run()
    (path,) = [
        p
        for p in folder.rglob(name)
        if p.parent.name in ("run", "artifact") or "step" in p.parent.name
    ]
    value = files.read_json(path)
    value.pop(json_text.SEAL, None)
    return [path.read_bytes(), json_text.render(value).encode()]


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_ends_in_a_value_or_one_error(tmp_path, reader, count, faults):
    name, whole, read = READERS[reader]
    seeds, read = whole() if whole else _whole_json(name), read or pictures.read_image
    folder = tmp_path / f"step-{tiny_artifact.STEP:08d}"  # the name that meta.json asks for
    folder.mkdir()
    path, counts = folder / name, dict.fromkeys(("injected", "refused", "read", "other errors"), 0)
    others = []
    for content in seeds:
        assert _check(path, content, read) == "read"  # whole files

    @hypothesis.seed(faults.seed)
    @hypothesis.settings(
        max_examples=faults.number(count, count != FEW),
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.sampled_from(seeds), st.lists(_edits(), min_size=1, max_size=4))
    def fuzz(content, edits):
        damaged = _edited(content, edits)
        if name.endswith(".png"):
            damaged = _with_checksums(damaged)
        outcome = _check(path, damaged, read)
        counts["injected"] += 1
        counts[outcome] += 1
        if outcome == "other errors":
            others.append(damaged)

    fuzz()
    faults.add(f"fuzzed inputs, {reader}", **counts)
    assert counts["refused"]
    assert not others, f"The shortest of {len(others)}: {min(others, key=len)!r}"
