"""A lock is exclusive between open files, and ends with the process that holds it."""

import subprocess
import sys

import pytest

from zoo.storage import locks

HOLD = """
import sys, time
from zoo.storage import locks
file = open(sys.argv[1])
assert locks.try_lock(file)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _supported():
    if not locks.SUPPORTED:
        pytest.skip("this system has no locks on files")


def test_a_second_open_file_is_refused_until_the_first_is_closed(tmp_path):
    path = tmp_path / "lock"
    with open(path, "w") as first, open(path) as second:
        assert locks.try_lock(first)
        assert not locks.try_lock(second)
        first.close()
        assert locks.try_lock(second)


def test_a_killed_process_releases_its_lock(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with open(path) as file:
        assert not locks.try_lock(file)
        holder.kill()
        holder.wait()
        assert locks.try_lock(file)
