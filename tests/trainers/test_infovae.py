"""The experiments of `infovae`: the runs they ask for, the numbers they make, failures in rows."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import scipy.stats

import zoo
from trainers import checkpoints
from trainers.experiments import catalogue, reproducing, training
from trainers.experiments.infovae import latents as infovae_latents
from trainers.experiments.infovae import posteriors as infovae_posteriors
from trainers.experiments.infovae import runs as infovae_runs
from trainers.experiments.infovae import table as infovae_table
from trainers.experiments.infovae import toy as infovae_toy
from trainers.experiments.item import SCALES, Context
from trainers.sweeps import grid
from zoo.evaluation import latents
from zoo.evaluation.entries import share_stderr
from zoo.storage import files


@pytest.fixture
def asked(monkeypatch):
    """Checks each grid as a sweep would and trains nothing; name -> flags of all runs asked for."""
    found = {}

    def sweep(file, folder, text, overrides=(), **_):
        specs = grid.runs(file, text, overrides)
        for spec in specs:
            assert found.setdefault(spec.name, spec.arguments) == spec.arguments, "shared runs"
        return [training.running.Record(spec, "finished") for spec in specs]

    def read(folder, cut="", names=None):
        return training.Trained(folder, [{"run": name} for name in sorted(names)], (cut,))

    monkeypatch.setattr(training.running, "sweep", sweep)
    monkeypatch.setattr(training, "read", read)
    return found


@pytest.mark.parametrize("scale", SCALES)
def test_every_grid_is_one_that_the_config_allows(asked, scale, tmp_path):
    context = Context(scale, tmp_path)
    sizes = infovae_runs.by_size(context)
    assert len(sizes.rows) == 2 * len(infovae_runs.SIZES[scale])
    alone = len(asked)
    infovae_runs.smallest(context)
    assert len(asked) == alone, "Figure 5 shares the runs of Figure 2"
    infovae_runs.smallest(context, latent_dim=2)
    infovae_runs.by_latents(context)
    alone = len(asked)
    families = tuple(infovae_table.PAPER)
    table = infovae_runs.by_latents(context, (infovae_runs.TABLE_LATENTS,), families)
    assert len(asked) == alone, "Table 1 shares the runs of Figure 6"
    assert len(table.rows) == (2 if scale == "tiny" else 4)
    stability = infovae_runs.of_stability(context)
    families = infovae_runs.STABILITY_FAMILIES[scale]
    assert len(stability.rows) == infovae_runs.STABILITY_SEEDS[scale] * len(families)
    assert bool(sizes.cut) == (scale != "full")


def test_training_sets_of_all_sizes_take_as_many_steps(asked, tmp_path):
    infovae_runs.by_size(Context("reduced", tmp_path))
    steps = set()
    for flags in asked.values():
        config = grid.load(flags)
        steps.add(config.train.epochs * -(-config.data.limit // config.train.batch_size))
    assert steps == {1000}


def _zero(*layers):
    for layer in layers:
        for weight in layer.trainable_weights:
            weight.assign(np.zeros(weight.shape))


def test_the_toy_is_measured_exactly_where_the_decoder_ignores_z():
    model = infovae_toy.build("ELBO", 1)
    model.decoder.pixels.kernel.assign(np.zeros(model.decoder.pixels.kernel.shape))
    model.decoder.pixels.bias.assign([0.25, np.log(4.0)])  # x ~ N(0.25, 2^2), whatever z
    found = infovae_toy.measure(model)
    evidence = scipy.stats.norm(0.25, 2.0).logpdf(infovae_toy.POINTS)
    np.testing.assert_allclose(found.log_evidence, evidence, atol=1e-5)
    rate = 0.5 * (found.scale**2 + found.loc**2 - 1) - np.log(found.scale)
    np.testing.assert_allclose(found.gap, rate, atol=1e-5)  # p(z|x) is the prior
    q = 0.5 * found.loc @ found.loc + 0.5 * found.scale @ found.scale - found.loc.mean() ** 2
    assert found.variance == pytest.approx(q)
    from_prior = infovae_toy.draws(model, 4000)[2]
    assert scipy.stats.kstest(from_prior, scipy.stats.norm(0.25, 2.0).cdf).pvalue > 1e-3


def test_the_aggregated_posterior_is_a_mixture(rng):
    loc, scale = rng.normal(size=(5, 2)), rng.uniform(0.5, 1.5, (5, 2))
    z = rng.normal(size=(300, 2))
    parts = [scipy.stats.norm(m, s).pdf(z).prod(axis=1) for m, s in zip(loc, scale)]
    found = infovae_posteriors.Aggregated(loc, scale)
    np.testing.assert_allclose(found.log_prob(z), np.log(np.mean(parts, axis=0)), rtol=1e-9)
    prior = infovae_posteriors.Aggregated(np.zeros((3, 2)), np.ones((3, 2)))
    assert prior.divergence()[0] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(prior.density(), infovae_posteriors.prior_density(), rtol=1e-9)
    cell = (2 * infovae_posteriors.REACH / (infovae_posteriors.CELLS - 1)) ** 2
    assert prior.density().sum() * cell == pytest.approx(1.0, abs=1e-3)
    shifted = infovae_posteriors.Aggregated(np.full((3, 2), 1.0), np.ones((3, 2)))
    value, stderr = shifted.divergence()
    assert abs(value - 1.0) < 4 * stderr, "KL of N((1, 1), I) from N(0, I)"
    # Its terms are z_1 + z_2 - 1, of variance 2.
    count = infovae_posteriors.DENSITY_POINTS
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
    columns, measured = infovae_posteriors.compare(model, images, "tiny")
    assert len(columns) == infovae_posteriors.IMAGES
    assert measured["gap"][0] == pytest.approx(0.0, abs=1e-4)
    assert measured["posterior distance"][0] < 0.3 and abs(measured["posterior mmd"][0]) < 0.02
    model.encoder.head.loc_layer.bias.assign([2.0, 0.0])
    _, measured = infovae_posteriors.compare(model, images, "tiny")
    assert measured["posterior distance"][0] == pytest.approx(2.0, abs=0.3)
    assert measured["posterior mmd"][0] > 0.2
    # KL(q(z|x) || p(z|x)) is 2, of which a bound by few samples shows a part.
    assert 0.5 < measured["gap"][0] < 2 + 5 * measured["gap"][1]


def zoo_images(rng, count):
    """Returns random binary images as a data set."""
    from trainers.data.dataset import Dataset

    return Dataset("noise", "test", rng.integers(0, 2, (count, 4, 4, 1)).astype("float32"))


def test_each_checkpoint_is_measured_by_its_own_weights(rng, tmp_path):
    images, expected = zoo_images(rng, 40), []
    for step, shift in ((5, 0.0), (10, 3.0)):
        model = _small_model()
        model.compile("adam")
        model.encoder.head.loc_layer.bias.assign([shift, 0.0])
        checkpoints.save(tmp_path / "checkpoints", model, step, [], keep=5)
        expected.append(latents.mmd(model, images)["value"])

    class Run:
        model = _small_model(seed=3)

    steps, found = infovae_runs.mmd_by_step(tmp_path, Run, images)
    assert steps == [5, 10]
    np.testing.assert_allclose([entry["value"] for entry in found], expected, rtol=1e-5)
    assert expected[1] > expected[0] + 0.1


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Runs of Figure 6 at reduced scale, that of Stein with 2 latents failed."""
    rows = []
    for family in infovae_runs.COMPARED:
        for size in infovae_runs.LATENTS["reduced"]:
            if (family, size) == ("stein", 2):
                continue
            name = f"{family}_{size}"
            entry = {"value": 0.25, "stderr": 0.1, "bandwidth": 4.0, "per_dimension": 0.125}
            metrics = dict.fromkeys(("rate", "distortion", "mmd", "log_det_cov"), entry)
            metrics["svm_1000"] = entry
            files.write_json(tmp_path / name / "evaluation.json", {"metrics": metrics})
            model = {"family": family + infovae_runs.PIXELCNN, "latent_dim": float(size)}
            rows.append({"run": name, "seed": 17.0, **model})
    found = training.Trained(tmp_path, rows, ("cut",))
    monkeypatch.setattr(infovae_runs, "by_latents", lambda *arguments: found)
    return found


def _latents(tmp_path, measure):
    texts = {"ylabel": "y", "title": "title", "metric": "number"}
    context = Context("reduced", tmp_path)
    outcome = infovae_latents.run_latents(context, measure=measure, **texts)
    assert set(outcome.pictures) == {"number"} and outcome.cut == "cut"
    return {row["name"]: row for row in outcome.rows if row["metric"] == "number"}


def test_a_run_that_failed_is_a_row_without_a_number(trained, tmp_path):
    rows = _latents(tmp_path, "log_det_per_dimension")
    assert len(rows) == 15
    assert rows["Stein-VAE, 2 latents"]["ours"] is None
    assert rows["Stein-VAE, 2 latents"]["note"] == "the run did not finish"
    assert rows["Stein-VAE, 5 latents"]["ours"] == 0.125
    assert rows["Stein-VAE, 5 latents"]["stderr"] == pytest.approx(0.02)


def test_an_svm_on_draws_finds_nothing_in_means_far_narrower_than_the_posterior(
    trained, tmp_path, monkeypatch, rng
):
    def split(count):
        labels = np.arange(count) % 2
        images = np.ones((count, 4, 4, 1)) * labels[:, None, None, None]
        images = images.astype("float32")
        return dataclasses.replace(zoo_images(rng, count), images=images, labels=labels)

    run = types.SimpleNamespace(model=_small_model())
    splits = {"train": split(200), "test": split(400)}
    monkeypatch.setattr(infovae_runs, "splits_of", lambda run: splits)
    fake = types.SimpleNamespace(load=lambda row: run, metric=trained.metric)
    context, row = Context("reduced", tmp_path), trained.rows[0]
    given, probe = [], infovae_latents.probes.svm_probe
    monkeypatch.setattr(
        infovae_latents.probes, "svm_probe", lambda *a: given.append(a) or probe(*a)
    )
    head, errors = run.model.encoder.head, []
    for loc in (head.loc_layer.kernel * 1e-4, head.loc_layer.kernel * 100.0):
        head.loc_layer.kernel.assign(loc)
        error, stderr, note = infovae_latents.svm_error(context, fake, row)
        assert note == "200 labels; on posterior means 0.7500"
        assert stderr == pytest.approx(share_stderr(error, 400))
        errors.append(error)
    assert errors[0] == pytest.approx(0.5, abs=0.12) and errors[1] < 0.05
    z, _, test_z, _ = given[0]  # all but noise, of which both splits have their own
    assert abs(np.corrcoef(z[:128].ravel(), test_z[:128].ravel())[0, 1]) < 5 / np.sqrt(256)


def test_table_1_has_negative_log_likelihoods_and_their_errors(tmp_path, monkeypatch, rng):
    bounds = {"nll": rng.uniform(-90, -80, 20), "nll_ais": rng.uniform(-100, -95, 4)}
    estimators = {
        "nll": (infovae_table.nll, "importance_weighted_bound"),
        "nll_ais": (infovae_table.ais, "annealed_bound"),
    }
    for metric, (module, name) in estimators.items():
        monkeypatch.setattr(module, name, lambda *_, of=metric, **__: bounds[of])
    monkeypatch.setattr(infovae_runs, "splits_of", lambda run: {"test": zoo_images(rng, 30)})
    entry = {"value": 1.0, "stderr": 0.1}
    fake = types.SimpleNamespace(
        load=lambda row: types.SimpleNamespace(model=None), metric=lambda row, name: entry
    )
    rows = infovae_table._rows(Context("tiny", tmp_path), fake, {"seed": 17}, "ELBO", 82.75)
    found = {row["metric"]: row for row in rows}
    for metric, values in bounds.items():
        assert found[metric]["ours"] == pytest.approx(-values.mean())
        assert found[metric]["stderr"] == pytest.approx(scipy.stats.sem(values))
    assert found["nll"]["paper"] == 82.75 and "20 images" in found["nll"]["note"]


def test_the_toy_at_tiny_scale(tmp_path):
    result = reproducing.reproduce("infovae", "fig1", tmp_path, "tiny", progress=False)
    assert set(result["pictures"]) == {"two_points.png", "training.png"}
    named = {(row["name"], row["metric"]): row["ours"] for row in result["rows"]}
    for name in infovae_toy.OBJECTIVES:
        gap = named[f"{name}, x = +1", "log_evidence"] - named[f"{name}, x = +1", "elbo"]
        assert gap == pytest.approx(named[f"{name}, x = +1", "gap"], abs=1e-9) and gap > -1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in catalogue.TITLES["infovae"] if name != "fig1"])
def test_every_item_at_tiny_scale(name, tmp_path_factory, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", tfds_dir)
    shared = tmp_path_factory.getbasetemp() / "infovae"
    folder = tmp_path_factory.mktemp(name)
    result = reproducing.reproduce("infovae", name, folder, "tiny", runs=shared, progress=False)
    assert result["rows"] and result["cut"]
    assert bool(result["pictures"]) == (name != "table1")
