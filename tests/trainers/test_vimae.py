"""The items of `vimae`: the runs that they ask for, rows, orderings, pictures, and absent data."""

import numpy as np
import pytest
import scipy.stats
from matplotlib.figure import Figure

import zoo
from trainers import data, runs
from trainers.experiments import catalogue, reproducing, training
from trainers.experiments.item import SCALES, Context, row
from trainers.experiments.vimae import items as vimae
from trainers.experiments.vimae import pictures as vimae_pictures
from trainers.experiments.vimae import runs as vimae_runs
from trainers.experiments.vimae import tables as vimae_tables
from trainers.sweeps import grid


@pytest.fixture
def asked(monkeypatch):
    """Checks the runs of a grid as a sweep does, and ends the item instead of training them."""
    found = []

    def sweep(config, workdir, text, overrides=(), **_):
        specs = grid.runs(config, text, overrides)
        found.extend(specs)
        raise InterruptedError

    monkeypatch.setattr(training.running, "sweep", sweep)
    monkeypatch.setattr(vimae_runs, "check_celeba", lambda: None)
    return found


@pytest.mark.parametrize("scale", SCALES)
def test_items_ask_for_runs_that_the_configs_allow(asked, scale, tmp_path):
    by_name = {}
    for function, shows in vimae.ITEMS.values():
        assert shows.endswith(".")
        with pytest.raises(InterruptedError):
            function(Context(scale, tmp_path))
        for spec in asked:
            # Runs of one name are the same run, so that all items can share a folder.
            assert by_name.setdefault(spec.name, spec.arguments) == spec.arguments
        asked.clear()
    # Five models of four data sets, and two of CelebA in Figure 4.
    assert len(by_name) == 5 * 4 + 2
    assert list(vimae.ITEMS) == list(catalogue.items("vimae"))


def test_without_celeba_an_item_says_how_to_get_it(monkeypatch, tmp_path):
    def load(*_, **__):
        raise FileNotFoundError("'celeb_a' is not prepared.")

    monkeypatch.setattr(data, "load", load)
    with pytest.raises(FileNotFoundError, match="not prepared.* research .* --substitute=cifar10"):
        vimae.ITEMS["fig4"][0](Context("tiny", tmp_path))
    context = Context("tiny", tmp_path, substitute="cifar10")
    assert vimae_runs.faces(context) == ("cifar10", "substitute: cifar10 instead of CelebA")
    with pytest.raises(ValueError, match="among .*'cifar10'.* Received: substitute='cifar'"):
        vimae_runs.faces(Context("tiny", tmp_path, substitute="cifar"))
    words = reproducing.command("vimae", "fig4", "tiny", substitute="cifar10").split()
    assert "--substitute=cifar10" in words


def _rows(ours, paper):
    names = vimae_runs.NAMES.values()
    return [row(name, "svm", a, paper=b) for name, a, b in zip(names, ours, paper)]


def test_orderings_count_the_pairs_that_differ_in_the_paper():
    rows = _rows([0.8, 0.7, 0.9, None, 0.95], [0.80, 0.92, 0.93, 0.93, 0.93])
    found = vimae_runs.orderings(rows)
    # Of VAE, beta_H, beta_A, VIMAE-l: six pairs, of which beta_A and VIMAE-l are equal there.
    assert found["ours"] == pytest.approx(4 / 5)
    assert found["note"] == "4 of 5 pairs of models; not beta_H-VAE before VAE"
    found = vimae_runs.orderings(_rows([3, 2, 5, 1, 4], [3, 2, 5, 1, 4]), higher_is_better=False)
    assert (found["ours"], found["note"]) == (1.0, "10 of 10 pairs of models")
    found = vimae_runs.orderings(_rows([3, 2, 5, 1, 4], [3, 2, 5, 4, 1]), higher_is_better=False)
    assert "not VAE before VIMAE-n" in found["note"] and "VIMAE-l before VIMAE-n" in found["note"]
    assert vimae_runs.orderings(_rows([1, 2, 3, 4, 5], [None] * 5)) is None


def test_tables_have_a_number_of_the_paper_for_every_model():
    assert {name: len(columns) for name, columns in vimae_tables.ACCURACY.items()} == {
        "cifar10": 3,
        "mnist": 5,
        "omniglot": 5,
    }
    columns = [*vimae_tables.FID.values(), vimae_tables.NLL]
    for table in vimae_tables.ACCURACY.values():
        columns += table.values()
    assert all(len(column) == len(vimae_runs.NAMES) for column in columns)


def test_the_paper_s_own_numbers_keep_all_of_its_orderings(monkeypatch, tmp_path):
    worse = {}

    def number(metric, family):
        place = list(vimae_runs.NAMES).index(family)
        if metric == "generated_nll":
            return worse.get(family, vimae_tables.NLL[place])
        return vimae_tables.ACCURACY["mnist"][metric.removeprefix("svm_1000")][place] / 100

    class Printed:
        cut, rows = "", [{"family": family, "seed": 17} for family in vimae_runs.NAMES]

        def metric(self, found, name):
            return {"value": number(name, found["family"]), "stderr": 0.0}

        def load(self, found):
            return found["family"]

    def few(family, seed, draws):
        place, table = list(vimae_runs.NAMES).index(family), vimae_tables.ACCURACY["omniglot"]
        return {corruption: 2 * [column[place] / 100] for corruption, column in table.items()}

    families = tuple(vimae_runs.NAMES)
    make = lambda context, data: vimae_runs.Models(Printed(), data, families)  # noqa: E731
    monkeypatch.setattr(vimae_runs, "train", make)
    monkeypatch.setattr(vimae_tables, "_few_classes", few)
    context = Context("tiny", tmp_path)
    for outcome in (
        vimae_tables.generated_nll(context),
        vimae_tables.accuracy(context, "mnist"),
        vimae_tables.few_characters(context),
    ):
        last = outcome.rows[-1]
        assert last["name"] == "orderings of the paper that hold"
        for one in outcome.rows:
            expected = 1.0 if one["name"] == last["name"] else one["paper"]
            assert one["ours"] == pytest.approx(expected), one
    worse["vimae_n"] = 2000.0  # of an NLL, of which the least is first
    note = vimae_tables.generated_nll(context).rows[-1]["note"]
    assert note.startswith("6 of 10 pairs of models; not VIMAE-n before VAE, ")


class _Trained:
    """Untrained models of two families in place of trained ones; a third failed."""

    def __init__(self, latent_dim):
        marginals = {"vae": zoo.Normal(latent_dim), "vimae_l": zoo.Logistic(latent_dim)}
        self.rows = [{"family": family, "seed": 17} for family in marginals]
        self.models = {}
        for family, marginal in marginals.items():
            scale = "log_variance" if family == "vae" else "deterministic"
            encoder = zoo.MLPEncoder(latent_dim, [8], scale=scale)
            decoder = zoo.MLPDecoder(latent_dim, (28, 28, 1), [8])
            self.models[family] = zoo.VAE(encoder, decoder, marginal)

    def load(self, found):
        return runs.Run(self.models[found["family"]], {"data": {"name": "digits"}}, None, 1, [])

    def metric(self, found, name):
        value = None if (found["family"], name) == ("vimae_l", "rate") else 1.0
        return {"value": value, "stderr": 0.1, **({} if value else {"note": "deterministic"})}


@pytest.fixture(scope="module")
def models():
    return vimae_runs.Models(_Trained(2), "mnist", ("vae", "beta_h", "vimae_l"), "a note")


def test_rows_say_what_is_absent(models):
    rows = models.rows("rate", {"vae": 2.0})
    assert [r["name"] for r in rows] == ["VAE", "beta_H-VAE", "VIMAE-l"]
    assert [(r["ours"], r["paper"]) for r in rows] == [(1.0, 2.0), (None, None), (None, None)]
    notes = [r["note"] for r in rows]
    assert notes == ["a note", "a note; its training failed", "a note; deterministic"]
    assert rows[0]["seeds"] == [17]


def test_pictures_have_a_panel_for_each_model(models):
    for draw in (
        vimae_pictures.draw_plane,
        vimae_pictures.draw_reconstructions,
        vimae_pictures.draw_samples,
    ):
        figure = draw(models, 17)
        assert isinstance(figure, Figure)
        titles = [axis.get_title(loc="left") for axis in figure.axes]
        assert [title.split("\n")[0] for title in titles] == ["VAE", "VIMAE-l"]


def test_few_characters_separate_codes_that_differ(monkeypatch):
    """Codes that are the class give an accuracy of 1, and masked ones chance."""
    labels = np.repeat(np.arange(6), 80)
    images = np.zeros((480, 6, 6, 1), np.float32)
    images[np.arange(480), labels, labels] = 1.0
    dataset = data.Dataset("characters", "test", images, labels)
    monkeypatch.setattr(vimae_runs, "load_data", lambda run: (dataset, dataset))

    def codes(model, given):
        return np.asarray(given.float_images(slice(None))).reshape(480, -1)

    monkeypatch.setattr(vimae_tables.information, "codes", codes)
    found = vimae_tables._few_classes(runs.Run(None, {}, None, 0, []), 17, 2)
    assert found[""] == [1.0, 1.0]
    # A masked pixel leaves nothing of the class: of the half that lost it a fifth is right.
    assert 0.4 < np.mean(found["_mask_0.5"]) < 0.8
    assert found["_mask_0.5"][0] != found["_mask_0.5"][1]  # of other characters


def test_few_characters_have_a_hundred_labels_and_an_error_over_draws(monkeypatch):
    given, codes = [], np.zeros((480, 2))
    labels, found = np.repeat(np.arange(6), 80), {"accuracy": 0.5}
    monkeypatch.setattr(vimae_tables.probes, "svm_probe", lambda *a, **k: given.append(a) or found)
    train, test = vimae_tables.probes.few_classes(labels)
    assert vimae_tables._svm(codes, codes, labels, train, test) == 0.5
    ((_, train_labels, _, test_labels),) = given
    assert sorted(np.bincount(train_labels, minlength=6)) == [0, 20, 20, 20, 20, 20]
    np.testing.assert_array_equal(test_labels, labels[test])
    accuracies = [0.1, 0.2, 0.4]
    error = vimae_tables._mean(accuracies)["stderr"]
    assert error == pytest.approx(scipy.stats.sem(accuracies))
    for alike in ([1.0, 1.0, 1.0], [0.3]):
        entry = vimae_tables._mean(alike)
        assert entry["value"] == alike[0] and entry["stderr"] is None
        assert "do not differ" in entry["note"]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(vimae.ITEMS))
def test_every_item_runs_at_tiny_scale(name, tfds_dir, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("TFDS_DATA_DIR", tfds_dir)
    folder = tmp_path_factory.getbasetemp() / "vimae"
    result = reproducing.reproduce(
        "vimae",
        name,
        folder / name,
        scale="tiny",
        runs=folder / "runs",
        progress=False,
        substitute="cifar10",
    )
    assert result["rows"] and "2 of 60 epochs" in result["cut"]
    pictures = {"fig1": 1, "fig2": 2, "fig4": 2}.get(name, int(name.startswith("fig")))
    assert len(result["pictures"]) == pictures
