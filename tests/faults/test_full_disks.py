"""Disks that are really full: one error that names no room, and all earlier files as they were."""

import errno
import hashlib
import io
import shutil
import zipfile

import numpy as np
import pytest
import tiny_artifact

import zoo
from export import encode, publish
from trainers import reevaluate
from trainers.experiments import catalogue, reproducing
from trainers.experiments.study import Item, Outcome, row
from zoo.releases import https
from zoo.storage import files

pytestmark = pytest.mark.faults("full disks")


def publish_run(disk, monkeypatch):
    run = tiny_artifact.run()[0]
    publish.publish(run, "new", out=disk / "artifact", probability=False, saved_model=False)


def encode_images(disk, monkeypatch):
    source = disk.parent / "images.npy"
    np.save(source, tiny_artifact.images(5_000))
    artifact = tiny_artifact.run()[0] / "artifact"
    encode.encode(artifact, source, disk / "features.npz", progress=False)


def fetch(disk, monkeypatch):
    content, artifact = io.BytesIO(), tiny_artifact.run()[0] / "artifact"
    with zipfile.ZipFile(content, "w") as packed:
        for path in artifact.rglob("*"):
            packed.write(path, path.relative_to(artifact))
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(disk / "cache"))
    monkeypatch.setattr(https, "open_url", lambda url: io.BytesIO(content.getvalue()))
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    zoo.load_encoder(f"https://example.org/tiny.zip#sha256={digest}")


def reproduce(disk, monkeypatch):
    def run(context):
        rows = [row("a", "rate", 0.5, 0.01, 0.7, [context.seed], "exact")]
        pixels = np.random.default_rng(17).integers(0, 256, (90, 90, 3), np.uint8)
        return Outcome(rows, {"grid": pixels}, "", {"ledger.csv": "family\n---\n"})

    item = Item("broken_elbo", "toy", "A title", "A conclusion.", run)
    monkeypatch.setattr(catalogue, "item", lambda paper, name: item)
    folders = disk / "work", disk / "results"
    reproducing.reproduce("broken_elbo", "toy", folders[0], "tiny", folders[1], progress=False)


def evaluate(disk, monkeypatch):
    reevaluate.reevaluate(disk / "run", metrics=["rate", "active_units"], progress=False)


WORK = [publish_run, encode_images, fetch, reproduce, evaluate]


def _earlier(disk):
    """Puts onto a disk what work left there before."""
    tiny_artifact.copy_to(disk).rename(disk / "artifact")
    (disk / "features.npz").write_bytes(b"earlier")
    shutil.copytree(tiny_artifact.run()[0], disk / "run", ignore=shutil.ignore_patterns("artifact"))


def _fill(path, room):
    """Writes a file until the disk is full, but for `room` bytes."""
    with open(path, "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                assert error.errno == errno.ENOSPC
        file.truncate(file.tell() - room)


def _content(disk):
    found = tiny_artifact.content(disk)
    return {name: found[name] for name in found if name != "filler"}


@pytest.mark.parametrize("room", [0, 4096])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_a_full_disk_costs_nothing_earlier(small_disk, monkeypatch, work, room):
    disk = small_disk(4_000_000)
    _earlier(disk)
    before = _content(disk)
    _fill(disk / "filler", room)
    with pytest.raises(OSError, match="No space left on device") as raised:
        work(disk, monkeypatch)
    assert raised.value.errno == errno.ENOSPC
    after = _content(disk)
    if work is evaluate and room:  # the metrics found room, the page did not
        assert set(files.read_json(disk / "run" / "evaluation.json")["metrics"]) > {"rate"}
        del before["run/evaluation.json"], after["run/evaluation.json"]
    assert after == before
    (disk / "filler").unlink()
    work(disk, monkeypatch)
    assert _content(disk) != before
