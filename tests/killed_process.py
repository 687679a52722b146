"""Forks processes that work in a folder and kill themselves by SIGKILL at one of many moments.

    python tests/killed_process.py

Reads lines `JOB FOLDER MOMENT` and answers each with the exit code of a process: 0 if it finished
its work, -9 if it was killed. All are forked from this one, which has imported what they need.

MOMENT 12 is the 12th moment of the process. Moments are the start and the end of each execution and
each metric, and before and after weights are written, a graph is converted, a file or folder is put
in its place, a folder is removed, and a sweep starts a process. A kill at the start of an execution
comes within it.
MOMENT 0.7 is 0.7 seconds after the work began, wherever the process is then.
A killed process leaves `FOLDER/killed.json`: where it was, and the work that it had not saved.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

import resumed_run

import zoo
from export import onnx, publish
from trainers import callbacks, checkpoints, evaluation_record, loop, reevaluate
from trainers.sweeps import grid, running
from zoo import weights
from zoo.storage import files

METRICS = ["rate", "distortion", "nll", "active_units", "linear_probe"]
CONFIG = str(pathlib.Path(__file__).parents[1] / "configs" / "quickstart.py:tiny")
OVERRIDES = [
    *("--config.train.epochs=40", "--config.train.checkpoint_minutes=0.001"),
    *("--config.train.jit_compile=off", "--config.evaluation.nll_examples=20"),
]
PACED_SECONDS, PACED_MINUTES = 0.3, 1 / 60  # of an execution; between two checkpoints


class Killer:
    """Counts the moments of this process and kills it at one of them.

    Args:
        folder: Where `killed.json` goes.
        moment: The number of a moment, or seconds with a decimal point.
    """

    def __init__(self, folder, moment):
        self.folder, self.moments = folder, 0
        self.last = 0 if "." in moment else int(moment)
        self.execution_seconds, self.execution = 0.05, None
        self.saved_at, self.executions = None, 0
        if "." in moment:
            self._later(float(moment))

    def moment(self, where):
        self.moments += 1
        if self.moments == self.last:
            self.kill(where)

    def kill(self, where="anywhere"):
        inside = self.execution is not None
        lost = time.monotonic() - self.saved_at if self.saved_at else 0.0
        found = {"where": "within an execution" if inside else where}
        found |= {"seconds lost": lost, "executions lost": self.executions}
        (self.folder / "killed.json").write_text(json.dumps(found))
        os.kill(os.getpid(), signal.SIGKILL)

    def _later(self, seconds):
        thread = threading.Timer(seconds, self.kill)
        thread.daemon = True
        thread.start()

    def around(self, module, name, after=lambda: None):
        """Makes the start and the end of a function moments."""
        function = getattr(module, name)

        def call(*arguments, **options):
            self.moment(f"before {name}")
            result = function(*arguments, **options)
            after()
            self.moment(f"after {name}")
            return result

        setattr(module, name, call)

    def begin(self, *_):
        """Notes the start of an execution."""
        self.execution = time.monotonic()
        self.saved_at = self.saved_at or self.execution
        self.executions += 1
        self.moments += 1
        if self.moments == self.last:  # soon: an execution is the work of other threads
            self._later(self.last % 10 / 10 * self.execution_seconds)

    def end(self, *_):
        """Notes the end of an execution."""
        self.execution_seconds, self.execution = time.monotonic() - self.execution, None
        self.moment("after an execution")

    def saved(self):
        self.saved_at, self.executions = time.monotonic(), 0

    def watch(self, seconds=0.0):
        """Makes moments of all that is written, and of executions, which last `seconds` longer."""
        killer = self

        class Watched(callbacks.Progress):
            def on_train_batch_begin(self, batch, logs=None):
                killer.begin()
                time.sleep(seconds)

            def on_train_batch_end(self, batch, logs=None):
                super().on_train_batch_end(batch, logs)
                killer.end()

        callbacks.Progress = Watched
        self.around(weights, "save_weights")
        self.around(files, "_put")
        self.around(os, "replace")
        self.around(shutil, "rmtree")
        self.around(onnx, "export")
        self.around(evaluation_record.EvaluationRecord, "keep", after=self.saved)
        self.around(checkpoints, "save", after=self.saved)


def train(folder, minutes=None):
    config = resumed_run.config(folder)
    config.train.checkpoint_minutes = minutes or config.train.checkpoint_minutes
    loop.train(config, folder / "run", loop.data.load_splits(config.data), progress=False)


class Stand(grid.RunSpec):
    """A run whose process stands for a training: it waits for a file `go` and writes a file."""

    def command(self, workdir):
        go, ended = workdir.with_name("go"), workdir.with_suffix(".ended")
        code = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
        return ["-c", f"{code}open({str(ended)!r}, 'a').write('x')"]


def stands(*_):
    """Returns the runs of `grid.runs`, whose processes cost no seconds of importing."""
    return [Stand(f"seed={i}", {"seed": str(i)}, ("--config=", str(i))) for i in (1, 2)]


def sweep(folder):
    """Sweeps two seeds; by processes that stand for trainings where there is a file `stands`."""
    if (folder / "stands").exists():
        grid.runs = stands
    running.sweep(CONFIG, folder / "sweep", "seed=1,2", OVERRIDES, jobs=2)


def work(job, folder, moment):
    """Does a job; kills this process at the moment."""
    killer = Killer(folder, moment)
    if job == "sweep":
        killer.around(subprocess, "Popen")
    else:
        killer.watch(PACED_SECONDS if job == "paced" else 0.0)
    if job == "train":
        train(folder)
    elif job == "paced":
        train(folder, PACED_MINUTES)
    elif job == "evaluate":
        killer.saved()
        reevaluate.reevaluate(folder / "run", metrics=METRICS, progress=False)
    elif job == "publish":
        publish.publish(folder / "run", "new", probability=False, saved_model=False)
    else:
        sweep(folder)
    if os.environ.get("MOMENTS"):
        print(job, "has", killer.moments, "moments", file=sys.stderr)


def main():
    zoo.load_parts(needed_by="these tests")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed is no answer
    for line in sys.stdin:
        job, folder, moment = line.split()
        process = os.fork()
        if not process:
            try:
                work(job, pathlib.Path(folder), moment)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), file=answers, flush=True)


if __name__ == "__main__":
    main()
