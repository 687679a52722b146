"""Archives from elsewhere: nothing is written outside the folder, and damage is one ValueError."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from zoo.releases import archives

pytestmark = pytest.mark.faults("hostile files")


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
        archives.unpack(tmp_path / "archive", tmp_path / "deep" / "folder")
    assert not list(tmp_path.rglob("*out*"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_cannot_hold_a_link(tmp_path, kind):
    archive(tmp_path / "archive", kind, "link", link="/etc/passwd")
    with pytest.raises(ValueError, match="Expected files and folders. Received: 'link'"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "archive").write_text("hello")
    with pytest.raises(ValueError, match="Expected a zip or tar archive. Received: "):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


def test_a_bomb_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 1000)
    with zipfile.ZipFile(tmp_path / "archive", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(100_000))
    with pytest.raises(ValueError, match="at most 1000 bytes in 10000 files.*states 100000 bytes"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


def test_a_bomb_that_states_less_than_it_holds_is_stopped(tmp_path, monkeypatch):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(100_000))
    lying = content.getvalue().replace(struct.pack("<I", 100_000), struct.pack("<I", 500))
    (tmp_path / "archive").write_bytes(lying)
    monkeypatch.setattr(archives, "LARGEST", 1000)
    with pytest.raises(ValueError, match="Expected (a whole archive|at most 1000 bytes)"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")
    written = sum(path.stat().st_size for path in (tmp_path / "folder").rglob("*"))
    assert written <= 1000


def test_a_tar_that_states_more_than_the_limit_is_refused_unread(tmp_path):
    item = tarfile.TarInfo("zeros")
    item.size = 100 << 30
    (tmp_path / "archive").write_bytes(item.tobuf() + bytes(10_240))
    with pytest.raises(ValueError, match="which states 107374182400 bytes"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with zipfile.ZipFile(tmp_path / "archive", "w") as packed:
        for number in range(4):
            packed.writestr(f"{number}", "")
    with pytest.raises(ValueError, match="in 3 files.*first 4 files"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("x" * 300,)])
def test_names_that_no_folder_can_hold_are_refused(tmp_path, names):
    with tarfile.open(tmp_path / "archive", "w") as packed:
        for name in names:
            item = tarfile.TarInfo(name)
            item.size = 7
            packed.addfile(item, io.BytesIO(b"content"))
    with pytest.raises(ValueError, match="Expected (each name of an archive once|shorter names)"):
        archives.unpack(tmp_path / "archive", tmp_path / "folder")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_every_cut_and_flipped_archive_is_unpacked_or_refused(tmp_path, kind):
    whole = tmp_path / "whole"
    values = np.random.default_rng(17).integers(0, 255, 3000, np.uint8).tobytes()
    if kind == "zip":
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a/values", values)
    else:
        with tarfile.open(whole, f"w:{kind.partition('.')[2]}") as packed:
            item = tarfile.TarInfo("a/values")
            item.size = len(values)
            packed.addfile(item, io.BytesIO(values))
    content, rng, refused = whole.read_bytes(), np.random.default_rng(18), 0
    for number in range(150):
        damaged = bytearray(content)
        if number % 3:
            damaged[rng.integers(min(len(damaged), 600))] ^= 1 << rng.integers(8)
        else:
            del damaged[rng.integers(len(damaged)) :]
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            archives.unpack(tmp_path / "damaged", tmp_path / f"folder{number}")
        except ValueError:
            refused += 1
    assert refused > 40
