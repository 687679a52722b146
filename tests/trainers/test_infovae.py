"""The items of `infovae`: the runs that they ask for, the numbers they make, failures in rows."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import scipy.stats

import zoo
from trainers import checkpoints
from trainers.data.dataset import Dataset
from trainers.experiments import catalogue, reproducing
from trainers.experiments.papers.infovae import pixelcnn, posteriors, shared, simple, toy
from trainers.experiments.runs import Runs, Trained
from trainers.experiments.study import SCALES, Context
from trainers.sweeps import grid
from trainers.sweeps.archive import Stored
from zoo.evaluation import latents
from zoo.evaluation.entries import share_stderr

ITEMS = catalogue.items("infovae")
SIZED = ("fig2", "fig3", "fig4", "fig5")
LATENTS = ("fig6a", "fig6b", "fig6c", "fig6e", "table1")


@pytest.mark.parametrize("scale", SCALES)
def test_items_share_runs_that_the_config_allows_and_say_what_fails(all_fail, scale, tmp_path):
    names, counts = {}, {"fig2": 2 * len(simple.SIZES[scale]), "fig3": 2}
    families = len(pixelcnn.FEW_COMPARED if scale == "tiny" else pixelcnn.COMPARED)
    counts["fig6a"] = families * len(pixelcnn.LATENTS[scale])
    seeds = pixelcnn.STABILITY_SEEDS[scale]
    counts["fig6d"] = seeds * len(pixelcnn.STABILITY_FAMILIES[scale])
    for name in (*SIZED, *LATENTS, "fig6d") if scale == "tiny" else (*counts, "table1"):
        before = len(all_fail)
        outcome = ITEMS[name].function(Context(scale, tmp_path / name, runs=tmp_path / "runs"))
        names[name] = {spec.name for _, spec in all_fail[before:]}
        assert {row["note"] for row in outcome.rows} == {"failed: it diverged"}
        assert all(row["ours"] is None for row in outcome.rows)
        assert len(outcome.rows) == len(names[name]) == counts.get(name, len(names[name]))
        assert f"runs not finished: {len(names[name])}" in outcome.cut
    assert names["table1"] <= names["fig6a"] and len(names["table1"]) == min(4, families)
    if scale == "tiny":
        assert names["fig5"] <= names["fig2"] and names["fig4"] == names["fig3"]
        assert names["fig6a"] == names["fig6b"] == names["fig6c"] == names["fig6e"]


def test_training_sets_of_all_sizes_take_as_many_steps(all_fail, tmp_path):
    simple.by_size(Context("reduced", tmp_path))
    steps = set()
    for _, spec in all_fail:
        config = grid.load(spec.arguments)
        steps.add(config.train.epochs * -(-config.data.limit // config.train.batch_size))
    assert len(all_fail) == 10 and steps == {1000}


def _zero(*layers):
    for layer in layers:
        for weight in layer.trainable_weights:
            weight.assign(np.zeros(weight.shape))


def test_the_toy_is_measured_exactly_where_the_decoder_ignores_z():
    model = toy.build("ELBO", 1)
    model.decoder.pixels.kernel.assign(np.zeros(model.decoder.pixels.kernel.shape))
    model.decoder.pixels.bias.assign([0.25, np.log(4.0)])  # x ~ N(0.25, 2^2), whatever z
    measured = toy.measure(model)
    evidence = scipy.stats.norm(0.25, 2.0).logpdf(toy.POINTS)
    np.testing.assert_allclose(measured["log_evidence"], evidence, atol=1e-5)
    rate = 0.5 * (measured["scale"] ** 2 + measured["loc"] ** 2 - 1) - np.log(measured["scale"])
    np.testing.assert_allclose(measured["gap"], rate, atol=1e-5)  # p(z|x) is the prior
    q = (
        0.5 * measured["loc"] @ measured["loc"]
        + 0.5 * measured["scale"] @ measured["scale"]
        - measured["loc"].mean() ** 2
    )
    assert measured["variance"] == pytest.approx(q)
    from_prior = toy.draws(model, 4000)[2]
    assert scipy.stats.kstest(from_prior, scipy.stats.norm(0.25, 2.0).cdf).pvalue > 1e-3


def test_the_aggregated_posterior_is_a_mixture(rng):
    loc, scale = rng.normal(size=(5, 2)), rng.uniform(0.5, 1.5, (5, 2))
    z = rng.normal(size=(300, 2))
    parts = [scipy.stats.norm(m, s).pdf(z).prod(axis=1) for m, s in zip(loc, scale)]
    mixture = posteriors.Mixture(loc, scale)
    np.testing.assert_allclose(mixture.log_prob(z), np.log(np.mean(parts, axis=0)), rtol=1e-9)
    prior = posteriors.Mixture(np.zeros((3, 2)), np.ones((3, 2)))
    np.testing.assert_allclose(prior.divergence(), 0.0, atol=1e-12)
    axis = np.linspace(-posteriors.REACH, posteriors.REACH, posteriors.CELLS)
    normal = scipy.stats.norm.pdf(axis)
    np.testing.assert_allclose(prior.density(), np.outer(normal, normal), rtol=1e-9)
    np.testing.assert_allclose(posteriors.PRIOR.density(), prior.density(), rtol=1e-9)
    cell = (axis[1] - axis[0]) ** 2
    assert prior.density().sum() * cell == pytest.approx(1.0, abs=1e-3)
    shifted = posteriors.Mixture(np.full((3, 2), 1.0), np.ones((3, 2)))
    value, stderr = shared.mean(shifted.divergence())
    assert abs(value - 1.0) < 4 * stderr, "KL of N((1, 1), I) from N(0, I)"
    # Its terms are z_1 + z_2 - 1, of variance 2.
    count = posteriors.DENSITY_POINTS
    assert stderr == pytest.approx(np.sqrt(2 / count), rel=5 / np.sqrt(2 * count))


def _small_model(latent_dim=2, seed=17):
    keras.utils.set_random_seed(seed)
    encoder = zoo.MLPEncoder(latent_dim, (4,), scale="log_variance")
    return zoo.VAE(encoder, zoo.MLPDecoder(latent_dim, (4, 4, 1), (4,)))


def test_a_true_posterior_is_recognised(rng):
    model = _small_model()
    _zero(model.encoder.head, model.decoder.pixels)  # both posteriors are the prior
    model.encoder.head.scale_layer.bias.assign([-2e-5, -2e-5])  # less the floor of the scale
    images = zoo_images(rng, 8)
    columns, measured = posteriors.compare(model, images, "tiny")
    assert len(columns) == posteriors.IMAGES
    means = {metric: np.mean(values) for metric, (values, _) in measured.items()}
    assert means["gap"] == pytest.approx(0.0, abs=1e-4)
    assert means["posterior distance"] < 0.3 and abs(means["posterior mmd"]) < 0.02
    model.encoder.head.loc_layer.bias.assign([2.0, 0.0])
    _, measured = posteriors.compare(model, images, "tiny")
    means = {metric: np.mean(values) for metric, (values, _) in measured.items()}
    assert means["posterior distance"] == pytest.approx(2.0, abs=0.3)
    assert means["posterior mmd"] > 0.2
    # KL(q(z|x) || p(z|x)) is 2, of which a bound by few samples shows a part.
    gap, stderr = shared.mean(measured["gap"][0])
    assert 0.5 < gap < 2 + 5 * stderr


def zoo_images(rng, count):
    """Returns random binary images as a data set."""
    return Dataset("noise", "test", rng.integers(0, 2, (count, 4, 4, 1)).astype("float32"))


def test_each_checkpoint_is_measured_by_its_own_weights(rng, tmp_path):
    images, expected = zoo_images(rng, 40), []
    for step, shift in ((5, 0.0), (10, 3.0)):
        model = _small_model()
        model.compile("adam")
        model.encoder.head.loc_layer.bias.assign([shift, 0.0])
        checkpoints.save(tmp_path / "checkpoints", model, step, [], keep=5)
        expected.append(latents.mmd(model, images)["value"])

    loaded = types.SimpleNamespace(model=_small_model(seed=3))
    run = types.SimpleNamespace(folder=tmp_path, load=lambda: loaded)
    entries = pixelcnn.mmd_by_step(run, images)
    assert list(entries) == [5, 10]
    values = [entry["value"] for entry in entries.values()]
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert expected[1] > expected[0] + 0.1


class Evaluated(Trained):
    """A run with numbers, and a model and splits that a test sets."""

    loaded, of = None, None

    def load(self):
        return self.loaded

    def splits(self):
        return self.of

    def metric(self, name):
        return {"value": 0.25, "stderr": 0.1, "bandwidth": 4.0, "per_dimension": 0.125}


def _run(family="elbo", latent_dim=5, stored=None):
    point = {"family": family + shared.PIXELCNN, "latent_dim": latent_dim, "seed": 17}
    return Evaluated(shared.NAMES[family], point, stored or Stored("run"), {})


def test_a_run_that_failed_is_a_row_without_a_number(tmp_path, monkeypatch):
    failed = Stored("run", "failed", "it broke")
    entries = [
        _run(family, size, failed if (family, size) == ("stein", 2) else None)
        for family in pixelcnn.COMPARED
        for size in pixelcnn.LATENTS["reduced"]
    ]
    monkeypatch.setattr(pixelcnn, "by_latents", lambda *_, **__: Runs(tuple(entries)))
    monkeypatch.setattr(Runs, "cut", "cut")
    outcome = ITEMS["fig6b"].function(Context("reduced", tmp_path))
    assert set(outcome.pictures) == {"log_det_cov_per_dimension"} and outcome.cut == "cut"
    metric = "log_det_cov per dimension"
    rows = {row["name"]: row for row in outcome.rows if row["metric"] == metric}
    assert len(rows) == 15
    assert rows["Stein-VAE, 2 latents"]["ours"] is None
    assert rows["Stein-VAE, 2 latents"]["note"] == "failed: it broke"
    assert rows["Stein-VAE, 5 latents"]["ours"] == 0.125
    assert rows["Stein-VAE, 5 latents"]["stderr"] == pytest.approx(0.02)


def test_an_svm_on_draws_finds_nothing_in_means_far_narrower_than_the_posterior(
    tmp_path, monkeypatch, rng
):
    def split(count):
        labels = np.arange(count) % 2
        images = np.ones((count, 4, 4, 1)) * labels[:, None, None, None]
        images = images.astype("float32")
        return dataclasses.replace(zoo_images(rng, count), images=images, labels=labels)

    model, run = _small_model(), _run()
    monkeypatch.setattr(Evaluated, "loaded", types.SimpleNamespace(model=model))
    monkeypatch.setattr(Evaluated, "of", {"train": split(200), "test": split(400)})
    context = Context("reduced", tmp_path)
    calls, probe = [], pixelcnn.probes.svm_probe
    monkeypatch.setattr(pixelcnn.probes, "svm_probe", lambda *a: calls.append(a) or probe(*a))
    head, errors = model.encoder.head, []
    for loc in (head.loc_layer.kernel * 1e-4, head.loc_layer.kernel * 100.0):
        head.loc_layer.kernel.assign(loc)
        error, stderr, note = pixelcnn.svm_error(context, None, run)
        assert note == "200 labels; on posterior means 0.7500"
        assert stderr == pytest.approx(share_stderr(error, 400))
        errors.append(error)
    assert errors[0] == pytest.approx(0.5, abs=0.12) and errors[1] < 0.05
    z, _, test_z, _ = calls[0]  # all but noise, of which both splits have their own
    assert abs(np.corrcoef(z[:128].ravel(), test_z[:128].ravel())[0, 1]) < 5 / np.sqrt(256)


def test_table_1_has_negative_log_likelihoods_and_their_errors(tmp_path, monkeypatch, rng):
    bounds = {"nll": rng.uniform(-90, -80, 20), "nll_ais": rng.uniform(-100, -95, 4)}
    estimators = {
        "nll": (pixelcnn.nll, "importance_weighted_bound"),
        "nll_ais": (pixelcnn.ais, "annealed_bound"),
    }
    for metric, (module, name) in estimators.items():
        monkeypatch.setattr(module, name, lambda *_, of=metric, **__: bounds[of])
    monkeypatch.setattr(Evaluated, "loaded", types.SimpleNamespace(model=None))
    monkeypatch.setattr(Evaluated, "of", {"test": zoo_images(rng, 30)})
    rows = {row["metric"]: row for row in pixelcnn.bounds(Context("tiny", tmp_path), _run(), 82.75)}
    for metric, values in bounds.items():
        assert rows[metric]["ours"] == pytest.approx(-values.mean())
        assert rows[metric]["stderr"] == pytest.approx(scipy.stats.sem(values))
    assert rows["nll"]["paper"] == 82.75 and "20 images" in rows["nll"]["note"]


def test_the_toy_at_tiny_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "HIDDEN", (20, 20, 20))
    result = reproducing.reproduce("infovae", "fig1", tmp_path, "tiny", progress=False)
    assert set(result["pictures"]) == {"two_points.png", "training.png"}
    named = {(row["name"], row["metric"]): row["ours"] for row in result["rows"]}
    for name in toy.OBJECTIVES:
        gap = named[f"{name}, x = +1", "log_evidence"] - named[f"{name}, x = +1", "elbo"]
        assert gap == pytest.approx(named[f"{name}, x = +1", "gap"], abs=1e-9) and gap > -1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ITEMS if name != "fig1"])
def test_every_item_at_tiny_scale(name, tmp_path_factory, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", tfds_dir)
    shared = tmp_path_factory.getbasetemp() / "infovae"
    folder = tmp_path_factory.mktemp(name)
    result = reproducing.reproduce("infovae", name, folder, "tiny", runs=shared, progress=False)
    assert result["rows"] and result["cut"]
    assert bool(result["pictures"]) == (name != "table1")
