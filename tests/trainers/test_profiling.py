"""A profile of a run, as TensorBoard's plugin reads it."""

import small_run

from trainers import loop, profiling
from zoo import backend


def test_a_run_writes_a_profile_for_tensorboard(tmp_path):
    config = small_run.config(tmp_path)
    config.train.pictures_every = 0
    splits = loop.data.load_splits(config.data)
    loop.train(config, tmp_path / "run", splits, progress=False, profile=1)
    folder = tmp_path / "run" / "tensorboard" / "plugins" / "profile"
    (profile,) = folder.rglob("*.xplane.pb")
    assert profile.stat().st_size > 1000


def test_the_first_executions_are_left_out(monkeypatch, tmp_path):
    log = []
    monkeypatch.setattr(backend, "start_profile", lambda folder: log.append(folder))
    monkeypatch.setattr(backend, "stop_profile", lambda: log.append("written"))
    for executions, expected in ((2, [tmp_path, 2, 3, "written", 4]), (9, [tmp_path, 2, 3, 4])):
        log.clear()
        profile = profiling.Profile(tmp_path, executions)
        for number in range(5):
            profile.on_train_batch_begin(number)
            if number >= profiling.WARM_UP:
                log.append(number)
            profile.on_train_batch_end(number)
        assert log == expected
        profile.close()
        assert log.count("written") == 1
