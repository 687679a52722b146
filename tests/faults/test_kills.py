"""Real SIGKILLs of training, evaluation and publishing, between and within steps and writes."""

import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import killed_process
import numpy as np
import pytest
import resumed_run
import tiny_artifact

from export import publish
from trainers import reevaluate
from trainers.sweeps import grid, records, running
from zoo.storage import files, workspaces

ROOT = pathlib.Path(__file__).parents[2]
NOTHING_LOST = {"seconds lost": 0.0, "executions lost": 0}
LONG = [pytest.mark.faults, pytest.mark.slow]
MOMENTS = {"train": 50, "evaluate": 30, "publish": 35}  # about as many as a whole job has


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Returns f(job, folder, moment) -> what a killed process noted, or None if it finished."""
    errors = tmp_path_factory.mktemp("killed") / "errors"
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    with open(errors, "w") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "killed_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def run(job, folder, moment):
        (folder / "killed.json").unlink(missing_ok=True)
        print(job, folder, moment, file=process.stdin, flush=True)
        code = int(process.stdout.readline() or 1)
        assert code in (0, -signal.SIGKILL), errors.read_text()[-3000:]
        return json.loads((folder / "killed.json").read_text()) if code else None

    yield run
    process.stdin.close()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns the folder of a run that nothing killed, and of a copy, `trained`, to evaluate."""
    folder = tmp_path_factory.mktemp("whole")
    resumed_run.trained(resumed_run.config(folder), folder / "run")
    shutil.copytree(folder / "run", folder / "trained")
    reevaluate.reevaluate(folder / "run", metrics=killed_process.METRICS, progress=False)
    return folder


@pytest.fixture
def kill(killed, faults, tmp_path):
    """Returns f(kind, job, count, start, check, moment), which kills and counts; see `_Kills`."""

    def repeat(kind, job, count, start, check, moment=_moment):
        rng = np.random.default_rng(faults.seed)
        kills = _Kills(faults.number(count, count > 1))
        while not kills.done:
            run = lambda folder: killed(job, folder, moment(rng, job))  # noqa: E731
            kills.add_run(tmp_path / f"run{kills.runs}", start, run, check)
        kills.count(faults, kind)
        if kills.differences:
            raise kills.differences[0]
        return kills.noted

    return repeat


def _moment(rng, job):
    return int(rng.integers(1, MOMENTS[job]))


class _Kills:
    """Kills of one kind of work.

    Args:
        number: How many kills there are to be.
    """

    def __init__(self, number):
        self.number, self.runs = number, 0
        self.noted, self.differences = [], []

    @property
    def done(self):
        return len(self.noted) >= self.number

    def add_run(self, folder, start, run, check):
        """Starts work, kills it until it is finished, and checks it after each kill.

        Args:
            folder: Of the run.
            start: Called with the folder, to prepare it.
            run: Called with the folder; returns what a killed process noted, or None.
            check: Called with the folder, and whether the work was finished.
        """
        start(folder)
        self.runs += 1
        while not self.done and (noted := run(folder)):
            self.noted.append(noted)
            self._check(check, folder, False)
        self._check(check, folder, True)

    def _check(self, check, folder, is_finished):
        try:
            check(folder, is_finished)
        except (AssertionError, ValueError, OSError) as error:
            self.differences.append(error)

    def count(self, faults, kind):
        within = sum(noted["where"] == "within an execution" for noted in self.noted)
        seconds = max(noted["seconds lost"] for noted in self.noted)
        faults.add(
            kind,
            injected=len(self.noted),
            runs=self.runs,
            different=len(self.differences),
            **({"within an execution": within} if within else {}),
            **({"most seconds of work lost": round(seconds, 2)} if seconds else {}),
        )


def _same_run(folder, whole):
    """Finishes the run of `folder` here and compares it with the whole one."""
    resumed_run.trained(resumed_run.config(folder), folder / "run")
    resumed_run.same(resumed_run.saved(folder / "run"), resumed_run.saved(whole / "run"))
    assert resumed_run.rows(folder / "run") == resumed_run.rows(whole / "run")
    assert resumed_run.scalars(folder / "run") == resumed_run.scalars(whole / "run")
    names = sorted(path.name for path in (folder / "run" / "checkpoints").glob("step-*"))
    assert names == ["step-00000009", "step-00000018"]


@pytest.mark.parametrize("count", [1, pytest.param(60, marks=LONG)])
def test_killed_training_is_resumed_bit_for_bit(kill, whole, count):
    def check(folder, is_finished):
        if is_finished:
            _same_run(folder, whole)

    kind = "kills of training that saves after each execution"
    kills = kill(kind, "train", count, pathlib.Path.mkdir, check)
    assert max(noted["executions lost"] for noted in kills) <= 1


@pytest.mark.parametrize("count", [pytest.param(20, marks=LONG)])
def test_a_kill_costs_no_more_than_checkpoint_minutes(kill, whole, count):
    def check(folder, is_finished):
        if is_finished:
            _same_run(folder, whole)

    kind = "kills of training that saves once a second"
    moment = lambda rng, job: f"{rng.uniform(1, 5):.3f}"  # noqa: E731
    kills = kill(kind, "paced", count, pathlib.Path.mkdir, check, moment)
    most = math.ceil(60 * killed_process.PACED_MINUTES / killed_process.PACED_SECONDS)
    assert max(noted["executions lost"] for noted in kills) <= most


def _copy_run(folder, whole, name):
    """Copies a run and its data, which the config of the copy names."""
    shutil.copytree(whole / name, folder / "run")
    shutil.copy(whole / "bars.npz", folder)
    path = folder / "run" / "config.json"
    path.write_text(path.read_text().replace(str(whole), str(folder)))


@pytest.mark.parametrize("count", [1, pytest.param(30, marks=LONG)])
def test_a_killed_evaluation_keeps_what_was_measured(kill, whole, count):
    expected = files.read_json(whole / "run" / "evaluation.json")["metrics"]
    measured = {}  # folder -> names

    def check(folder, is_finished):
        path = folder / "run" / "evaluation.json"
        result = files.read_json(path) if path.is_file() else {"metrics": {}}
        metrics = result["metrics"]
        assert measured.get(folder, set()) <= set(metrics)
        measured[folder] = set(metrics)
        assert metrics == {name: expected[name] for name in metrics}
        if is_finished and metrics.keys() != expected.keys():
            reevaluate.reevaluate(folder / "run", metrics=killed_process.METRICS, progress=False)
            result = files.read_json(path)
        if is_finished:
            assert "unfinished" not in result and result["metrics"] == expected

    start = lambda folder: _copy_run(folder, whole, "trained")  # noqa: E731
    kill("kills of evaluation", "evaluate", count, start, check)


@pytest.mark.parametrize("count", [1, pytest.param(30, marks=LONG)])
def test_killed_publishing_leaves_the_earlier_or_the_new_artifact_whole(kill, whole, count):
    earlier = tiny_artifact.content(tiny_artifact.run()[0] / "artifact")

    def start(folder):
        _copy_run(folder, whole, "run")
        tiny_artifact.copy_to(folder).rename(folder / "run" / "artifact")

    def check(folder, is_finished):
        artifact = folder / "run" / "artifact"
        workspaces.recover(artifact)
        if tiny_artifact.content(artifact) != earlier:
            assert files.read_json(artifact / "card.json")["name"] == "new"
            publish.prove(artifact, with_saved_model=False)
        if is_finished:
            workspaces.tidy(folder / "run")
            assert not [path for path in (folder / "run").iterdir() if path.name.startswith(".")]

    kill("kills of publishing", "publish", count, start, check)


@pytest.fixture
def stands(monkeypatch):
    monkeypatch.setattr(grid, "runs", killed_process.stands)


def test_a_killed_sweep_leaves_its_processes_and_trains_no_run_twice(killed, tmp_path, stands):
    (tmp_path / "stands").touch()
    workdir, lines = tmp_path / "sweep", []
    ended = [workdir / f"seed={i}.ended" for i in (1, 2)]
    assert killed("sweep", tmp_path, "4") == {"where": "after Popen", **NOTHING_LOST}
    sweep = lambda: running.sweep("", workdir, "", say=lines.append)  # noqa: E731
    sweep()
    left_out = "left out, another sweep is running it"
    assert lines == [f"seed=1: {left_out}", f"seed=2: {left_out}"]
    (workdir / "go").touch()
    deadline = time.monotonic() + 60
    while not all(path.is_file() for path in ended) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.read_text() for path in ended] == ["x", "x"]  # by the processes that were left
    while lines[-1].endswith(left_out) and time.monotonic() < deadline:
        sweep()
    assert [path.read_text() for path in ended] == ["xx", "xx"]


def _numbers(workdir):
    """Returns what a sweep's runs measured and their last weights, without times and places."""
    found = {}
    for name in ("seed=1", "seed=2"):
        metrics = files.read_json(workdir / name / "evaluation.json")["metrics"]
        found[name] = metrics, resumed_run.rows(workdir / name)
        found[name, "saved"] = {k: v.tolist() for k, v in resumed_run.saved(workdir / name).items()}
    return found


@pytest.mark.parametrize("count", [pytest.param(6, marks=LONG)])
def test_a_killed_sweep_goes_on_to_the_same_numbers(kill, killed, tmp_path, count):
    (tmp_path / "whole").mkdir()
    assert killed("sweep", tmp_path / "whole", "10000000") is None
    expected = _numbers(tmp_path / "whole" / "sweep")

    def check(folder, is_finished):
        workdir, deadline = folder / "sweep", time.monotonic() + 300
        while is_finished and time.monotonic() < deadline:  # for processes that were left behind
            found = [records.read(workdir, f"seed={i}").status for i in (1, 2)]
            if found == ["finished"] * 2:
                break
            time.sleep(1)
            assert killed("sweep", folder, "10000000") is None
        assert not is_finished or _numbers(workdir) == expected

    moment = lambda rng, job: f"{rng.uniform(0.5, 20):.3f}"  # noqa: E731
    kill("kills of a sweep", "sweep", count, pathlib.Path.mkdir, check, moment)
