"""The paper's grids of samples, and which runs of a sweep a figure takes."""

import numpy as np
import pytest

import zoo
from trainers import history
from trainers.experiments import training
from trainers.experiments.broken_elbo import families, samples
from trainers.experiments.item import Context
from trainers.plots import png_bytes
from trainers.sweeps import grid
from trainers.sweeps.records import Record
from zoo.backend import to_numpy
from zoo.storage import files

SHAPE = (4, 4, 1)


def _rows():
    """A ledger: -+v and --- over three betas, --- dominated at beta 0.5."""
    rows = []
    for family, beta, rate, distortion in (
        ("---", 0.1, 60.0, 40.0),
        ("---", 0.5, 31.0, 70.0),
        ("---", 1.0, 20.0, 80.0),
        ("-+v", 1.0, 0.5, 95.0),
        ("-+v", 0.5, 5.0, 90.0),
        ("-+v", 0.1, 30.0, 60.0),
    ):
        rows.append({"family": family, "beta": beta, "rate": rate, "distortion": distortion})
    return rows


class _Cut:
    """Stands for what `training.read` returns."""

    def __init__(self, folder, cut):
        self.folder, self.cut = folder, cut


@pytest.fixture
def trained(tmp_path):
    return training.Trained(tmp_path, _rows())


@pytest.fixture(scope="module")
def model():
    return zoo.VAE(zoo.MLPEncoder(2, hidden_units=[4]), zoo.MLPDecoder(2, SHAPE, hidden_units=[4]))


def test_twelve_families():
    assert len(families.all_families()) == len(set(families.all_families())) == 12
    assert families.all_families()[0] == "---" and families.all_families()[-1] == "++v"


@pytest.mark.parametrize(("scale", "count"), [("tiny", 4), ("reduced", 36), ("full", 84)])
def test_grids_of_each_scale_are_runs_that_the_config_allows(scale, count, tmp_path, monkeypatch):
    specs = []

    def sweep(config, folder, text, overrides, **_):
        found = grid.runs(config, text, overrides)
        specs.extend(found)
        return [Record(spec, "finished") for spec in found]

    monkeypatch.setattr(training.running, "sweep", sweep)
    monkeypatch.setattr(training, "read", lambda folder, cut="", names=None: _Cut(folder, cut))
    cut = families.train(Context(scale, tmp_path), "omniglot", annealed=True).cut
    assert len(specs) == len({spec.name for spec in specs}) == count
    assert ("betas" in cut) == (scale != "full") and "annealing" not in cut
    assert "without KL annealing" in families.train(Context(scale, tmp_path), "omniglot").cut
    assert "annealing" not in families.train(Context(scale, tmp_path), "mnist").cut
    specs = specs[:count]
    steps = families.ANNEAL_STEPS[scale]
    assert all(f"--config.objective.anneal_steps={steps}" in s.arguments for s in specs)


def test_runs_of_a_figure(trained):
    assert [r["family"] for r in families.at_beta(trained, 1.0)] == ["---", "-+v"]
    assert [r["beta"] for r in families.of_family(trained, "-+v")] == [0.1, 0.5, 1.0]
    edge = [(r["family"], r["beta"]) for r in families.on_frontier(trained)]
    assert edge == [("---", 0.1), ("-+v", 0.1), ("---", 1.0), ("-+v", 0.5), ("-+v", 1.0)]
    assert [r["rate"] for r in families.on_frontier(trained, most=3)] == [60.0, 20.0, 0.5]


def test_runs_that_are_not_there_are_named(trained):
    with pytest.raises(ValueError, match=r"'beta': 2.0\}\. Received: .* \[0.1, 0.5, 1"):
        families.at_beta(trained, 2.0)
    with pytest.raises(ValueError, match=r"'family': '\+\+v'\}\. Received: .*'-\+v'"):
        families.of_family(trained, "++v")


def test_runs_that_are_given_say_what_they_lack(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "read", lambda folder: trained)

    def taken(scale, *which, data="mnist", annealed=False):
        return families.train(
            Context(scale, tmp_path, runs=tmp_path), data, *which, annealed=annealed
        ).cut

    def write(**changes):
        for i, row in enumerate(trained.rows):
            row.update(epochs=200, run=f"run{i}")
            config = {"data": {"name": "binarized_mnist"}, "objective": {"anneal_steps": 0}}
            files.write_json(tmp_path / row["run"] / "config.json", {"config": config | changes})
        files.atomic_write(tmp_path / "ledger.csv", history.as_csv(trained.rows))

    write()
    assert taken("reduced", ["---"], ("0.5",), annealed=True) == "without KL annealing"
    with pytest.raises(
        ValueError, match="on {'name': 'omniglot'.*Received: run0 .*binarized_mnist"
    ):
        taken("reduced", data="omniglot")
    write(objective={"anneal_steps": 9})
    assert taken("full", ["---"], ("0.5",), annealed=True) == ""
    assert taken("full", ["---"], ("0.5",)) == "runs with KL annealing among them"
    write()
    assert taken("reduced", ["---", "-+v"], ("0.5", "1.0")) == ""
    assert taken("full", ["---"], ("0.5",)) == ""
    assert taken("reduced", ["-+v"]) == "betas 0.1, 0.5, 1.0"
    assert taken("reduced", ["---", "+--"], ("1.0",)) == "without +--"
    assert taken("reduced").startswith("without --+, --v, ")
    with pytest.raises(ValueError, match=r"use --scale=reduced\. Received: .*betas 0.1, 0.5, 1.0"):
        taken("full", ["-+v"])
    for row in trained.rows:
        row["epochs"] = 15
    with pytest.raises(ValueError, match=r"use --scale=reduced\. Received: .* with 15 epochs"):
        taken("full", ["---"], ("0.5",))
    trained.rows[2]["beta"] = None  # of another objective
    with pytest.raises(ValueError, match="with a beta.*run2 .*beta=None"):
        taken("reduced")


def test_single_and_mean_of_five(model, rng, seed):
    images = rng.integers(0, 2, (6, *SHAPE)).astype("float32")
    for single, mean in (
        samples.reconstructions(model, images, seed),
        samples.generations(model, 6, seed),
    ):
        assert single.shape == mean.shape == (6, *SHAPE)
        assert set(np.unique(single)) <= {0.0, 1.0}
        np.testing.assert_allclose(mean * 5, np.round(mean * 5), atol=1e-5)
        assert len(np.unique(np.round(mean * 5))) > 2
        assert np.all(mean[single == 1] >= 0.2 - 1e-6)  # the single one is of the five


def test_generations_of_one_latent_share_it(model, seed):
    """Were each of the five of another z, their mean would tend to the model's mean image."""
    sharp = zoo.VAE(zoo.MLPEncoder(2, hidden_units=[4]), zoo.MLPDecoder(2, SHAPE, hidden_units=[]))
    kernel = np.zeros((2, 16))
    kernel[0] = 1e4  # a whole image of ones or zeros, by the sign of the first latent
    sharp.decoder.set_weights([kernel, np.zeros(16)])
    single, mean = samples.generations(sharp, 40, seed)
    np.testing.assert_array_equal(single, mean)
    assert 0 < single.mean() < 1
    rebuilt, _ = samples.reconstructions(sharp, to_numpy(single), seed)
    assert rebuilt.shape == single.shape


def test_grid_has_a_panel_for_inputs_and_for_each_model(model, rng):
    images = rng.integers(0, 2, (3, *SHAPE)).astype("float32")
    pair = samples.reconstructions(model, images)
    figure = samples._grid([pair, pair], ["a", "b"], images)
    assert [axis.get_title() for axis in figure.axes] == ["input", "a", "b"]
    assert len(samples._grid([pair], ["a"]).axes) == 1
    assert png_bytes(figure)[:4] == b"\x89PNG"
