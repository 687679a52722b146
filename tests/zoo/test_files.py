"""Files are whole or absent."""

import errno
import hashlib
import os

import pytest

from zoo.storage import files


@pytest.mark.faults("full disks")
def test_a_failed_write_leaves_the_earlier_file_and_no_rest(tmp_path):
    path = tmp_path / "card.json"
    files.atomic_write(path, "earlier")

    def full_disk():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half of the ne")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        full_disk()
    assert path.read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_writing_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="Nothing was written"),
        files.atomic_path(tmp_path / "a.txt"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_only_on_success(tmp_path):
    target = tmp_path / "artifact"
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text("first")
    with pytest.raises(RuntimeError), files.atomic_folder(target) as folder:
        (folder / "b").write_text("second")
        raise RuntimeError("a crash")
    assert [p.name for p in target.iterdir()] == ["a"]
    with files.atomic_folder(target) as folder:
        (folder / "b").write_text("second")
    assert [p.name for p in target.iterdir()] == ["b"]
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


@pytest.mark.parametrize("after", [1, 2])
def test_an_interruption_at_the_swap_costs_neither_folder(tmp_path, monkeypatch, after):
    target = tmp_path / "artifact"
    with files.atomic_folder(target) as folder:
        (folder / "a").write_text("first")
    moves = []

    def interrupted(source, to, move=os.replace):
        move(source, to)
        moves.append(to)
        if len(moves) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(files.exchange, "exchange", lambda first, second: False)
    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(target) as folder:
        (folder / "b").write_text("second")
    assert [p.name for p in target.iterdir()] == ["a" if after == 1 else "b"]
    assert [p.name for p in tmp_path.iterdir()] == ["artifact"]


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_json(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"name": "\u03bc", "value": 0.1})
    assert files.read_json(path) == {"name": "\u03bc", "value": 0.1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"value": float("nan")})
    assert files.read_json(path)["value"] == 0.1
    path.write_text('{"name": ')
    with pytest.raises(ValueError, match=r"Expected JSON in .*a\.json"):
        files.read_json(path)
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        files.read_json(tmp_path / "absent.json")
