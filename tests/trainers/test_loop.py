"""The loop on a small real run: it resumes exactly, stops at a NaN, and loses nothing."""

import csv
import errno
import json
import shutil

import keras
import numpy as np
import pytest
from ml_collections import ConfigDict

from trainers import callbacks, checkpoints, loop, runs
from trainers.config import complete, default_config, model_config
from zoo import files
from zoo.backend import to_numpy


def _images(folder, count=41, labels=True):
    """Writes an npz of small grey pictures that have something to learn: bars of three kinds."""
    rng = np.random.default_rng(17)
    kinds = rng.integers(0, 3, count)
    images = rng.integers(0, 60, (count, 6, 6, 1)).astype("uint8")
    for image, kind in zip(images, kinds):
        image[2 * kind : 2 * kind + 2] += 180
    arrays = {"images": images, **({"labels": kinds} if labels else {})}
    np.savez(folder / "bars.npz", **arrays)
    return f"npz:{folder / 'bars.npz'}"


def _config(folder, epochs=3, **changes):
    config = default_config()
    config.data.name = _images(folder)
    config.encoder = {"name": "mlp", "hidden_units": [12]}
    config.decoder = {"name": "mlp", "hidden_units": [12]}
    config.train.epochs = epochs
    config.train.batch_size = 8
    config.train.jit_compile = "off"
    config.train.pictures_every = 2
    config.evaluation.num_samples = 3
    config = complete(config)
    for key, value in changes.items():
        config[key.split("__")[0]][key.split("__")[1]] = value
    return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    config = _config(folder)
    result = loop.train_and_evaluate(config, folder / "run", progress=False)
    return folder, config, result


def test_a_run_s_folder_holds_what_it_promises(run):
    folder, _, result = run
    workdir = folder / "run"
    found = {path.name for path in workdir.iterdir()}
    assert found == {
        "config.json",
        "checkpoints",
        "tensorboard",
        "metrics.csv",
        "evaluation.json",
        "report.html",
    }
    with open(workdir / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [int(row["step"]) for row in rows] == [5, 10, 15]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[0]["val_elbo"]) < 0
    assert json.loads((workdir / "config.json").read_text())["config"]["latent_dim"] == 2
    assert result.step == 15
    assert result.evaluation["num_examples"] == 4
    assert result.evaluation["metrics"]["nll"]["num_samples"] == 3
    assert "<table" in (workdir / "report.html").read_text()
    assert len(list((workdir / "checkpoints").iterdir())) == 2


def test_tensorboard_reads_the_scalars_and_pictures(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run[0] / "run" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [5, 10, 15]
    assert events.Scalars("loss")[-1].value == pytest.approx(run[2].history[-1]["loss"], rel=1e-6)
    assert set(events.Tags()["images"]) == {"reconstructions", "samples"}
    assert events.Images("samples")[0].width > 6


def test_stopped_and_resumed_is_the_same_run_bit_for_bit(run, tmp_path, monkeypatch):
    _, _, whole = run
    config = _config(tmp_path)

    class Killed(BaseException):
        pass

    class Kill(callbacks.Clock):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if epoch == 1:
                raise Killed  # In the second epoch, before its checkpoint.

    monkeypatch.setattr(callbacks, "Clock", Kill)
    with pytest.raises(Killed):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    monkeypatch.undo()
    assert checkpoints.newest(tmp_path / "run" / "checkpoints").step == 5

    again = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    for ours, theirs in zip(again.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
    for row, expected in zip(again.history, whole.history, strict=True):
        assert {k: v for k, v in row.items() if k != "seconds"} == {
            k: v for k, v in expected.items() if k != "seconds"
        }
    assert again.evaluation["metrics"] == whole.evaluation["metrics"]


def test_a_finished_run_is_left_as_it_is(run):
    folder, config, result = run
    kept = [folder / "run" / name for name in ("evaluation.json", "metrics.csv")]
    before = [path.read_bytes() for path in kept]
    again = loop.train_and_evaluate(config, folder / "run", progress=False)
    assert again.step == result.step
    assert [path.read_bytes() for path in kept] == before


def test_a_workdir_of_another_config_is_refused(run):
    folder, _, _ = run
    other = _config(folder, objective__beta=2.0)
    message = r"(?s)another config.*objective\.beta: 1\.0 there, 2\.0 here"
    with pytest.raises(ValueError, match=message):
        loop.train_and_evaluate(other, folder / "run", progress=False)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"empty or new folder.*thesis\.tex"):
        loop.train_and_evaluate(_config(tmp_path), tmp_path / "mine", progress=False)


def test_what_a_kill_left_of_the_first_write_is_no_run(tmp_path):
    (tmp_path / "run" / ".config.json.x1").mkdir(parents=True)
    runs.check_folder(tmp_path / "run", _config(tmp_path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train__epochs", 0),
        ("train__keep_checkpoints", -1),
        ("train__validation_every", 0),
        ("train__checkpoint_every", 0),
        ("train__steps_per_execution", -1),
        ("evaluation__num_samples", 0),
    ],
)
def test_numbers_out_of_range_are_refused_before_the_folder_is_taken(tmp_path, key, value):
    config = _config(tmp_path, **{key: value})
    name = key.replace("__", ".")
    with pytest.raises(ValueError, match=rf"`{name}` must be an integer.*{name}={value}"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_numbers_in_place_of_words_and_policies(tmp_path):
    config = _config(tmp_path)
    config.encoder.scale = "0.5"  # as a flag gives it, where the default is a word
    assert model_config(config, (6, 6, 1))["encoder"]["scale"] == 0.5
    config.encoder.scale = "log_variance"
    assert model_config(config, (6, 6, 1))["encoder"]["scale"] == "log_variance"
    for policy in ("mixed_float16", "float16"):
        config.train.dtype_policy = policy
        with pytest.raises(ValueError, match=f"train.dtype_policy among.*{policy}"):
            loop.train_and_evaluate(config, tmp_path / "run", progress=False)


def test_a_run_that_measures_nothing_is_finished(tmp_path):
    config = _config(tmp_path, epochs=1, evaluation__metrics=[])
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert result.evaluation["metrics"] == {}
    assert files.read_json(tmp_path / "run" / "evaluation.json")["metrics"] == {}


def test_a_limit_hides_no_change_of_the_data_and_is_said_where_it_cuts(tmp_path):
    config = _config(tmp_path, epochs=1, data__limit=20)
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert "the first 20 training examples alone" in runs.load_run(tmp_path / "run").training["cut"]
    assert result.evaluation is not None
    _images(tmp_path, count=42)
    with pytest.raises(ValueError, match="data has changed.*'source': 41.*'source': 42"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    whole = _config(tmp_path, epochs=1, data__limit=1000)
    loop.train_and_evaluate(whole, tmp_path / "whole", progress=False)
    assert runs.load_run(tmp_path / "whole").training["cut"] == ""


def test_an_unknown_metric_is_refused_before_training(tmp_path):
    config = _config(tmp_path, evaluation__metrics=["nnl"])
    with pytest.raises(ValueError, match='evaluation.metrics among.*Did you mean "nll"'):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)


def test_an_objective_with_labels_refuses_data_without_before_the_folder_is_taken(tmp_path):
    config = _config(tmp_path)
    config.data.name = _images(tmp_path, labels=False)
    with config.unlocked():
        config.objective = ConfigDict({"name": "classified", "num_classes": 3})
    with pytest.raises(ValueError, match="'classified' needs labels.*split 'train' has none"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_data_that_has_changed_is_refused(tmp_path):
    config = _config(tmp_path, epochs=1)
    loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    _images(tmp_path, count=42)
    with pytest.raises(ValueError, match="data has changed.*'train': 33.*'train': 34"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert set(saved["num_examples"]) == {"train", "validation", "test", "source"}
    del saved["num_examples"]["source"]  # a run of an earlier version, on its own data
    files.write_json(tmp_path / "run" / "config.json", saved)
    _images(tmp_path, count=41)
    runs.check_data(tmp_path / "run", loop.data.load_splits(config.data))
    _images(tmp_path, count=42)
    del saved["num_examples"]  # and one of before that
    files.write_json(tmp_path / "run" / "config.json", saved)
    runs.check_data(tmp_path / "run", loop.data.load_splits(config.data))


def test_an_evaluation_of_a_few_metrics_is_completed(run, tmp_path):
    shutil.copytree(run[0] / "run", tmp_path / "run")
    found = files.read_json(tmp_path / "run" / "evaluation.json")
    whole = found["metrics"]
    found["metrics"] = {"mmd": whole["rate"], "rate": whole["rate"]}
    files.write_json(tmp_path / "run" / "evaluation.json", found)
    again = loop.train_and_evaluate(run[1], tmp_path / "run", progress=False)
    assert {name: again.evaluation["metrics"][name] for name in whole} == whole
    assert "mmd" in again.evaluation["metrics"]


def test_moved_data_is_the_same_run(run):
    folder, config, _ = run
    moved = ConfigDict(config.to_dict())
    moved.data.data_dir = "/elsewhere"
    runs.check_folder(folder / "run", moved)


def test_an_argument_newer_than_a_run_is_at_its_default_there(run, tmp_path):
    folder, config, _ = run
    saved = json.loads((folder / "run" / "config.json").read_text())
    del saved["config"]["encoder"]["scale"]
    del saved["config"]["decoder"]["likelihood"]
    del saved["config"]["optimizer"]["epsilon"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    runs.check_folder(tmp_path, config)
    other = ConfigDict(config.to_dict())
    other.encoder.scale = "log_variance"
    message = r"encoder\.scale: 'softplus_scale' there, 'log_variance' here"
    with pytest.raises(ValueError, match=message):
        runs.check_folder(tmp_path, other)


def test_a_nan_stops_with_its_step_and_term_and_keeps_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    config = _config(tmp_path)
    stream = loop.data.training_batches

    def poisoned(*arguments):
        import tensorflow as tf

        batches = stream(*arguments).enumerate()
        return batches.map(lambda i, x: tf.where(i == 7, tf.fill(tf.shape(x), float("nan")), x))

    monkeypatch.setattr(loop.data, "training_batches", poisoned)
    message = r"step 7; terms that broke there: distortion.*last good checkpoint is .*step-00000005"
    with pytest.raises(callbacks.NonFiniteError, match=message):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert checkpoints.newest(tmp_path / "run" / "checkpoints").step == 5
    monkeypatch.undo()
    assert loop.train_and_evaluate(config, tmp_path / "run", progress=False).step == 15


def test_weights_that_are_not_finite_are_never_saved(run):
    _, _, result = run
    result.model.trainable_weights[0].assign(to_numpy(result.model.trainable_weights[0]) * np.nan)
    saver = callbacks.Checkpoints("nowhere", None, 1, 2)
    saver.set_model(result.model)
    saver.set_params({"epochs": 3})
    with pytest.raises(callbacks.NonFiniteError, match="A weight stopped being a finite number"):
        saver.on_epoch_end(0, {})


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


def test_a_checkpoint_of_another_model_is_refused(run, tmp_path):
    import zoo

    other = zoo.VAE(zoo.MLPEncoder(2, [7]), zoo.MLPDecoder(2, (6, 6, 1), [7]))
    with pytest.raises(ValueError, match="Expected a checkpoint of this model"):
        checkpoints.restore(checkpoints.newest(run[0] / "run" / "checkpoints"), other)


def test_load_run_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"with config\.json. Received: workdir="):
        runs.load_run(tmp_path)
    files.write_json(tmp_path / "config.json", {"config": {}})
    with pytest.raises(FileNotFoundError, match="a run with a checkpoint"):
        runs.load_run(tmp_path)


def test_mixed_precision_is_for_training_alone(tmp_path):
    config = _config(tmp_path, epochs=1, train__dtype_policy="mixed_bfloat16")
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert keras.mixed_precision.dtype_policy().name == "float32"
    assert {layer.compute_dtype for layer in result.model._flatten_layers()} == {"float32"}


@pytest.mark.parametrize(("steps", "expected"), [(200, 20), (391, 17), (157, 1), (12, 12)])
def test_steps_per_execution_divides_the_epoch(steps, expected):
    assert loop.resolve_steps(0, steps) == expected
    assert steps % loop.resolve_steps(7, steps) == 0


def test_xla_by_the_measured_rule(monkeypatch):
    import zoo
    from zoo.backend import accelerator

    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "2")
    policy = {"dtype": "mixed_bfloat16"}
    dense = zoo.VAE(zoo.MLPEncoder(2, [4]), zoo.MLPDecoder(2, (4, 4, 1), [4]))
    low = zoo.VAE(zoo.MLPEncoder(2, [4], **policy), zoo.MLPDecoder(2, (4, 4, 1), [4], **policy))
    conv = zoo.VAE(zoo.SmallConvEncoder(2, 4), zoo.MLPDecoder(2, (4, 4, 1), [4]))
    noisy = zoo.VAE(zoo.PixelNoiseEncoder(2, zoo.MLPEncoder(2, [4])), zoo.MLPDecoder(2, (4, 4, 1)))
    on_cpu = {dense: True, low: False, conv: False, noisy: True}
    for model, expected in on_cpu.items():
        assert loop.resolve_jit("auto", model) is (expected or accelerator())
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    for model in on_cpu:
        assert loop.resolve_jit("auto", model) is accelerator()


def test_jit_choice():
    with pytest.raises(ValueError, match="'auto', 'on' or 'off'.*'yes'"):
        loop.resolve_jit("yes", None)
    assert loop.resolve_jit("on", None) is True
    assert loop.resolve_jit("off", None) is False


def test_labels_scaled_pixels_and_what_is_estimated_after_training(tmp_path):
    config = default_config()
    config.data.name = _images(tmp_path)
    config.data.pixel_scale = 3.0
    base = {"name": "mlp", "hidden_units": [12], "scale": 1.0}
    config.encoder = {"name": "clipped", "base": base}
    config.decoder = {"name": "mlp", "hidden_units": [12], "likelihood": {"name": "baggins"}}
    config.marginal = {"name": "floating"}
    mu = {"name": "mu", "variance_term": "none"}
    config.objective = {"name": "classified", "base": mu, "num_classes": 3, "hidden_units": [6]}
    config.train.epochs, config.train.batch_size = 3, 8
    config.train.checkpoint_every, config.train.pictures_every = 2, 0
    config.train.jit_compile = "off"
    config.evaluation.num_samples = 3
    config = complete(config)
    assert config.objective.base.mean_term == "dimension"  # defaults of a part inside a part
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert {"accuracy", "val_accuracy", "regulariser"} <= set(result.history[-1])
    assert result.evaluation["data"]["pixel_scale"] == 3.0
    from trainers import data

    images = data.load_splits(config.data)["train"].float_images()
    assert images.max() > 2
    loc = to_numpy(result.model.encode(images)["loc"])
    expected = np.mean(1 + loc.astype("float64") ** 2, axis=0)
    np.testing.assert_allclose(to_numpy(result.model.marginal.variance.value()), expected, 1e-5)
    assert np.isfinite(result.evaluation["metrics"]["nll"]["value"])
    config.unlock()
    config.decoder.likelihood = {"name": "bernoulli"}
    with pytest.raises(ValueError, match="Gaussian likelihood. Received: data.pixel_scale=3.0"):
        loop.train(config, tmp_path / "other", data.load_splits(config.data), progress=False)


def test_pseudo_inputs_start_at_training_images_once(tmp_path):
    config = _config(tmp_path, epochs=1)
    with config.unlocked():
        config.marginal = ConfigDict({"name": "vamp", "num_pseudo_inputs": 4, "start": "images"})
    # Steps too small to move anything: what is saved is what training began with.
    config.optimizer.learning_rate = 1e-12
    images = loop.data.load_splits(config.data)["train"].float_images(slice(None))
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    for pseudo_input in to_numpy(result.model.marginal.pseudo_inputs()):
        distance = np.abs(pseudo_input - (0.01 + 0.98 * images)).max(axis=(1, 2, 3))
        assert distance.min() < 1e-6
