"""Tar files: members have their place, and a hostile archive ends in one error that names it."""

import io
import tarfile

import pytest

from zoo.storage import tars


def entry(name="0.png", content=b"picture", **changes):
    """Returns the bytes of an entry, its header changed after the content was chosen."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    padding = -len(content) % tarfile.BLOCKSIZE
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(padding)


def extended(size, content=b""):
    """Returns the header of an extended (pax) header that states `size` bytes."""
    header = entry("pax", b"", type=tarfile.XHDTYPE, size=size)
    return header + content + bytes(-len(content) % tarfile.BLOCKSIZE)


END = bytes(2 * tarfile.BLOCKSIZE)


def test_members_have_their_place_whatever_their_names_and_headers(tmp_path):
    path = tmp_path / "a.tar"
    names = ["0.png", "folder/" + "long" * 60 + ".png", "\u03bc.png", "../../etc/passwd"]
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        short = [name for name in names if form != tarfile.USTAR_FORMAT or len(name) < 100]
        with tarfile.open(path, "w", format=form) as archive:
            for name in short:
                info = tarfile.TarInfo(name)
                info.size = len(name)
                archive.addfile(info, io.BytesIO(name.encode()[: len(name)]))
        members, others = tars.members(path)
        assert ([member.name for member in members], others) == (short, 0)
        places = [(member.offset, member.size) for member in reversed(members)]
        expected = [name.encode()[: len(name)] for name in reversed(short)]
        assert list(tars.read(path, places, tars.stamp(path))) == expected


def test_links_and_devices_are_counted_and_never_followed(tmp_path):
    links = [
        entry("1.png", b"", type=kind, linkname="/etc/passwd")
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
    ]
    folder = entry("folder", b"", type=tarfile.DIRTYPE)
    (tmp_path / "a.tar").write_bytes(entry() + b"".join(links) + folder + entry("2.png") + END)
    members, others = tars.members(tmp_path / "a.tar")
    assert ([member.name for member in members], others) == (["0.png", "2.png"], 4)


HOSTILE = {
    "nothing": (b"", "empty"),
    "text": (b"pictures, I promise" * 99, "."),
    "gzip": (b"\x1f\x8b" + bytes(600), "compressed with gzip; unpack it"),
    "zstd": (b"(\xb5/\xfd" + bytes(600), "compressed with zstd; unpack it"),
    "a member larger than the file": (entry(size=10**6) + END, "ends within '0.png'"),
    "a member of 2 GB": (entry(size=1 << 31) + END, "at most 268435456 are read"),
    "a member of a negative size": (entry(size=-512) + END, "."),
    "a header of 1 GB": (extended(1 << 30) + entry() + END, "a header of 1073741824 bytes"),
    "a header of a negative size": (extended(-1024) + entry() + END, "."),
    "a header that goes back": (extended(9, b"9 size=-9") + entry() + END, "."),
    "headers that nest": (extended(0) * 3000 + entry() + END, "."),
    "a sparse member": (entry(type=tarfile.GNUTYPE_SPARSE) + END, "sparse"),
    "an end within a member": (entry(content=bytes(2000))[:1000], "ends within '0.png'"),
    "an end between members": (entry() + entry("1.png"), "ends without its end mark"),
    "an end within a header": (entry() + entry("1.png")[:100], "."),
    "a damaged header": (entry() + b"x" * 512 + END, "goes on after its end mark"),
    "another archive behind": (entry() + END + entry("1.png") + END, "goes on after its end mark"),
}


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused_with_the_path(tmp_path, content, reason):
    (tmp_path / "mine.tar").write_bytes(content)
    with pytest.raises(ValueError, match=rf"whole, uncompressed tar.*mine.tar.*{reason}"):
        tars.members(tmp_path / "mine.tar")


@pytest.mark.faults("hostile files")
def test_an_archive_of_too_many_entries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tars, "MOST_ENTRIES", 10)
    (tmp_path / "a.tar").write_bytes(entry(content=b"") * 11 + END)
    with pytest.raises(ValueError, match="it has 10 entries or more"):
        tars.members(tmp_path / "a.tar")


@pytest.mark.faults("hostile files")
def test_every_damaged_block_is_read_or_refused(tmp_path):
    whole = entry() + extended(20, b"20 path=another.png\n") + entry("1.png") + END
    refused = 0
    for place in range(0, len(whole), 17):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        (tmp_path / "a.tar").write_bytes(damaged)
        try:
            tars.members(tmp_path / "a.tar")
        except ValueError:
            refused += 1
    assert refused > len(whole) // 17 // 3


def test_places_outside_the_file_are_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(entry() + END)
    with pytest.raises(ValueError, match=r"Expected 5000 bytes at 512.*a.tar' with 1536 there"):
        list(tars.read(path, [(512, 5000)]))
    with pytest.raises(FileNotFoundError, match="data file"):
        list(tars.read(tmp_path / "none", []))
