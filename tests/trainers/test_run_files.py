"""A run's JSON files: damaged ones are refused with their path, and those of earlier runs read."""

from pathlib import Path

import mutations
import numpy as np
import pytest
import tiny_artifact

from trainers import checkpoints, run_files, runs
from trainers.sweeps import archive
from zoo.storage import files, json_text

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a run's checkpoints, of which there is one."""
    folder = tmp_path_factory.mktemp("run")
    model = tiny_artifact.make_model()
    model.compile("adam")
    rows = [{"epoch": 1, "step": 7, "loss": 1.5, "val_loss": float("inf"), "seconds": 0.5}]
    checkpoints.save(folder, model, 7, rows)
    return folder


@pytest.fixture
def meta(saved):
    """The path of `meta.json`, which is put back after the test."""
    path = saved / "step-00000007" / "meta.json"
    content = path.read_bytes()
    yield path
    path.write_bytes(content)


def test_what_is_kept_of_earlier_runs_is_read(tmp_path):
    kept = [run for paper in ("bilbo", "mu_vae") for run in archive.read(RESULTS / paper)]
    finished = [run for run in kept if run.status == "finished"]
    assert len(finished) > 10
    for run in finished:
        files.write_json(tmp_path / run_files.CONFIG, run.config)
        files.write_json(tmp_path / run_files.EVALUATION, run.evaluation)
        assert run_files.read_config(tmp_path)["command"]
        assert run_files.read_evaluation(tmp_path)["metrics"]


@pytest.mark.faults("hostile files")
def test_every_flipped_bit_of_meta_json_is_noticed(saved, meta, rng):
    content = np.frombuffer(meta.read_bytes(), "u1")
    assert checkpoints.newest(saved).history[0]["val_loss"] == float("inf")
    for _ in range(400):
        changed = content.copy()
        changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
        meta.write_bytes(changed.tobytes())
        with pytest.raises(ValueError, match="The checkpoint .*step-00000007 is damaged: "):
            checkpoints.newest(saved)


@pytest.mark.faults("hostile files")
def test_every_edit_of_meta_json_is_noticed(saved, meta, rng):
    value = files.read_json(meta)
    for place in mutations.places(value):
        for _ in range(3):
            files.write_json(meta, mutations.mutate(value, place, rng))
            if place == (json_text.SEAL,) and json_text.SEAL not in files.read_json(meta):
                continue  # as an earlier version wrote it
            with pytest.raises(ValueError, match="is damaged: "):
                checkpoints.newest(saved)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sha256": {}}, "Expected the hashes of .*'state.weights.h5'.* Received: sha256={}"),
        ({"step": 8}, "Expected the step of .*step-00000007 .* Received: step=8"),
        ({"history": [{"loss": "high"}]}, r"'history\[0\].loss' \(a number, .*Received: .*'high'"),
        ({"history": None}, "Expected 'history' .list. in .*meta.json. Received: history=None"),
        ({"sha256": {"state.weights.h5": 3}}, "64 hexadecimal digits"),
    ],
)
def test_a_forged_meta_json_is_refused(saved, meta, changes, text):
    files.write_json(meta, json_text.seal({**files.read_json(meta), **changes}))
    with pytest.raises(ValueError, match=text):
        checkpoints.newest(saved)


def test_a_checkpoint_of_an_earlier_version_is_read(saved, meta):
    value = files.read_json(meta)
    files.write_json(meta, {key: value[key] for key in ("step", "history", "sha256")})
    assert checkpoints.newest(saved).step == 7
    files.write_json(meta, {"content_sha257": value.pop("content_sha256"), **value})
    with pytest.raises(ValueError, match="Expected content_sha256 in .*: 'content_sha257'"):
        checkpoints.newest(saved)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize("name", ["config.json", "evaluation.json"])
def test_a_forged_file_of_a_run_ends_in_one_error(name, tmp_path, rng):
    tiny_artifact.make_run(tmp_path / "run")
    path = tmp_path / "run" / name
    value = files.read_json(path)
    read = {"config.json": run_files.read_config, "evaluation.json": run_files.read_evaluation}
    assert read[name](tmp_path / "run") == value
    refused = 0
    for place in mutations.places(value):
        files.write_json(path, mutations.mutate(value, place, rng))
        try:
            read[name](tmp_path / "run")
        except ValueError as error:
            assert name in str(error)
            refused += 1
    assert refused > 5
    for text in ("[" * 100_000, "3", "{}", "[]", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match=name):
            runs.load_run(tmp_path / "run")
