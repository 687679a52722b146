"""Fixtures of the trainers' tests."""

import pytest
import small_run

from trainers import loop


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Returns (folder, config, run) of a run that is trained once a process, not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    config = small_run.config(folder)
    result = loop.train_and_evaluate(config, folder / "run", progress=False)
    return folder, config, result
