"""Shards that a Ray cluster writes: equal to the local ones, also when a node ends in the middle.

Ray is an extra of its own (`pip install -e ".[ray]"`): without it these tests are skipped.
"""

import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("ray", reason='Needs the extra "ray".')

from benchmarks import encode_shards

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / "artifacts" / "bilbo-mnist-z2"
pytestmark = pytest.mark.slow  # Ray takes 10 s to start, and as long to see that a node ended.


@pytest.fixture(scope="module")
def stored():
    """Images at hand, uint8 [N, 28, 28]: those of a golden file."""
    with np.load(MODEL / "golden.npz") as golden:
        name = next(name for name in golden.files if golden[name].shape[1:3] == (28, 28))
        return np.rint(255 * np.clip(golden[name][..., 0], 0, 1)).astype(np.uint8)


def test_rows_are_there_once_although_a_node_ends(stored, tmp_path):
    count = 20_000
    encode_shards.generate(tmp_path / "images.npy", stored, count)
    options = ("--shard_rows=256", "--nll=8")
    measured = encode_shards.measure(
        tmp_path, tmp_path / "images.npy", 1, options, model=str(MODEL)
    )
    assert measured["differences"] == [(count, 0, 0), (count, 0, 0)]


def test_a_killed_command_goes_on_where_it_was(stored, tmp_path):
    count, options = 5000, ("--shard_rows=256", "--nll=8")
    images, out, local = tmp_path / "images.npy", tmp_path / "ray", tmp_path / "local"
    encode_shards.generate(images, stored, count)
    encode_shards.seconds(encode_shards.start(images, local, str(MODEL), None, options))
    with encode_shards.two_nodes() as (cluster, _):
        arguments = (images, out, str(MODEL), cluster.address, options)
        killed = encode_shards.start(*arguments)
        while len(list(out.glob("part-*"))) < 3:
            assert killed.poll() is None
            time.sleep(0.05)
        killed.kill()
        killed.wait()
        there = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
        assert len(there) < count // 256
        encode_shards.seconds(encode_shards.start(*arguments))
    assert all(path.stat().st_mtime_ns == date for path, date in there.items())
    assert encode_shards.difference(out, local) == (count, 0, 0)
    assert not [path for path in out.iterdir() if path.name[0] == "."]


def test_an_error_on_a_node_ends_the_command_in_one_line(tmp_path):
    bad = np.zeros((600, 28, 28), np.float32)
    bad[300] = 7
    np.save(tmp_path / "images.npy", bad)
    command = [sys.executable, "-m", "export.encode", f"--model={MODEL}", "--executor=ray"]
    command += [f"--images={tmp_path}/images.npy", f"--out={tmp_path}/out", "--shard_rows=256"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=200)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: Expected float images with values in [0, 1]")
    assert "on the node" in last
    # A second command has nothing to do for the shards that are right.
    assert {path.name[:10] for path in (tmp_path / "out").glob("part-*")} <= {
        *("part-00000", "part-00002")
    }
