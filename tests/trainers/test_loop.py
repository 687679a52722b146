"""The loop on a small real run: it resumes exactly, stops at a NaN, and loses nothing."""

import csv
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import small_run
from ml_collections import ConfigDict

from trainers import callbacks, checkpoints, loop, runs
from trainers import history as histories
from trainers.config import complete, default_config, model_config
from zoo.backend import BACKEND, to_numpy


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
    noted = json.loads((workdir / "config.json").read_text())
    assert noted["config"]["latent_dim"] == 2
    units = {name: term["unit"] for name, term in noted["terms"].items()}
    expected = dict.fromkeys(("loss", "distortion", "rate", "elbo"), "nats")
    assert units == {**expected, "layer_losses": ""}
    assert result.step == 15
    assert result.evaluation["num_examples"] == 4
    assert result.evaluation["metrics"]["nll"]["num_samples"] == 3
    assert "<table" in (workdir / "report.html").read_text()
    assert len(list((workdir / "checkpoints").iterdir())) == 2


_WITHOUT_KERAS = """
import json, sys
sys.modules.update(dict.fromkeys(("keras", "tensorflow", "jax")))
from trainers import history, plots
folder = sys.argv[1]
terms = json.load(open(folder + "/config.json"))["terms"]
rows = history.read(folder)
columns = {name: [row[name] for row in rows] for name in rows[0]}
figure = plots.curves(columns, units={name: term["unit"] for name, term in terms.items()})
print(json.dumps({panel.get_title(loc="left"): panel.get_ylabel() for panel in figure.axes[:4]}))
"""


def test_the_curves_of_a_run_are_drawn_without_keras(run):
    command = [sys.executable, "-c", _WITHOUT_KERAS, str(run[0] / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = dict.fromkeys(("loss", "distortion", "rate", "elbo"), "nats")
    assert json.loads(done.stdout) == expected


def test_tensorboard_reads_the_scalars_and_pictures(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run[0] / "run" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [5, 10, 15]
    assert events.Scalars("loss")[-1].value == pytest.approx(run[2].history[-1]["loss"], rel=1e-6)
    assert set(events.Tags()["images"]) == {"reconstructions", "samples"}
    assert events.Images("samples")[0].width > 6
    for tag in ("rate", "val_rate"):
        description = events.SummaryMetadata(tag).summary_description
        assert description == "KL divergence of the posterior from the marginal. In nats."


@pytest.mark.parametrize("steps", [1, 5])
def test_records_of_an_epoch_add_up_to_its_loss(tmp_path, steps):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # The last of the five batches holds a single image, of which there is no divergence.
    config = small_run.config(tmp_path, epochs=1, train__steps_per_execution=steps)
    with config.unlocked():
        config.objective = ConfigDict({"name": "infovae", "lambda_": 100.0})
        config.train.pictures_every = 0
    splits = loop.data.load_splits(config.data)
    assert len(splits["train"]) == 33
    loop.train(config, tmp_path / "run", splits, progress=False)
    (row,) = histories.read(tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    for prefix in ("", "val_"):
        names = [f"{prefix}{name}" for name in ("loss", "distortion", "rate", "divergence")]
        scalars = [events.Scalars(name)[0].value for name in names]
        for loss, distortion, rate, divergence in ([row[name] for name in names], scalars):
            assert divergence != 0
            assert loss == pytest.approx(distortion + rate + 99.0 * divergence, rel=2e-5)


def test_batches_too_small_for_a_term_are_refused(tmp_path):
    config = small_run.config(tmp_path, epochs=1, train__batch_size=1)
    with config.unlocked():
        config.objective = ConfigDict({"name": "infovae"})
    splits = loop.data.load_splits(config.data)
    with pytest.raises(ValueError, match="at least 2 .*divergence.*train.batch_size=1, 33 "):
        loop.train(config, tmp_path / "run", splits, progress=False)
    assert not (tmp_path / "run").exists()


def test_stopped_and_resumed_is_the_same_run_bit_for_bit(run, tmp_path, monkeypatch):
    _, _, whole = run
    config = small_run.config(tmp_path)

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
    config = small_run.config(tmp_path, **{key: value})
    name = key.replace("__", ".")
    with pytest.raises(ValueError, match=rf"`{name}` must be an integer.*{name}={value}"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    config = small_run.config(tmp_path)
    config.seed = 2**31
    with pytest.raises(ValueError, match=r"`seed` must be in \[0, 2\*\*31\). Received: seed=2147"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_numbers_in_place_of_words_and_policies(tmp_path):
    config = small_run.config(tmp_path)
    config.encoder.scale = "0.5"  # as a flag gives it, where the default is a word
    assert model_config(config, (6, 6, 1))["encoder"]["scale"] == 0.5
    config.encoder.scale = "log_variance"
    assert model_config(config, (6, 6, 1))["encoder"]["scale"] == "log_variance"
    for policy in ("mixed_float16", "float16"):
        config.train.dtype_policy = policy
        with pytest.raises(ValueError, match=f"train.dtype_policy among.*{policy}"):
            loop.train_and_evaluate(config, tmp_path / "run", progress=False)


def test_an_unknown_metric_is_refused_before_training(tmp_path):
    config = small_run.config(tmp_path, evaluation__metrics=["nnl"])
    with pytest.raises(ValueError, match='evaluation.metrics among.*Did you mean "nll"'):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)


def test_an_objective_with_labels_refuses_data_without_before_the_folder_is_taken(tmp_path):
    config = small_run.config(tmp_path)
    config.data.name = small_run.images(tmp_path, labels=False)
    with config.unlocked():
        config.objective = ConfigDict({"name": "classified", "num_classes": 3})
    with pytest.raises(ValueError, match="'classified' needs labels.*split 'train' has none"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_nan_stops_with_its_step_and_term_and_keeps_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    config = small_run.config(tmp_path, evaluation__metrics=["rate"])
    stream = loop.data.training_batches

    def poisoned(*arguments):
        batches = stream(*arguments)
        if BACKEND == "jax":
            return (x * np.nan if i == 7 else x for i, x in enumerate(batches))
        return batches.enumerate().map(lambda i, x: x * np.nan if i == 7 else x)

    monkeypatch.setattr(loop.data, "training_batches", poisoned)
    message = r"step 7; terms that broke there: distortion.*last good checkpoint is .*step-00000005"
    with pytest.raises(callbacks.NonFiniteError, match=message):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert checkpoints.newest(tmp_path / "run" / "checkpoints").step == 5
    monkeypatch.undo()
    assert loop.train_and_evaluate(config, tmp_path / "run", progress=False).step == 15


def test_weights_that_are_not_finite_are_never_saved(run):
    model = runs.load_run(run[0] / "run").model
    model.trainable_weights[0].assign(to_numpy(model.trainable_weights[0]) * np.nan)
    saver = callbacks.Checkpoints("nowhere", None, 1, 2)
    saver.set_model(model)
    saver.set_params({"epochs": 3})
    with pytest.raises(callbacks.NonFiniteError, match="A weight stopped being a finite number"):
        saver.on_epoch_end(0, {})


def test_mixed_precision_is_for_training_alone(tmp_path):
    few = {"epochs": 1, "evaluation__metrics": ["rate"]}
    config = small_run.config(tmp_path, **few, train__dtype_policy="mixed_bfloat16")
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert keras.mixed_precision.dtype_policy().name == "float32"
    assert {layer.compute_dtype for layer in result.model._flatten_layers()} == {"float32"}


@pytest.mark.parametrize(("steps", "expected"), [(200, 20), (391, 17), (157, 1), (12, 12)])
def test_steps_per_execution_divides_the_epoch(steps, expected):
    assert loop.resolve_steps(0, steps) == (1 if BACKEND == "jax" else expected)
    assert steps % loop.resolve_steps(7, steps) == 0
    within = loop.resolve_steps(0, steps, first_step=3)
    assert steps % within == 0 and (steps - 3) % within == 0


@pytest.mark.parametrize(("setting", "expected"), [(0, 20), (7, 7), (500, 391)])
def test_an_execution_of_one_program_need_not_divide_the_epoch(setting, expected):
    assert loop.resolve_steps(setting, 391, first_step=3, most_in_program=1000) == expected
    assert loop.resolve_steps(setting, 391, first_step=3, most_in_program=5) == 5


@pytest.mark.skipif(BACKEND == "jax", reason="JAX always compiles")
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


def test_what_was_trained_on_does_not_judge_itself(tmp_path):
    metrics = ["rate", "linear_probe"]
    config = small_run.config(tmp_path, epochs=1, evaluation__metrics=metrics)
    config.data.validation_split = config.data.test_split = "none"
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not [name for name in result.history[-1] if name.startswith("val_")]
    assert result.evaluation["split"] == "train"
    assert result.evaluation["metrics"]["linear_probe"]["value"] is None
    page = (tmp_path / "run" / "report.html").read_text()
    assert "No split was held out." in page


def test_too_few_images_for_pseudo_inputs_leave_the_folder_free(tmp_path):
    config = small_run.config(tmp_path)
    with config.unlocked():
        config.marginal = ConfigDict({"name": "vamp", "num_pseudo_inputs": 99, "start": "images"})
    with pytest.raises(ValueError, match="Expected at least 99 images"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_labels_scaled_pixels_and_what_is_estimated_after_training(tmp_path):
    config = default_config()
    config.data.name = small_run.images(tmp_path)
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
    config.evaluation.metrics = ["rate", "nll"]
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
    config = small_run.config(tmp_path, epochs=1)
    with config.unlocked():
        config.marginal = ConfigDict({"name": "vamp", "num_pseudo_inputs": 4, "start": "images"})
    config.train.pictures_every = 0
    # Steps too small to move anything: what is saved is what training began with.
    config.optimizer.learning_rate = 1e-12
    splits = loop.data.load_splits(config.data)
    images = splits["train"].float_images(slice(None))
    loop.train(config, tmp_path / "run", splits, progress=False)
    model = runs.load_run(tmp_path / "run").model
    for pseudo_input in to_numpy(model.marginal.pseudo_inputs()):
        distance = np.abs(pseudo_input - (0.01 + 0.98 * images)).max(axis=(1, 2, 3))
        assert distance.min() < 1e-6
