"""Fixtures of the trainers' tests."""

import pytest
import small_run

from trainers import loop


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    config = small_run.config(folder)
    result = loop.train_and_evaluate(config, folder / "run", progress=False)
    return folder, config, result
