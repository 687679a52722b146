"""A kill at any moment leaves a whole folder, and its leftovers go at the next start."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from zoo.storage import exchange, files, locks, workspaces

pytestmark = pytest.mark.skipif(not locks.SUPPORTED, reason="this system has no locks on files")

KILLED_BETWEEN_THE_MOVES = """
import os, signal, sys
from zoo.storage import exchange, files

def killed(source, to, move=os.replace):
    move(source, to)
    os.kill(os.getpid(), signal.SIGKILL)

exchange.exchange = lambda first, second: False
os.replace = killed
with files.atomic_folder(sys.argv[1]) as folder:
    (folder / "a").write_text("second")
"""
WRITES_FOR_EVER = """
import sys
from zoo.storage import files

number = 0
while True:
    number += 1
    with files.atomic_folder(sys.argv[1]) as folder:
        for name in "ab":
            (folder / name).write_text(str(number))
    files.atomic_write(sys.argv[1] + ".json", str(number) * 1000)
    print(number, flush=True)
"""


def run(program, *arguments):
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stdout=-1)


@pytest.fixture
def target(tmp_path):
    with files.atomic_folder(tmp_path / "artifact") as folder:
        (folder / "a").write_text("first")
    return tmp_path / "artifact"


@pytest.mark.faults("kills of replacing a folder")
def test_a_kill_between_two_moves_is_recovered(target):
    assert run(KILLED_BETWEEN_THE_MOVES, target).wait() == -signal.SIGKILL
    assert not target.exists()
    assert workspaces.recover(target)
    assert (target / "a").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["artifact"]
    assert not workspaces.recover(target)  # nothing to do


@pytest.mark.faults("kills of replacing a folder")
def test_the_next_writer_recovers_and_may_fail(target):
    run(KILLED_BETWEEN_THE_MOVES, target).wait()
    with pytest.raises(RuntimeError), files.atomic_folder(target):
        raise RuntimeError("a crash")
    assert (target / "a").read_text() == "first"


@pytest.mark.faults("kills of replacing a folder")
def test_kills_at_random_moments_leave_the_folder_whole_and_no_rest(tmp_path):
    target, rng = tmp_path / "artifact", random.Random(17)
    for _ in range(12):
        process = run(WRITES_FOR_EVER, target)
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        process.wait()
        process.stdout.close()
        workspaces.recover(target)
        assert (target / "a").read_text() == (target / "b").read_text()
        text = (tmp_path / "artifact.json").read_text()
        assert text == text[: len(text) // 1000] * 1000
    workspaces.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact", "artifact.json"]


def test_a_workspace_in_use_stays(tmp_path):
    with workspaces.workspace(tmp_path / "mine") as folder:
        (folder / "a").write_text("in use")
        assert workspaces.tidy(tmp_path) == []
        assert (folder / "a").read_text() == "in use"
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_workspace_stays(tmp_path):
    (tmp_path / ".mine.abcdefgh").mkdir()  # of that name, and without a lock file
    (tmp_path / ".mine.notes").mkdir()
    (tmp_path / ".mine.12345678").write_text("a file")
    (tmp_path / "mine.lock").touch()
    assert workspaces.tidy(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="no exchange in one step")
def test_two_folders_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text(name)
    if not exchange.exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system exchanges no folders")
    assert (tmp_path / "a" / "content").read_text() == "b"
    assert (tmp_path / "b" / "content").read_text() == "a"
    with pytest.raises(FileNotFoundError):
        exchange.exchange(tmp_path / "a", tmp_path / "absent")


def test_a_replaced_folder_exists_at_every_moment(target):
    process = run(WRITES_FOR_EVER, target)
    process.stdout.readline()
    deadline = time.monotonic() + 0.5
    try:
        while time.monotonic() < deadline:
            assert os.path.isdir(target)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
