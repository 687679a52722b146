"""Trains the run of `resumed_run` in a folder and kills itself by SIGKILL at one of many moments.

python tests/killed_run.py FOLDER MOMENT

Moments are counted: the end of each execution, and before and after each file or folder is put in
its place, weights are written, and an old checkpoint is removed. The exit code is 0 if the run was
finished before.
"""

import os
import pathlib
import shutil
import signal
import sys

import resumed_run

from trainers import callbacks, loop
from zoo import weights
from zoo.storage import files

moments = 0
last = int(sys.argv[2])


def moment():
    global moments
    moments += 1
    if moments == last:
        os.kill(os.getpid(), signal.SIGKILL)


def around(module, name):
    function = getattr(module, name)

    def call(*arguments, **options):
        moment()
        result = function(*arguments, **options)
        moment()
        return result

    setattr(module, name, call)


around(weights, "save_weights")
around(files, "_put")
around(os, "replace")
around(shutil, "rmtree")
around(callbacks.Progress, "on_train_batch_end")
folder = pathlib.Path(sys.argv[1])
config = resumed_run.config(folder)
loop.train(config, folder / "run", loop.data.load_splits(config.data), progress=False)
