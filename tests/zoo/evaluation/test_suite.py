"""The metrics of `evaluate` that are measured only when asked for."""

import json

import bars
import numpy as np
import oracles
import pytest

import zoo
from zoo.evaluation import ALL_METRICS, ais, evaluate, metric, reconstruction
from zoo.evaluation.classifier import load_or_fit
from zoo.evaluation.families import accuracies


def test_nll_ais_is_minus_the_annealed_bound(rng, seed):
    oracle, model = oracles.exact()
    x = oracle.images(rng, 30)
    options = {"num_chains": 4, "num_temperatures": 60, "seed": seed}
    entry = evaluate(model, x, metrics=["nll_ais"], nll_examples=10, progress=False, **options)[
        "nll_ais"
    ]
    bound = ais.annealed_bound(model, x[::3], **options)
    np.testing.assert_allclose(entry["value"], -bound.mean(), rtol=1e-6)
    np.testing.assert_allclose(entry["stderr"], bound.std(ddof=1) / np.sqrt(10), rtol=1e-5)
    assert (entry["num_chains"], entry["num_temperatures"]) == (4, 60)
    assert (entry["num_leapfrog_steps"], entry["num_examples"]) == (10, 10)
    assert entry["note"] == "10 examples evenly spaced through 30"


def test_reconstruction_l2_in_closed_form(rng):
    oracle, model = oracles.loose()
    x = oracle.images(rng, 150)
    expected = np.sum(
        (x.reshape(150, 4) - oracles.OFFSET - oracle.loc(x) @ oracles.WEIGHTS.T) ** 2, axis=1
    )
    found = reconstruction.reconstruction_l2(model, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    entry = evaluate(model, x, metrics=["reconstruction_l2"], progress=False)["reconstruction_l2"]
    np.testing.assert_allclose(entry["value"], expected.mean(), rtol=1e-5)
    assert (entry["unit"], entry["num_examples"]) == ("", 150)


def test_an_autoregressive_decoder_has_no_mean_reconstruction():
    decoder = {"name": "pixelcnn", "latent_dim": 2, "depth": 2, "num_resnets": 1}
    model = zoo.build(
        {
            "encoder": {"name": "mlp", "latent_dim": 2, "hidden_units": [4]},
            "decoder": {**decoder, "image_shape": [4, 4, 1]},
        }
    )
    x = np.zeros((2, 4, 4, 1), "float32")
    entry = evaluate(model, x, metrics=["reconstruction_l2"], progress=False)["reconstruction_l2"]
    assert entry["value"] is None
    assert "no mean images" in entry["note"]
    with pytest.raises(ValueError, match="not an autoregressive one"):
        reconstruction.reconstruction_l2(model, x)


@pytest.fixture(scope="module")
def deterministic():
    return zoo.build(
        {
            "encoder": {
                "name": "mlp",
                "latent_dim": 2,
                "hidden_units": [4],
                "scale": "deterministic",
            },
            "decoder": {
                "name": "mlp",
                "latent_dim": 2,
                "image_shape": [8, 8, 1],
                "hidden_units": [4],
            },
            "objective": "infomax",
        }
    )


def test_a_deterministic_encoder_has_all_of_them(rng, deterministic, tmp_path, seed):
    train, test = bars.bars(rng, 120), bars.bars(rng, 30)
    names = ["nll_ais", "nll", "reconstruction_l2", "svm_100_mask_0.5", "knn_probe"]
    names += ["class_cross_entropy", "frechet_classifier", "generated_nll"]
    options = {"num_chains": 2, "num_temperatures": 3, "num_generated": 20, "seed": seed}
    options["classifier"] = tmp_path / "classifier"
    found = evaluate(deterministic, test, train, names, progress=False, **options)
    assert list(found) == names
    assert found.pop("nll")["value"] is None
    assert all(np.isfinite(entry["value"]) for entry in found.values())
    assert all({"stderr", "num_examples", "unit"} <= set(entry) for entry in found.values())
    assert found["svm_100_mask_0.5"]["num_train"] == 100
    assert found["class_cross_entropy"]["unit"] == "nats"
    json.dumps(found, allow_nan=False)
    kept = load_or_fit(tmp_path / "classifier", train, test, epochs=0)
    assert kept.accuracy == found["frechet_classifier"]["classifier_accuracy"]
    again = evaluate(deterministic, test, train, names[5:], progress=False, **options)
    assert again == {name: found[name] for name in names[5:]}


def test_names_are_known_once():
    assert len(set(ALL_METRICS)) == len(ALL_METRICS)
    assert set(metric.names_of(accuracies.measure)) < set(ALL_METRICS)
    _, model = oracles.exact()
    with pytest.raises(ValueError, match=r"Received: 'svm_200'"):
        evaluate(model, np.zeros((2, 2, 2, 1), "float32"), metrics=["svm_200"])
