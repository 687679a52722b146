"""Runs on a Ray cluster: shared storage, nodes and drivers that end, memory that runs out.

Ray is an extra of its own (`pip install -e ".[ray]"`): without it these tests are skipped.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

pytest.importorskip("ray", reason='Needs the extra "ray".')

from benchmarks import encode_shards
from trainers import executors
from trainers.executors import Job, on_node
from trainers.sweeps import ledger, records, running
from trainers.sweeps.grid import RunSpec

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.slow  # Ray takes 10 s to start, and as long to see that a node ended.


@pytest.fixture
def cluster():
    """A head without cores for runs, and two nodes with one core each."""
    import ray

    with encode_shards.two_nodes() as (made, nodes):
        ray.init(address=made.address, log_to_driver=False)
        yield made, nodes
        ray.shutdown()


def _job(folder, name, code):
    return Job(name, ("-c", code, str(folder)), folder / f"{name}.log")


def _all(executor, count, seconds=120):
    ended, deadline = [], time.monotonic() + seconds
    while len(ended) < count:
        assert time.monotonic() < deadline, ended
        ended += executor.wait(0.5)
    return {end.job.name: end for end in ended}


# Appends a line when it begins; once it has saved, goes on from there, and ends at once.
RUN = """
import pathlib, signal, sys, time
folder, name = pathlib.Path(sys.argv[1]), "NAME"
saved = folder / f"{name}.saved"
print("begins" if not saved.exists() else "resumes", flush=True)
if not saved.exists():
    saved.touch()
    while not (folder / "go").exists():
        time.sleep(0.1)
with open(folder / "done", "a") as file:
    file.write(name + "\\n")
"""


def test_a_node_that_ends_loses_no_run_and_does_none_twice(cluster, tmp_path):
    made, nodes = cluster
    names = ["a", "b", "c"]
    with executors.make("ray", jobs=3) as executor:
        for name in names:
            executor.start(_job(tmp_path, name, RUN.replace("NAME", name)))
        deadline = time.monotonic() + 90
        while len(list(tmp_path.glob("*.saved"))) < 2:  # one on each node, the third waits
            assert time.monotonic() < deadline
            assert executor.wait(0.2) == []
        made.remove_node(nodes[1], allow_graceful=False)
        time.sleep(2)
        (tmp_path / "go").touch()
        ended = _all(executor, 3)
    assert {name: end.code for name, end in ended.items()} == dict.fromkeys(names, 0)
    assert sorted((tmp_path / "done").read_text().split()) == names
    logs = [(tmp_path / f"{name}.log").read_text() for name in names]
    assert sum("resumes" in log for log in logs) == 1
    assert not (tmp_path / on_node.MARK).exists()


HOG = "x = []\nwhile True: x.append(bytearray(b'1') * 2**26)"


def test_a_run_that_takes_all_memory_ends_alone(cluster, tmp_path):
    # The limit stands for the end of the node's memory, which nobody wants to reach in a test.
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))\n{HOG}"
    killed = "import os; os.kill(os.getpid(), 9)"  # as Linux ends what takes too much
    with executors.make("ray") as executor:
        assert executor.slots == 2
        jobs = {"limited": limited, "killed": killed, "well": "print('well')"}
        for name, code in jobs.items():
            executor.start(_job(tmp_path, name, code))
        ended = _all(executor, 3)
    assert {name: end.code for name, end in ended.items()} == {
        **{"limited": 1, "killed": -9, "well": 0}
    }
    assert "MemoryError" in (tmp_path / "limited.log").read_text()


def test_a_node_that_does_not_see_the_folder_says_so(cluster, tmp_path, monkeypatch):
    with executors.make("ray") as executor:
        executor.start(_job(tmp_path, "first", "print(1)"))
        (tmp_path / on_node.MARK).write_text("of another folder")
        ended = _all(executor, 1)
    assert ended["first"].code == 1
    assert "Expected the folder of the runs on storage that all nodes share" in ended["first"].error
    assert "first.log" not in os.listdir(tmp_path)


DRIVER = """
import sys
from trainers import executors
from trainers.sweeps import running
from trainers.sweeps.grid import RunSpec
specs = [RunSpec(f"seed={i}", {"seed": i}, (*sys.argv[2:], f"--config.seed={i}")) for i in (1, 2)]
with executors.make("ray", address="auto") as executor:
    running.train(specs, sys.argv[1], executor=executor)
"""


def test_a_killed_driver_s_sweep_goes_on_and_equals_a_local_one(cluster, tmp_path):
    config = (f"--config={ROOT / 'configs/quickstart.py'}", "--config.train.epochs=30")
    config += ("--config.evaluation.num_samples=20",)
    folder = tmp_path / "ray"
    environment = {**os.environ, "RAY_ADDRESS": cluster[0].address, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DRIVER, str(folder), *config]
    driver = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 300
    while len(list(folder.glob("seed=*/checkpoints/step-*"))) < 2:
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.1)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert not any(records.is_finished(folder / f"seed={i}") for i in (1, 2))
    subprocess.run(command, env=environment, check=True, timeout=400)
    log = "".join(records.log_path(folder, f"seed={i}").read_text() for i in (1, 2))
    assert "Resuming at step" in log
    specs = [RunSpec(f"seed={i}", {"seed": i}, (*config, f"--config.seed={i}")) for i in (1, 2)]
    running.train(specs, tmp_path / "local")
    ours, theirs = (_measured(tmp_path / where) for where in ("ray", "local"))
    assert ours == theirs and ours[0]["status"] == "finished"


def _measured(folder):
    """Returns the columns of a ledger that hold no time, a dict a run."""
    columns = ("run", "status", "epochs", "rate", "distortion", "elbo", "nll", "nll_stderr")
    return [{key: row[key] for key in columns} for row in ledger.read(folder)]


def test_runs_on_a_cluster_equal_local_ones_bit_for_bit(cluster, tmp_path):
    config = (f"--config={ROOT / 'configs/quickstart.py'}:tiny",)
    specs = [RunSpec(f"seed={i}", {"seed": i}, (*config, f"--config.seed={i}")) for i in (1, 2)]
    with executors.make("ray") as executor:
        done = running.train(specs, tmp_path / "ray", executor=executor)
    running.train(specs, tmp_path / "local")
    assert [record.status for record in done] == ["finished", "finished"]
    ours, theirs = (_measured(tmp_path / where) for where in ("ray", "local"))
    assert ours == theirs
    for spec in specs:
        ours, theirs = (_arrays(tmp_path / where / spec.name) for where in ("ray", "local"))
        assert ours.keys() == theirs.keys() and len(ours) > 10
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def _arrays(run):
    """Returns dict name -> array of a run's last checkpoint: weights, optimiser and seeds."""
    arrays = {}
    with h5py.File(max((run / "checkpoints").glob("step-*")) / "state.weights.h5") as file:
        file.visititems(
            lambda name, node: arrays.update({name: node[()]}) if hasattr(node, "shape") else None
        )
    return arrays
