"""Sweeps: their runs, what happens when one of them fails, the ledger, numbers."""

import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from trainers import history, stopping
from trainers.sweeps import archive, grid, ledger, numbers, rate_distortion, records, running
from trainers.sweeps.grid import RunSpec
from trainers.sweeps.records import Record
from zoo.storage import files

ROOT = pathlib.Path(__file__).parents[2]
QUICK = "configs/quickstart.py:tiny"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of two runs, of which the first diverges at once."""
    workdir, lines = tmp_path_factory.mktemp("sweep"), []
    earlier = pathlib.Path.cwd()
    os.chdir(ROOT)
    try:
        found = running.sweep(
            QUICK,
            workdir,
            "optimizer.learning_rate=1e30,1e-3;objective.beta=0.5",
            ["--config.train.jit_compile=off", "--config.evaluation.nll_examples=20"],
            jobs=2,
            say=lines.append,
        )
    finally:
        os.chdir(earlier)
    return workdir, found, lines


def test_a_failed_run_does_not_stop_the_rest(swept):
    workdir, (failed, good), lines = swept
    assert (failed.status, good.status) == ("failed", "finished")
    assert "NonFiniteError: The loss stopped being a finite number at step 1" in failed.error
    assert failed.error.startswith("error: NonFiniteError: ")
    assert (workdir / good.spec.name / "report.html").is_file()
    assert "NonFiniteError" in records.log_path(workdir, failed.spec.name).read_text()
    assert [line[:5] for line in lines] == ["[1/2]", "[2/2]"]
    assert any("failed" in line and "NonFiniteError" in line for line in lines)
    assert any("finished" in line and "-ELBO" in line for line in lines)
    assert "1 left, about" in lines[0]


def test_the_ledger_holds_what_the_run_measured(swept):
    workdir, (failed, good), _ = swept
    rows = {row["run"]: row for row in ledger.read(workdir)}
    row = rows[good.spec.name]
    evaluation = json.loads((workdir / good.spec.name / "evaluation.json").read_text())
    for name in ("rate", "distortion", "elbo", "nll"):
        assert row[name] == evaluation["metrics"][name]["value"]
        assert row[f"{name}_stderr"] == evaluation["metrics"][name]["stderr"]
    assert (row["nll_samples"], row["nll_examples"]) == (5, 20)
    assert row["active_units"] == evaluation["metrics"]["active_units"]["value"]
    assert (row["beta"], row["seed"], row["epochs"], row["family"]) == (0.5, 17, 2, None)
    assert row["optimizer.learning_rate"] == 1e-3
    assert row["status"] == "finished" and row["error"] is None
    with open(workdir / good.spec.name / "metrics.csv", newline="") as file:
        history = list(csv.DictReader(file))
    # Three steps of sixty an epoch; the first epoch compiled.
    assert row["examples_per_second"] == pytest.approx(180 / float(history[1]["seconds"]), abs=0.1)
    assert row["train_seconds"] == pytest.approx(
        sum(float(epoch["seconds"]) for epoch in history), abs=0.06
    )
    assert row["command"].startswith(f"python -m trainers.train --config={QUICK} ")
    assert row["command"].endswith(f"--workdir=DIR/{good.spec.name}")
    assert str(workdir) not in (workdir / "ledger.csv").read_text()
    lost = rows[failed.spec.name]
    assert (lost["status"], lost["rate"], lost["epochs"]) == ("failed", None, 0)
    assert "NonFiniteError" in lost["error"]


def test_speed_is_the_median_of_all_epochs_but_the_first():
    seconds = (60.0, 2.0, 1.0, 30.0)  # of compiling, and of a machine that was busy
    rows = [{"step": 10 * i, "seconds": s} for i, s in enumerate(seconds, 1)]
    assert ledger._speed(rows, 8) == 80 / 2
    assert ledger._speed(rows[:1], 8) == round(80 / 60, 1)
    assert ledger._speed([], 8) is None


def test_a_second_sweep_runs_nothing(swept, monkeypatch):
    workdir, found, _ = swept
    monkeypatch.setattr(subprocess, "Popen", None)
    lines = []
    again = running.sweep(
        QUICK,
        workdir,
        "optimizer.learning_rate=1e30,1e-3;objective.beta=0.5",
        ["--config.train.jit_compile=off", "--config.evaluation.nll_examples=20"],
        say=lines.append,
    )
    assert again == found
    assert "failed before" in lines[0] and "--retry_failed" in lines[0]
    assert "finished before" in lines[1]


def test_other_flags_for_a_run_that_was_begun_are_refused(swept):
    with pytest.raises(ValueError, match="begun in this folder with other flags"):
        running.sweep(QUICK, swept[0], "optimizer.learning_rate=1e-3;objective.beta=0.5")


def test_numbers_are_kept_in_tables_without_weights_and_places(swept, tmp_path):
    workdir, (_, good), _ = swept
    folder, kept = workdir / good.spec.name, tmp_path / "kept"
    (stored,) = numbers.copy(workdir, kept)
    assert sorted(path.name for path in kept.iterdir()) == ["history.csv", "runs.csv"]
    for path in kept.iterdir():
        text = path.read_text()
        assert str(workdir) not in text and str(ROOT) not in text, path
    (read,) = archive.read(kept)
    assert read.name == stored.name and read.name.startswith("quickstart-tiny-beta=0.5-")
    assert read.history() == history.read(folder)
    there = files.read_json(folder / "evaluation.json")
    assert read.evaluation["metrics"] == there["metrics"]
    (measured,) = [row for row in ledger.read(workdir) if row["run"] == good.spec.name]
    assert read.config["command"] == measured["command"]
    numbers.copy(workdir, kept)
    assert archive.read(kept) == [read], "once more changes nothing"


def test_an_evaluation_is_shown_without_places():
    spec = RunSpec("seed=1", {}, ("--config=configs/a.py",))
    for command, expected in (
        ("python -m trainers.train --config=/x/a.py --workdir=/x/y", spec.shown()),
        (
            "python -m trainers.evaluate --workdir=/x/y --data_dir /x/z --metrics=nll",
            "python -m trainers.evaluate --workdir=DIR/seed=1 --metrics=nll",
        ),
        (
            "python -m export.release --runs=/x/y --names=a,b --out /x/z",
            "python -m export.release --names=a,b",
        ),
    ):
        assert numbers._shown(command, spec) == expected


def test_numbers_are_not_kept_of_nothing_or_in_place(swept, tmp_path):
    with pytest.raises(ValueError, match="another folder than the sweep's"):
        numbers.copy(swept[0], swept[0] / ".." / swept[0].name)
    with pytest.raises(ValueError, match="with a finished run"):
        numbers.copy(tmp_path, tmp_path / "kept")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("python -m trainers.train --config=/a/b.py --workdir=/c/seed=1", "--workdir=DIR/seed=1"),
        ("python -m trainers.evaluate --workdir=/c/seed=1 --metrics=nll", "seed=1 --metrics=nll"),
        (
            "python -m trainers.evaluate '--workdir=/c d/seed=1' --data_dir=/a/tfds --metrics=nll",
            "evaluate --workdir=DIR/seed=1 --metrics=nll",
        ),
        (
            "python -m trainers.evaluate --classifier /a/c --workdir /c/seed=1 --metrics=nll",
            "evaluate --workdir=DIR/seed=1 --metrics=nll",
        ),
    ],
)
def test_a_kept_evaluation_s_command_holds_no_place(command, shown):
    spec = RunSpec("seed=1", {"seed": "1"}, ("--config=configs/quickstart.py", "--config.seed=1"))
    found = numbers._shown(command, spec)
    assert found.endswith(shown) and "DIR/seed=1" in found and "/a" not in found
    assert "/c" not in found


def test_a_finished_run_whose_folder_is_gone_is_trained_again(swept, tmp_path):
    workdir, (_, good), _ = swept
    shutil.copytree(workdir / "logs", tmp_path / "logs")
    folder = shutil.copytree(workdir / good.spec.name, tmp_path / good.spec.name)
    assert records.read(tmp_path, good.spec.name).status == "finished"
    (folder / "report.html").unlink()  # as in a copy of the numbers
    assert records.read(tmp_path, good.spec.name).status == "finished"
    evaluation = files.read_json(folder / "evaluation.json")
    del evaluation["metrics"]["nll"]
    files.write_json(folder / "evaluation.json", evaluation)
    assert records.read(tmp_path, good.spec.name).status == "waiting"
    shutil.rmtree(folder)
    assert records.read(tmp_path, good.spec.name).status == "waiting"


def test_a_ledger_kept_without_its_runs_is_drawn_and_never_emptied(swept, tmp_path):
    shutil.copy(swept[0] / "ledger.csv", tmp_path)
    before = (tmp_path / "ledger.csv").read_bytes()
    assert [path.name for path in rate_distortion.write(tmp_path)] == ["rate_distortion.png"]
    with pytest.raises(FileNotFoundError, match="with runs"):
        ledger.write(tmp_path)
    assert (tmp_path / "ledger.csv").read_bytes() == before
    shutil.copytree(swept[0] / "logs", tmp_path / "logs")  # kept too, without the runs' folders
    rate_distortion.write(tmp_path)
    assert (tmp_path / "ledger.csv").read_bytes() == before
    with pytest.raises(FileNotFoundError, match="a sweep's folder"):
        rate_distortion.write(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists()


def test_pictures_of_a_sweep_without_families(swept):
    paths = rate_distortion.write(swept[0])
    assert [path.name for path in paths] == ["rate_distortion.png"]


# Processes that stand for trainings, as each of those costs seconds of importing.


class _Fake(RunSpec):
    def command(self, workdir):
        return ["-c", self.arguments[1]]


def _fakes(tmp_path, monkeypatch, codes):
    specs = [
        _Fake(f"seed={i}", {"seed": str(i)}, ("--config=configs/quickstart.py", code))
        for i, code in enumerate(codes)
    ]
    monkeypatch.setattr(grid, "runs", lambda *_: specs)
    return specs


def test_a_killed_child_is_a_failed_run_and_can_be_tried_again(tmp_path, monkeypatch):
    _fakes(tmp_path, monkeypatch, ["import os; os.kill(os.getpid(), 9)", "print('well')"])
    killed, good = running.sweep("", tmp_path, "", jobs=1, say=lambda line: None)
    assert (killed.status, killed.error) == ("failed", "ended by SIGKILL, perhaps out of memory")
    assert "well" in records.log_path(tmp_path, good.spec.name).read_text()
    marks = tmp_path / "mark"
    _fakes(tmp_path, monkeypatch, [f"open({str(marks)!r}, 'a').write('x')", "print('well')"])
    monkeypatch.setattr(records, "check_same", lambda *_: None)
    running.sweep("", tmp_path, "", say=lambda line: None)
    assert not marks.exists()
    running.sweep("", tmp_path, "", retry_failed=True, say=lambda line: None)
    assert marks.read_text() == "x"


def test_processes_get_the_threads_and_run_side_by_side(tmp_path, monkeypatch):
    folder = tmp_path / "begun"
    folder.mkdir()
    # Each waits for all others to have begun, which those that run one after another never have.
    code = (
        "import os, sys, time; print('threads', [os.environ[n] for n in "
        "('TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS', 'OMP_NUM_THREADS')])\n"
        f"folder = {str(folder)!r}\n"
        "open(os.path.join(folder, str(os.getpid())), 'w').close()\n"
        "for _ in range(3000):\n"
        "    if len(os.listdir(folder)) == 4: sys.exit()\n"
        "    time.sleep(0.01)\n"
        "sys.exit('alone')"
    )
    _fakes(tmp_path, monkeypatch, [code] * 4)
    said = []
    running.sweep("", tmp_path, "", jobs=4, threads=3, say=said.append)
    assert sum(" finished in " in line for line in said) == 4, said
    assert "threads ['3', '3', '3']" in records.log_path(tmp_path, "seed=2").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_sweep_stops_its_children(number, tmp_path, monkeypatch, request):
    marker = tmp_path / "pid"
    # A process that was started in the background may have been told to ignore it.
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, earlier))
    code = f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    _fakes(tmp_path, monkeypatch, [code])
    killer = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.05)\n"
    killer += "time.sleep(0.3); os.kill(int(sys.argv[2]), int(sys.argv[3]))"
    process = subprocess.Popen(
        [sys.executable, "-c", killer, str(marker), str(os.getpid()), str(int(number))]
    )
    with pytest.raises(stopping.Stopped) as stopped:
        running.sweep("", tmp_path, "", say=lambda line: None)
    assert stopped.value.exit_code == 128 + number
    process.wait()
    assert records.read(tmp_path, "seed=0").status == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_children_are_asked_to_save_and_a_second_signal_kills_them(tmp_path, monkeypatch, request):
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, earlier))
    child = (
        "import os, pathlib, signal, sys, time\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "def save(*_):\n"
        "    (folder / 'saved').touch()\n"
        "    {}\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "(folder / '{}').touch()\n"
        "time.sleep(60)"
    )
    codes = [child.format("sys.exit(143)", "quick"), child.format("time.sleep(60)", "stubborn")]
    _fakes(tmp_path, monkeypatch, codes)
    killer = (
        "import os, sys, time\n"
        "while not {'quick', 'stubborn'} <= set(os.listdir(sys.argv[1])): time.sleep(0.05)\n"
        "for _ in range(2): os.kill(int(sys.argv[2]), 2); time.sleep(1)"
    )
    process = subprocess.Popen([sys.executable, "-c", killer, str(tmp_path), str(os.getpid())])
    start = time.monotonic()
    with pytest.raises(stopping.Stopped):
        running.sweep("", tmp_path, "", say=lambda line: None)
    assert time.monotonic() - start < running.GRACE_SECONDS
    process.wait()
    assert (tmp_path / "saved").exists()
    assert [record.status for record in records.read_all(tmp_path)] == ["stopped", "stopped"]


@pytest.mark.parametrize("code", [130, 143])
def test_a_run_that_was_asked_to_end_resumes_without_retry_failed(tmp_path, monkeypatch, code):
    marks = tmp_path / "mark"
    _fakes(tmp_path, monkeypatch, [f"open({str(marks)!r}, 'a').write('x'); exit({code})"])
    monkeypatch.setattr(records, "check_same", lambda *_: None)
    lines = []
    for _ in range(2):
        (record,) = running.sweep("", tmp_path, "", say=lines.append)
    assert (record.status, record.error, marks.read_text()) == ("stopped", "", "xx")
    assert "seed=0 stopped in" in lines[0] and "the same command resumes" in lines[0]


def test_a_run_of_another_sweep_is_left_alone(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    _fakes(tmp_path, monkeypatch, ["print('mine')"])
    (tmp_path / "logs").mkdir()
    with open(records.log_path(tmp_path, "seed=0"), "ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        lines = []
        running.sweep("", tmp_path, "", say=lines.append)
    assert lines == ["seed=0: left out, another sweep is running it"]
    assert records.log_path(tmp_path, "seed=0").read_text() == ""


def test_nothing_finished_is_no_picture(tmp_path):
    (tmp_path / "logs").mkdir()
    records.write(tmp_path, Record(RunSpec("seed=0", {"seed": "0"}, ("--config=configs/x.py",))))
    assert rate_distortion.write(tmp_path) == []
    assert ledger.read(tmp_path)[0]["status"] == "waiting"


def test_a_folder_without_a_sweep_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="with ledger.csv"):
        ledger.read(tmp_path)


def test_the_error_of_a_layer_says_what_went_wrong(tmp_path):
    spec = RunSpec("seed=0", {}, ())
    text = (
        "Traceback (most recent call last):\n  File x, line 1\n"
        "TypeError: Exception encountered when calling Dense.call().\n\n"
        "\x1b[1mInput 'y' has type float32.\x1b[0m\n\nArguments received:\n  training=True\n"
    )
    files.atomic_write(records.log_path(tmp_path, spec.name), text)
    assert running._error(tmp_path, spec, 1) == (
        "TypeError: Exception encountered when calling Dense.call(). Input 'y' has type float32."
    )
    files.atomic_write(records.log_path(tmp_path, spec.name), "killed\n")
    assert running._error(tmp_path, spec, 1) == "killed"
    assert "SIGKILL, perhaps out of memory" in running._error(tmp_path, spec, -9)


@pytest.mark.parametrize("file", ["configs/a.py:tiny", "/elsewhere/checkout/configs/a.py:tiny"])
def test_a_config_is_the_same_one_in_every_checkout(tmp_path, file):
    begun = RunSpec("run", {}, ("--config=/here/configs/a.py:tiny", "--config.seed=1"))
    records.write(tmp_path, Record(begun))
    records.check_same(tmp_path, [RunSpec("run", {}, (f"--config={file}", "--config.seed=1"))])
    begun = RunSpec("two", {}, ("--config=configs/a.py", "--config.b=1", "--config.a=2"))
    records.write(tmp_path, Record(begun))
    swapped = (begun.arguments[0], *begun.arguments[:0:-1])
    records.check_same(tmp_path, [RunSpec("two", {}, swapped)])
    own = RunSpec("own", {}, ("--config=/home/me/own.py:a/b", "--config.seed=1"))
    assert records.without_places(own).arguments == ("--config=own.py:a/b", "--config.seed=1")
    near = RunSpec("own", {}, ("--config=mine/own.py",))
    assert records.without_places(near) == near
    for other in (f"--config={file},x", "--config=b.py:tiny"):
        with pytest.raises(ValueError, match="with other flags"):
            records.check_same(tmp_path, [RunSpec("run", {}, (other, "--config.seed=1"))])
