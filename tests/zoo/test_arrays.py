"""Array files: what is read is what was written, and a file's sizes are checked before values."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from zoo.storage import arrays


def npy(header, values=b""):
    """Returns the bytes of an npy file of version 1 with any text as its header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


def archive(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_kind_of_array_is_read_as_it_was_written(tmp_path, save):
    written = {
        "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big_endian": np.arange(3, dtype=">i4"),
        "names": np.array(["a", "\u03bc"]),
        "scalar": np.float32(2.5),
        "empty": np.zeros((0, 4), np.float32),
    }
    path = tmp_path / "a.npz"
    save(path, **written)
    for read in (arrays.read_npz(path), arrays.read_npz("golden.npz", path.read_bytes())):
        assert list(read) == list(written)
        for name, value in written.items():
            np.testing.assert_array_equal(read[name], value, strict=True)
    read["images"][0] = 1  # arrays of one's own


def test_a_fortran_array_stays_one(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert arrays.read_npz(tmp_path / "a.npz")["a"].flags.f_contiguous


HUGE = "{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000,), }"
HOSTILE = {
    "an array that states 100 GB": npy(HUGE, b"12"),
    "a header that is no literal": npy("__import__('os').system('true')"),
    "a header that nests": npy("[" * 9000),
    "a header without a shape": npy("{'descr': '|u1', 'fortran_order': False}"),
    "a negative size": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", b"1"),
    "an unknown type": npy("{'descr': '|x1', 'fortran_order': False, 'shape': (1,)}", b"1"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"12345678"),
    "a short header": b"\x93NUMPY\x01\x00\xff\xffabc",
    "another version": b"\x93NUMPY\x03\x00\x04\x00\x00\x00abc\n",
    "nothing": b"",
    "text": b"images, I promise",
}


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_member_is_refused_with_the_path(tmp_path, content):
    path = archive(tmp_path / "mine.npz", {"images.npy": content})
    with pytest.raises(ValueError, match=r"whole npz archive.*Received: path=.*mine.npz"):
        arrays.read_npz(path)


@pytest.mark.faults("hostile files")
def test_a_bomb_is_refused_by_what_its_directory_states(tmp_path):
    values = np.zeros(10_000_000, np.uint8)
    np.savez_compressed(tmp_path / "a.npz", a=values, b=values)
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    with pytest.raises(ValueError, match=r"states 20000256 bytes of values; at most 1000000 fit"):
        arrays.read_npz(tmp_path / "a.npz", limit=1_000_000)


@pytest.mark.faults("hostile files")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    content = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", b"1")
    archive(tmp_path / "a.npz", {"images": content, "images.npy": content})
    with pytest.raises(ValueError, match=r"whole npz archive.*the array 'images' twice"):
        arrays.read_npz(tmp_path / "a.npz")


@pytest.mark.faults("hostile files")
def test_encrypted_and_unknown_compression_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    central = content.index(b"PK\x01\x02")
    for offset, value in ((8, 1), (10, 99)):  # the flag of encryption; the method
        damaged = bytearray(content)
        damaged[central + offset] = value
        damaged[offset - 2] = value
        (tmp_path / "b.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"whole npz archive.*b.npz"):
            arrays.read_npz(tmp_path / "b.npz")


@pytest.mark.faults("hostile files")
def test_every_flipped_byte_is_read_or_refused(tmp_path):
    rng = np.random.default_rng(17)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=rng.integers(0, 255, (5, 4, 4), np.uint8))
    whole = buffer.getvalue()
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        try:
            arrays.read_npz("a.npz", bytes(damaged))
        except ValueError:
            refused += 1
    assert refused > len(whole) // 2


def idx(shape, values, kind=0x08):
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_is_read(tmp_path, pack):
    path = tmp_path / "images"
    path.write_bytes(pack(idx((2, 3), struct.pack(">6h", *range(6)), 0x0B)))
    read = arrays.read_idx(path)
    np.testing.assert_array_equal(read, np.arange(6, dtype=np.int16).reshape(2, 3), strict=True)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (idx((1 << 31, 1 << 31, 4), b"1234"), r"states 18446744073709551616 bytes"),
        (idx((1 << 31, 1 << 31, 1 << 31, 0xFFFFFFFF), b""), r"states \d{35,} bytes"),
        (idx((2, 3), b"12345"), r"Expected 18 bytes.*\(2, 3\).*with 17 bytes$"),
        (idx((2, 3), b"1234567"), r"Expected 18 bytes.*with 19 bytes$"),
        (idx((2, 3), b"")[:7], r"header of 12 bytes.*with 7 bytes"),
        (idx((3,), b"123", 0x07), r"begins with 0, 0, type, rank"),
        (b"", r"begins with 0, 0, type, rank"),
    ],
)
def test_a_damaged_or_overflowing_idx_is_refused(tmp_path, content, reason, pack):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(pack(content))
    with pytest.raises(ValueError, match=reason) as raised:
        arrays.read_idx(path)
    assert "images-idx3-ubyte" in str(raised.value)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_idx_file_that_no_memory_holds_is_refused(tmp_path, pack, monkeypatch):
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(pack(idx((1 << 30, 1 << 30), b"1")))
    monkeypatch.setattr(arrays, "memory_bytes", lambda: None)  # as on Windows
    with pytest.raises(ValueError, match=r"fits into memory. Received: path=.*images-idx3-ubyte"):
        arrays.read_idx(path)


@pytest.mark.faults("hostile files")
def test_a_gzip_bomb_is_read_no_further_than_its_header_states(tmp_path):
    path = tmp_path / "images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(idx((10,), b""))
        for _ in range(64):
            file.write(bytes(1 << 20))
    with pytest.raises(ValueError, match=r"Expected 18 bytes.*with 1048594 bytes and more"):
        arrays.read_idx(path)


def test_an_absent_file_is_absent(tmp_path):
    for read in (arrays.read_npz, arrays.read_idx):
        with pytest.raises(FileNotFoundError, match="data file"):
            read(tmp_path / "none")
