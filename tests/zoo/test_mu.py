"""The readings of mu-VAE's objective, latent clipping, and the classifier beside a model."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.backend import BACKEND, gradients, to_numpy
from zoo.layers import NormClipping

SHAPE = (6, 5, 1)
# A few steps cost less to run eagerly than to compile; JAX must compile to differentiate.
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _model(objective, encoder=None):
    keras.utils.set_random_seed(17)
    likelihood = {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}
    decoder = zoo.MLPDecoder(3, SHAPE, [8], likelihood=likelihood)
    return zoo.VAE(encoder or zoo.MLPEncoder(3, [8]), decoder, objective=objective)


def _terms(model, x, **options):
    rooms = {"encoder": model.encoder, "decoder": model.decoder, "marginal": model.marginal}
    return to_numpy(model.objective(x, **rooms, **options))


@pytest.fixture
def x(rng):
    return rng.random((16, *SHAPE)).astype("float32")


MEAN_TERMS = {
    "batch": lambda mu: abs(mu.sum()) / len(mu),
    "example": lambda mu: np.abs(mu.sum(axis=1)).sum() / len(mu),
    "dimension": lambda mu: np.abs(mu.sum(axis=0)).sum() / len(mu),
}
VARIANCE_TERMS = {
    "printed": np.log,
    "towards_one": lambda v: np.abs(np.log(v)),
    "kl": lambda v: v - np.log(v) - 1,
    "excess": lambda v: v - 1,
    "none": np.zeros_like,
}


@pytest.mark.parametrize("variance_term", VARIANCE_TERMS)
@pytest.mark.parametrize("mean_term", MEAN_TERMS)
def test_each_reading_is_its_formula(x, mean_term, variance_term):
    model = _model(zoo.Mu(mean_term, variance_term))
    terms, q = _terms(model, x), to_numpy(model.encode(x))
    loc, variance = q["loc"].astype("float64"), q["scale"].astype("float64") ** 2
    expected = MEAN_TERMS[mean_term](loc)
    expected += VARIANCE_TERMS[variance_term](variance).sum() / len(x)
    assert terms["regulariser"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert terms["loss"] == pytest.approx(terms["distortion"].mean() + expected, rel=1e-5)
    kl = 0.5 * np.sum(variance + loc**2 - 1 - np.log(variance), axis=1)
    np.testing.assert_allclose(terms["rate"], kl, rtol=1e-4)
    # The scale sqrt(1/2) makes the distortion the squared error, up to a constant.
    squared = np.sum((x - to_numpy(model.decode(terms["z"])["mean"])) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(terms["distortion"], squared + 15 * np.log(np.pi), rtol=1e-5)


def test_clipping_leaves_short_vectors_alone(rng):
    clip = NormClipping(2.0)
    short = rng.normal(size=(50, 3)).astype("float32")
    short *= 1.99 * rng.random((50, 1)).astype("float32") / np.linalg.norm(short, axis=1)[:, None]
    np.testing.assert_array_equal(to_numpy(clip(short)), short)
    long = 50 * rng.normal(size=(50, 3)).astype("float32")
    clipped = to_numpy(clip(long))
    length = np.linalg.norm(long, axis=1, keepdims=True)
    np.testing.assert_allclose(clipped, long * np.minimum(1, 2.0 / length), rtol=1e-5)


@pytest.mark.parametrize("length", [0.0, 1.0, 1.999, 2.001, 30.0])
def test_gradient_of_clipping_at_and_around_the_radius(length, rng):
    clip = NormClipping(2.0)
    unit = np.array([0.6, 0.0, 0.8])
    x, weights = (length * unit).astype("float32"), rng.normal(size=3).astype("float32")
    (found,) = gradients(lambda x: ops.sum(clip(x) * weights), [ops.convert_to_tensor(x)])
    along = np.eye(3) if length < 2 else (np.eye(3) - np.outer(unit, unit)) * 2.0 / length
    np.testing.assert_allclose(to_numpy(found), along @ weights, rtol=1e-5, atol=1e-6)


def test_gradient_on_the_sphere_is_one_of_its_two_sides():
    clip, x = NormClipping(5.0), np.array([3.0, 4.0], "float32")
    (found,) = gradients(lambda x: ops.sum(clip(x)), [ops.convert_to_tensor(x)])
    np.testing.assert_array_equal(to_numpy(found), [1.0, 1.0])
    np.testing.assert_array_equal(to_numpy(clip(x)), x)


def test_a_clipped_encoder_keeps_codes_in_its_ball_and_its_scale(x):
    base = zoo.MLPEncoder(3, [8])
    model = _model("beta", zoo.ClippedEncoder(3, base, radius=0.05))
    loc = to_numpy(model.encode(x)["loc"])
    radius = 0.05 * np.sqrt(3)
    assert np.linalg.norm(to_numpy(base(x)["loc"]), axis=1).max() > radius
    assert np.linalg.norm(loc, axis=1).max() <= radius * (1 + 1e-6)
    np.testing.assert_array_equal(model.encode(x)["scale"], base(x)["scale"])

    class Named(zoo.MLPEncoder):  # calls its scale otherwise
        gaussian_names = ("loc", "sigma")

        def call(self, x, training=False):
            found = super().call(x, training)
            return {"loc": found["loc"], "sigma": found["scale"]}

    named = zoo.ClippedEncoder(3, Named(3, [8]), radius=0.05)
    assert np.all(to_numpy(named.distribution(x[:2]).stddev()) > 0)
    around = zoo.IAFEncoder(3, {"name": "clipped", "base": "mlp"}, 1, [8])
    assert around.base.base.latent_dim == 3
    with pytest.raises(ValueError, match="a flow goes around.*Received: base=IAFEncoder"):
        zoo.ClippedEncoder(3, zoo.IAFEncoder(3, base, 1, [8]))


def _classified(base="mu"):
    objective = {"name": "classified", "base": base, "num_classes": 3, "hidden_units": [16]}
    return _model(objective)


def test_the_classifier_learns_and_the_model_does_not_notice(x):
    labels = np.arange(16) % 3
    x = x + labels[:, None, None, None].astype("float32")  # something to tell them by
    alone, beside = _model("mu"), _classified()
    models = [(alone, None), (beside, labels)]
    for model, given in models:
        model.pixel_range = None  # those pixels are more than a sigmoid reaches
        model.compile(keras.optimizers.Adam(0.01), **QUICK)
        model.fit(x, given, batch_size=8, epochs=4, shuffle=False, verbose=0)
    for ours, theirs in zip(alone.encoder.weights, beside.encoder.weights, strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-4, atol=1e-6)
    history = beside.fit(x, labels, epochs=60, batch_size=16, verbose=0).history
    assert history["classifier_loss"][-1] < history["classifier_loss"][0] - 0.1
    assert history.keys() >= {"accuracy", "regulariser", "rate", "distortion", "elbo"}
    terms = _terms(beside, x, labels=labels)
    assert set(np.unique(terms["accuracy"])) <= {0.0, 1.0}
    logits = to_numpy(beside.objective.classify(terms["z"])).astype("float64")
    np.testing.assert_array_equal(terms["accuracy"], np.argmax(logits, axis=1) == labels)
    expected = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(16), labels]
    np.testing.assert_allclose(terms["classifier_loss"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("base", ["infomax", {"name": "infovae", "alpha": 1.0, "rate": "none"}])
def test_a_classifier_beside_objectives_without_a_rate(base, x):
    model = _classified(base)
    model.compile("adam", **QUICK)
    assert "accuracy" in model.fit(x, np.arange(16) % 3, verbose=0).history


def test_labels_that_are_none_of_the_classes(x):
    model, labels = _classified(), np.arange(16) % 3
    terms = _terms(model, x, labels=labels)
    column = _terms(model, x, labels=labels[:, None])
    assert np.isfinite(terms["classifier_loss"]).all() and column["accuracy"].shape == (16,)
    labels[[3, 5]] = 3, -1
    terms = _terms(model, x, labels=labels)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(terms["classifier_loss"])), [3, 5])
    assert np.isnan(terms["loss"])
    model.compile("adam")
    with pytest.raises(ValueError, match=r"integer labels \[B\] or .*Received: shape=\(16, 3\)"):
        model.fit(x, np.eye(3)[np.arange(16) % 3], batch_size=16, verbose=0)


def test_a_classified_model_needs_labels_and_saves_its_classifier(x, tmp_path):
    model, labels = _classified(), np.arange(16) % 3
    model.compile("adam", **QUICK)
    model.fit(x, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    z = np.ones((2, 3), "float32")
    ours, theirs = (to_numpy(m.objective.classify(z)) for m in (model, again))
    np.testing.assert_array_equal(ours, theirs)
    assert again.evaluate(x, labels, verbose=0, return_dict=True).keys() >= {"accuracy"}
    with pytest.raises(ValueError, match="'classified' needs labels.*Received: images alone"):
        model.fit(x, verbose=0)


def test_bad_arguments():
    for kwargs, message in (
        ({"mean_term": "batches"}, "Received: mean_term='batches'. Did you mean \"batch\""),
        ({"variance_term": "log"}, "`variance_term` must be one of .*Received"),
    ):
        with pytest.raises(ValueError, match=message):
            zoo.Mu(**kwargs)
    with pytest.raises(ValueError, match="`radius` must be a positive .* Received: radius=0"):
        NormClipping(0)
