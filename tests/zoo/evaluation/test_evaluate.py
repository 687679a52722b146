import json

import numpy as np
import oracles
import pytest

from zoo.evaluation import METRICS, evaluate, information, nll


class Split:
    """The least that a data set must have."""

    def __init__(self, images, labels):
        self.labels = labels
        self._images = images

    def __len__(self):
        return len(self._images)

    def float_images(self, rows):
        return self._images[rows]


@pytest.fixture
def setting(rng):
    oracle, model = oracles.loose()
    x = oracle.images(rng, 300)
    return oracle, model, x, (oracle.loc(x)[:, 0] > 0).astype("int64")


def test_all_metrics_and_their_errors(setting, seed):
    oracle, model, x, labels = setting
    data = Split(x, labels)
    results = evaluate(model, data, data, num_samples=5, seed=seed, progress=False)
    assert tuple(results) == METRICS
    json.dumps(results)

    rates = oracle.rate(x)
    np.testing.assert_allclose(results["rate"]["value"], rates.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        results["rate"]["stderr"], rates.std(ddof=1) / np.sqrt(300), rtol=1e-4
    )
    elbo = nll.elbo(model, x, seed=seed)
    np.testing.assert_allclose(results["elbo"]["value"], elbo.mean(), rtol=1e-6)
    bound = nll.importance_weighted_bound(model, x, 5, seed=seed)
    np.testing.assert_allclose(results["nll"]["value"], -bound.mean(), rtol=1e-6)
    np.testing.assert_allclose(
        results["nll"]["stderr"], bound.std(ddof=1) / np.sqrt(300), rtol=1e-6
    )
    assert results["nll"]["num_samples"] == 5
    assert results["elbo"]["num_samples"] == 1
    assert all(result["num_examples"] == 300 for result in results.values())
    assert all(results[name]["unit"] == "nats" for name in ("rate", "distortion", "elbo", "nll"))
    assert results["active_units"]["value"] == 2
    assert len(results["active_units"]["variances"]) == 2
    assert results["linear_probe"]["value"] > 0.95  # the label is the sign of one latent
    assert results["linear_probe"]["num_train"] == 300


def test_pairs_and_bare_arrays_are_data_too(setting):
    _, model, x, labels = setting
    pair = evaluate(model, (x, labels), (x, labels), ["linear_probe", "rate"], progress=False)
    assert list(pair) == ["linear_probe", "rate"]
    assert pair["linear_probe"]["value"] is not None
    bare = evaluate(model, x, metrics=["rate"], progress=False)
    assert bare["rate"] == pair["rate"]
    column = (x, labels[:, None])  # as `keras.datasets.cifar10` has them
    assert evaluate(model, column, column, ["linear_probe"], progress=False) == {
        "linear_probe": pair["linear_probe"]
    }


def test_a_probe_without_labels_is_left_out_with_a_note(setting):
    _, model, x, labels = setting
    options = {"metrics": ["linear_probe"], "progress": False}
    results = [
        evaluate(model, (x, labels), **options),
        evaluate(model, (x, labels), x, **options),
        evaluate(model, x, (x, labels), **options),
        evaluate(model, (x, labels), (x, 0 * labels), **options),
    ]
    notes = [result["linear_probe"]["note"] for result in results]
    assert notes == [
        "left out: no train_dataset was given",
        "left out: train_dataset has no labels",
        "left out: dataset has no labels",
        "left out: train_dataset has a single class",
    ]
    assert all(result["linear_probe"]["value"] is None for result in results)


def test_nll_on_part_of_the_split_says_so(setting, seed):
    _, model, x, _ = setting
    options = {"metrics": ["nll"], "num_samples": 5, "seed": seed, "progress": False}
    part = evaluate(model, x, nll_examples=100, **options)["nll"]
    assert part["num_examples"] == 100
    assert part["note"] == "100 examples evenly spaced through 300"
    bound = nll.importance_weighted_bound(model, x[::3], 5, seed=seed)
    np.testing.assert_allclose(part["value"], -bound.mean(), rtol=1e-6)
    whole = evaluate(model, x, nll_examples=1000, **options)["nll"]
    assert whole["num_examples"] == 300
    assert "note" not in whole


def test_one_example_has_no_standard_error(setting):
    _, model, x, _ = setting
    results = evaluate(model, x[:1], metrics=["rate", "active_units"], progress=False)
    assert results["rate"]["stderr"] is None
    assert results["active_units"]["value"] is None
    assert results["active_units"]["note"] == "needs at least two examples"


@pytest.mark.parametrize("metric", ["elbo", "nll", "active_units"])
def test_numbers_that_are_not_finite_are_never_averaged_away(setting, metric):
    _, model, x, _ = setting
    spoilt = x.copy()
    spoilt[[200, 250]] = np.nan
    with pytest.raises(FloatingPointError, match=r"Expected a finite .* not finite, the first nan"):
        evaluate(model, spoilt, metrics=[metric], num_samples=5, progress=False)


def test_the_first_bad_example_is_named(setting):
    _, model, x, _ = setting
    spoilt = x.copy()
    spoilt[[200, 250]] = np.inf
    with pytest.raises(FloatingPointError, match=r"Received: 2 of 300 .* at example 200"):
        evaluate(model, spoilt, metrics=["rate"], progress=False)


def test_progress_is_shown_when_asked_for(setting, capsys):
    _, model, x, _ = setting
    evaluate(model, x, metrics=["rate"], progress=True)
    assert "300/300" in capsys.readouterr().out
    evaluate(model, x, metrics=["rate"], progress=False)
    assert capsys.readouterr().out == ""


def test_unknown_names_and_unfit_input_are_refused(setting):
    _, model, x, labels = setting
    with pytest.raises(ValueError, match=r"Received: 'nl'\. Did you mean \"nll\""):
        evaluate(model, x, metrics=["rate", "nl"])
    with pytest.raises(ValueError, match=r"sequence of metric names\. Received: metrics='rate'"):
        evaluate(model, x, metrics="rate")
    with pytest.raises(ValueError, match="nll_examples=0"):
        evaluate(model, x, metrics=["nll"], nll_examples=0, progress=False)
    with pytest.raises(ValueError, match=r"300 images, labels of shape \(299,\)"):
        evaluate(model, (x, labels[1:]))
    with pytest.raises(ValueError, match=r"300 images, labels of shape \(300, 2\)"):
        evaluate(model, (x, np.stack([labels, labels], axis=1)))


def test_means_are_those_of_the_documented_functions(setting, seed):
    _, model, x, _ = setting
    results = evaluate(model, x, metrics=["distortion"], seed=seed, progress=False)
    terms = information.rate_distortion(model, x, seed=seed)
    assert results["distortion"]["value"] == pytest.approx(terms["distortion"].mean(), rel=1e-9)
