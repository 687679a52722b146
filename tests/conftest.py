"""Fixtures that all tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import gc
import pathlib
import secrets
import shutil
import subprocess

import fault_counts
import numpy as np
import pytest

from trainers.scripts import prepare_tensorflow

prepare_tensorflow()


def pytest_addoption(parser):
    parser.addoption(
        "--vary-seed",
        action="store_true",
        help="Use another seed in every run, to prove that no test is lucky.",
    )
    fault_counts.add_options(parser)


def pytest_configure(config):
    config.pluginmanager.register(fault_counts.FaultCounts(config), "fault_counts")
    if hasattr(config, "workerinput"):  # one of several processes: the seed that all have
        config.seed = config.workerinput["seed"]
    else:
        config.seed = secrets.randbelow(2**31) if config.getoption("--vary-seed") else 17


# The longest files, which start first and in this order: each takes 20 processor seconds or more,
# and what starts last leaves the other processes idle.
LONG_FILES = (
    *("test_jax.py", "test_configs.py", "test_autoregressive.py", "test_artifacts.py"),
    *("test_loop.py", "test_pixelcnn.py", "test_bilbo.py", "test_probability.py", "test_sweep.py"),
    *("test_vamp.py", "test_conformance.py", "test_vae.py", "test_infovae.py", "test_terms.py"),
    *("test_divergences.py", "test_executions.py", "test_reevaluate.py", "test_stopping.py"),
)


def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG_FILES)))


def pytest_collection_finish(session):
    """Takes what was imported out of the rounds of the garbage collector, which tracing causes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["seed"] = node.config.seed


def pytest_report_header(config):
    return f"seed: {config.seed}"


@pytest.fixture(scope="session")
def seed(request):
    """17, or another in every run under `--vary-seed`."""
    return request.config.seed


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


def _tfds_folder():
    """The folder of prepared data sets: TFDS_DATA_DIR, else `../shared/tfds` beside a checkout."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "shared" / "tfds"
    for candidate in (os.environ.get("TFDS_DATA_DIR"), beside):
        if candidate and (pathlib.Path(candidate) / "mnist").is_dir():
            return str(candidate)
    return None


@pytest.fixture(scope="session")
def tfds_dir():
    """A folder with prepared TFDS data; the test skips, and says so, where there is none."""
    folder = _tfds_folder()
    if folder is None:
        pytest.skip("needs prepared data: set TFDS_DATA_DIR to a folder that holds mnist")
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """Returns a function of bytes that gives a folder on a disk of that size; Linux's root alone.

    The test is skipped where no disk can be mounted.
    """
    folder = tmp_path / "disk"

    def mount(size):
        if not shutil.which("mount") or not hasattr(os, "geteuid") or os.geteuid() != 0:
            pytest.skip("needs to be root, to mount a small disk")
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small disk cannot be mounted here")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def all_fail(monkeypatch):
    """Checks the runs of a grid as a sweep does, and lets each fail; lists (folder, spec)."""
    from trainers.sweeps import ledger, records, running

    asked = []

    def train(specs, workdir, **_):
        records.check_same(workdir, specs)
        for spec in specs:
            asked.append((workdir.name, spec))
            records.write(workdir, records.Record(spec, "failed", "it diverged"))
        ledger.write(workdir)
        return [records.read(workdir, spec.name) for spec in specs]

    monkeypatch.setattr(running, "train", train)
    return asked
