"""Checkpoints: kept, refused when damaged or of another model, safe from a full disk."""

import errno
import shutil

import numpy as np
import pytest

from trainers import checkpoints, runs
from zoo.storage import files


def test_an_infinite_validation_is_kept_with_the_checkpoint(run, tmp_path):
    history = [{"epoch": 1, "step": 5, "loss": 2.0, "val_elbo": -np.inf, "val_loss": np.nan}]
    checkpoints.save(tmp_path, runs.load_run(run[0] / "run").model, 5, history)
    (row,) = checkpoints.newest(tmp_path).history
    assert (row["epoch"], row["loss"], row["val_elbo"]) == (1, 2.0, -np.inf)
    assert np.isnan(row["val_loss"])


def _copy(run, tmp_path):
    shutil.copytree(run[0] / "run" / "checkpoints", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


@pytest.mark.parametrize("damage", ["cut", "changed", "absent", "meta"])
def test_a_damaged_checkpoint_is_refused_by_name(run, tmp_path, damage):
    folder = _copy(run, tmp_path)
    weights = folder / "step-00000015" / checkpoints.WEIGHTS
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "changed":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    elif damage == "absent":
        weights.unlink()
    else:
        (folder / "step-00000015" / checkpoints.META).write_text("{")
    with pytest.raises(ValueError, match=r"step-00000015 is damaged.*go on from step-00000010"):
        checkpoints.newest(folder)


def test_a_full_disk_leaves_the_earlier_checkpoints(run, tmp_path, monkeypatch):
    folder = _copy(run, tmp_path)
    model = runs.load_run(run[0] / "run").model

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(folder, model, 20, [], keep=1)
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000010", "step-00000015"]


def test_what_a_kill_left_behind_a_newer_checkpoint_is_removed(run, tmp_path):
    folder = _copy(run, tmp_path)
    for name in ("step-00000004-temporary", "step-00000005", "step-00000014-temporary"):
        (folder / name).mkdir()
    checkpoints.drop_old(folder, keep=2)
    assert [path.name for path in sorted(folder.iterdir())] == ["step-00000010", "step-00000015"]
    (folder / "step-00000016-temporary").mkdir()  # training goes on from here
    checkpoints.drop_old(folder, keep=1)
    kept = ["step-00000015", "step-00000016-temporary"]
    assert [path.name for path in sorted(folder.iterdir())] == kept


def test_a_checkpoint_of_another_model_is_refused(run, tmp_path):
    import zoo

    other = zoo.VAE(zoo.MLPEncoder(2, [7]), zoo.MLPDecoder(2, (6, 6, 1), [7]))
    with pytest.raises(ValueError, match="Expected a checkpoint of this model"):
        checkpoints.restore(checkpoints.newest(run[0] / "run" / "checkpoints"), other)
