"""The items of `vimae`: the runs that they ask for, rows, orderings, pictures, and absent data."""

import dataclasses
import io

import numpy as np
import pytest
import scipy.stats

import zoo
from trainers import data, runs
from trainers.experiments import catalogue, figures, reproducing
from trainers.experiments.papers import vimae
from trainers.experiments.runs import Runs, Trained
from trainers.experiments.study import SCALES, Context, row
from trainers.sweeps.archive import Stored

ITEMS = catalogue.items("vimae")


@pytest.mark.parametrize("scale", SCALES)
def test_items_ask_for_runs_that_the_configs_allow_and_say_what_fails(
    all_fail, scale, tmp_path, monkeypatch
):
    monkeypatch.setattr(vimae, "check_celeba", lambda: None)
    # At the other scales an item of each data set.
    for name in ITEMS if scale == "tiny" else ("fig1", "fig2", "fig3", "table5", "fig6"):
        outcome = ITEMS[name].function(Context(scale, tmp_path / name, runs=tmp_path / "runs"))
        assert {row["note"] for row in outcome.rows} == {"failed: it diverged"}
        assert all(row["ours"] is None for row in outcome.rows)
        assert "runs not finished: " in outcome.cut
    # Five models of four data sets (MNIST with two counts of latents), and CelebA in Figure 4 and
    # Table 5: runs of one name are the same run.
    specs = {spec.name: spec for _, spec in all_fail}
    assert len(specs) == 5 * 5
    assert all((s.point["family"] in name and "-seed=17-" in name) for name, s in specs.items())


def test_without_celeba_an_item_says_how_to_get_it(monkeypatch, tmp_path):
    def load(*_, **__):
        raise FileNotFoundError("'celeb_a' is not prepared.")

    monkeypatch.setattr(data, "load", load)
    with pytest.raises(FileNotFoundError, match="not prepared.* research .* --substitute=cifar10"):
        ITEMS["fig4"].function(Context("tiny", tmp_path))
    context = Context("tiny", tmp_path, substitute="cifar10")
    assert vimae.faces(context) == ("cifar10", "substitute: cifar10 instead of CelebA")
    with pytest.raises(ValueError, match="among .*'cifar10'.* Received: substitute='cifar'"):
        reproducing.reproduce("vimae", "fig4", tmp_path, "tiny", substitute="cifar")
    words = reproducing.command("vimae", "fig4", "tiny", substitute="cifar10").split()
    assert "--substitute=cifar10" in words


def _rows(ours, paper):
    names = vimae.NAMES.values()
    return [row(name, "svm", a, paper=b) for name, a, b in zip(names, ours, paper)]


def test_orderings_count_the_pairs_that_differ_in_the_paper():
    rows = _rows([0.8, 0.7, 0.9, None, 0.95], [0.80, 0.92, 0.93, 0.93, 0.93])
    found = vimae.orderings(rows)
    # Of VAE, beta_H, beta_A, VIMAE-l: six pairs, of which beta_A and VIMAE-l are equal there.
    assert found["ours"] == pytest.approx(4 / 5)
    assert found["note"] == "4 of 5 pairs of models; not beta_H-VAE before VAE"
    found = vimae.orderings(_rows([3, 2, 5, 1, 4], [3, 2, 5, 1, 4]), best=min)
    assert (found["ours"], found["note"]) == (1.0, "10 of 10 pairs of models")
    found = vimae.orderings(_rows([3, 2, 5, 1, 4], [3, 2, 5, 4, 1]), best=min)
    assert "not VAE before VIMAE-n" in found["note"] and "VIMAE-l before VIMAE-n" in found["note"]
    assert vimae.orderings(_rows([1, 2, 3, 4, 5], [None] * 5)) is None


def test_tables_have_a_number_of_the_paper_for_every_model():
    assert {name: len(columns) for name, columns in vimae.ACCURACY.items()} == {
        "cifar10": 3,
        "mnist": 5,
        "omniglot": 5,
    }
    columns = [*vimae.FID.values(), vimae.NLL]
    for table in vimae.ACCURACY.values():
        columns += table.values()
    assert all(len(column) == len(vimae.NAMES) for column in columns)


def _runs(families, make, note="", error=""):
    """Returns runs of families: `make` of a point, or failed ones where it returns None."""
    entries = []
    for family in families:
        point = {"family": family, "seed": 17}
        run = make(point)
        if run is None:
            run = Trained(vimae.NAMES[family], point, Stored("run", "failed", "it broke"), {})
        entries.append(dataclasses.replace(run, note=note))
    return Runs(tuple(entries))


class Printed(Trained):
    """A run whose numbers are the paper's own."""

    def metric(self, name):
        place = list(vimae.NAMES).index(self["family"])
        if name == "generated_nll":
            return {"value": self.stored.config.get(self["family"], vimae.NLL[place])}
        return {"value": vimae.ACCURACY["mnist"][name.removeprefix("svm_1000")][place] / 100}


def test_the_paper_s_own_numbers_keep_all_of_its_orderings(monkeypatch, tmp_path):
    worse = {}

    def models(context, config):
        make = lambda point: Printed("", point, Stored("run", config=worse), {})  # noqa: E731
        runs = _runs(vimae.NAMES, make)
        return Runs(tuple(run.labelled(vimae.NAMES[run["family"]]) for run in runs))

    def few(run, seed, draws):
        place, table = list(vimae.NAMES).index(run["family"]), vimae.ACCURACY["omniglot"]
        return {corruption: 2 * [column[place] / 100] for corruption, column in table.items()}

    monkeypatch.setattr(vimae, "models", models)
    monkeypatch.setattr(vimae, "few_classes", few)
    monkeypatch.setattr(Runs, "cut", "")
    context = Context("tiny", tmp_path)
    for outcome in (
        vimae.generated_nll(context),
        vimae.accuracy(context, "mnist"),
        vimae.few_characters(context),
    ):
        last = outcome.rows[-1]
        assert last["name"] == "orderings of the paper that hold"
        for one in outcome.rows:
            expected = 1.0 if one["name"] == last["name"] else one["paper"]
            assert one["ours"] == pytest.approx(expected), one
    worse["vimae_n"] = 2000.0  # of an NLL, of which the least is first
    note = vimae.generated_nll(context).rows[-1]["note"]
    assert note.startswith("6 of 10 pairs of models; not VIMAE-n before VAE, ")


class Untrained(Trained):
    """A run whose model was not trained, on the digits."""

    def load(self):
        deterministic = self["family"] == "vimae_l"
        scale = "deterministic" if deterministic else "log_variance"
        marginal = zoo.Logistic(2) if deterministic else zoo.Normal(2)
        encoder = zoo.MLPEncoder(2, [8], scale=scale)
        model = zoo.VAE(encoder, zoo.MLPDecoder(2, (28, 28, 1), [8]), marginal)
        return runs.Run(model, self.config, None, 1, [])

    def metric(self, name):
        if (self["family"], name) == ("vimae_l", "rate"):
            return {"value": None, "stderr": None, "note": "deterministic"}
        return {"value": 1.0, "stderr": 0.1}


@pytest.fixture(scope="module")
def models():
    config = {"data": {"name": "digits"}}

    def make(point):
        label = vimae.NAMES[point["family"]]
        return None if point["family"] == "beta_h" else Untrained(label, point, Stored("r"), config)

    return _runs(("vae", "beta_h", "vimae_l"), make, "a note")


def test_rows_say_what_is_absent(models):
    rows = models.rows("rate", paper={"vae": 2.0})
    assert [r["name"] for r in rows] == ["VAE", "beta_H-VAE", "VIMAE-l"]
    assert [(r["ours"], r["paper"]) for r in rows] == [(1.0, 2.0), (None, None), (None, None)]
    notes = [r["note"] for r in rows]
    assert notes == ["a note", "a note; failed: it broke", "a note; deterministic"]
    assert rows[0]["seeds"] == [17]


@pytest.mark.parametrize("draw", [vimae.draw_plane, vimae.draw_reconstructions, vimae.draw_samples])
def test_pictures_have_a_panel_for_each_model(models, draw):
    with figures.style():
        figure = draw(models, 17)
    titles = [axis.get_title(loc="left") or axis.get_title() for axis in figure.axes]
    assert {title.split("\n")[0] for title in titles} == {"VAE", r"$\beta_H$-VAE", "VIMAE-l"}
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["failed"]
    figure.savefig(io.BytesIO(), dpi=40)


def test_few_characters_separate_codes_that_differ(monkeypatch):
    """Codes that are the class give an accuracy of 1, and masked ones chance."""
    labels = np.repeat(np.arange(6), 80)
    images = np.zeros((480, 6, 6, 1), np.float32)
    images[np.arange(480), labels, labels] = 1.0
    dataset = data.Dataset("characters", "test", images, labels)

    class Run:
        def test_set(self):
            return dataset

        def load(self):
            return runs.Run(None, {}, None, 0, [])

    def codes(model, given):
        return np.asarray(given.float_images(slice(None))).reshape(480, -1)

    monkeypatch.setattr(vimae.information, "codes", codes)
    found = vimae.few_classes(Run(), 17, 2)
    assert found[""] == [1.0, 1.0]
    # A masked pixel leaves nothing of the class: of the half that lost it a fifth is right.
    assert 0.4 < np.mean(found["_mask_0.5"]) < 0.8
    assert found["_mask_0.5"][0] != found["_mask_0.5"][1]  # of other characters


def test_few_characters_have_a_hundred_labels_and_an_error_over_draws(monkeypatch):
    given, codes = [], np.zeros((480, 2))
    labels, found = np.repeat(np.arange(6), 80), {"accuracy": 0.5}
    monkeypatch.setattr(vimae.probes, "svm_probe", lambda *a, **k: given.append(a) or found)
    train, test = vimae.probes.few_classes(labels)
    assert vimae.svm(codes, codes, labels, train, test) == 0.5
    ((_, train_labels, _, test_labels),) = given
    assert sorted(np.bincount(train_labels, minlength=6)) == [0, 20, 20, 20, 20, 20]
    np.testing.assert_array_equal(test_labels, labels[test])
    accuracies = [0.1, 0.2, 0.4]
    assert vimae._mean(accuracies)[1] == pytest.approx(scipy.stats.sem(accuracies))
    for alike in ([1.0, 1.0, 1.0], [0.3]):
        mean, stderr, note = vimae._mean(alike)
        assert mean == alike[0] and stderr is None and "do not differ" in note


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ITEMS))
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
        substitute="cifar10" if ITEMS[name].substitute else "",
    )
    assert result["rows"] and "2 of 60 epochs" in result["cut"]
    pictures = {"fig1": 1, "fig2": 2, "fig4": 2}.get(name, int(name.startswith("fig")))
    assert len(result["pictures"]) == pictures
