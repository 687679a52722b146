"""The composed model as a user handles it."""

import subprocess
import sys

import keras
import numpy as np
import oracles
import pytest

import zoo
from zoo.backend import BACKEND, to_numpy

SHAPE = (6, 5, 1)
# A few steps cost less to run eagerly than to compile; JAX must compile to differentiate.
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _model(objective="beta", latent_dim=3, **options):
    encoder = zoo.MLPEncoder(latent_dim, [8], **options)
    return zoo.VAE(encoder, zoo.MLPDecoder(latent_dim, SHAPE, [8]), objective=objective)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(17)
    return _model()


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (10, *SHAPE)).astype("float32")


def test_shapes(model, x):
    assert {k: v.shape for k, v in to_numpy(model.encode(x)).items()} == {
        "loc": (10, 3),
        "scale": (10, 3),
    }
    decoded = to_numpy(model.decode(np.zeros((4, 10, 3), "float32")))
    assert {k: v.shape for k, v in decoded.items()} == {
        "logits": (4, 10, *SHAPE),
        "mean": (4, 10, *SHAPE),
    }
    assert model.predict(x, verbose=0).shape == (10, *SHAPE)
    assert model.predict_codes(x, batch_size=4).shape == (10, 3)
    assert model.image_shape == SHAPE
    assert model.latent_dim == 3


def test_decoding_several_samples_is_decoding_each(model, rng):
    z = rng.normal(size=(4, 5, 3)).astype("float32")
    together = to_numpy(model.decode(z)["logits"])
    apart = np.stack([to_numpy(model.decode(row)["logits"]) for row in z])
    np.testing.assert_allclose(together, apart, rtol=1e-5, atol=1e-6)


def test_reconstruct_decodes_the_posterior_mean_or_one_sample(model, x):
    mean = to_numpy(model.reconstruct(x))
    np.testing.assert_allclose(mean, to_numpy(model.decode(model.encode(x)["loc"])["mean"]))
    np.testing.assert_allclose(mean, model.predict(x, verbose=0), rtol=1e-5)
    first, again, other = (to_numpy(model.reconstruct(x, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_samples_repeat_with_their_seed(model):
    first, again, other = (to_numpy(model.sample(6, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    pixels = to_numpy(model.sample(6, seed=1, sample_pixels=True))
    assert set(np.unique(pixels)) == {0.0, 1.0}
    with pytest.raises(ValueError, match="num_samples >= 1"):
        model.sample(0)
    with pytest.raises(ValueError, match=r"seed in \[0, 2\*\*31\). Received: seed=-1"):
        model.sample(1, seed=-1)


def test_pixels_are_drawn_by_other_noise_than_latents(monkeypatch):
    size = 4
    decoder = zoo.MLPDecoder(2, (size, size, 1), [3], likelihood=zoo.Gaussian(scale=1.0))
    model = zoo.VAE(zoo.MLPEncoder(2, [3]), decoder, zoo.VampPrior(2, num_pseudo_inputs=1))
    prior = to_numpy(model.marginal.parameters())
    drawn = []
    images = type(model.decoder).images

    def keep(self, z, *arguments, **options):
        drawn.append(to_numpy(z))
        return images(self, z, *arguments, **options)

    monkeypatch.setattr(type(model.decoder), "images", keep)
    means = to_numpy(model.sample(500))
    pixels = to_numpy(model.sample(500, sample_pixels=True)) - means
    latents = ((drawn[0] - prior["loc"]) / prior["scale"]).ravel()
    noise = pixels.ravel()[: len(latents)]
    assert abs(np.corrcoef(latents, noise)[0, 1]) < 5 / np.sqrt(len(latents))


def test_samples_and_reconstructions_have_the_distributions_they_should(rng):
    oracle, model = oracles.exact()
    weights, count = oracles.WEIGHTS, 4000
    tolerance = 5 * np.sqrt(2 / count)  # relative, of a variance
    for pixels, noise in ((False, 0.0), (True, oracles.SIGMA**2)):
        images = to_numpy(model.sample(count, sample_pixels=pixels)).reshape(count, 4)
        variance = np.sum(weights**2, axis=1) + noise
        assert np.all(np.abs(images.mean(0) - oracles.OFFSET) < 5 * np.sqrt(variance / count))
        np.testing.assert_allclose(images.var(axis=0) / variance, 1, atol=tolerance)
    one = oracle.images(rng, 1)
    images = to_numpy(model.reconstruct(np.repeat(one, count, axis=0), seed=1)).reshape(count, 4)
    posterior = 1 / (1 + np.sum(weights**2, axis=0) / oracles.SIGMA**2)  # variances of z given x
    variance = weights**2 @ posterior
    mean = to_numpy(model.reconstruct(one)).reshape(4)
    assert np.all(np.abs(images.mean(0) - mean) < 5 * np.sqrt(variance / count))
    np.testing.assert_allclose(images.var(axis=0) / variance, 1, atol=tolerance)


def test_bounds_are_ordered(model, x):
    elbo = model.elbo(x, num_samples=200).mean()
    bound = model.log_prob(x, num_samples=200).mean()
    assert elbo < bound


def test_save_and_load_keep_every_weight_bit_for_bit(tmp_path, x):
    model = _model(zoo.Beta(0.5, anneal_steps=3))
    model.compile("adam")
    model.fit(x, epochs=2, batch_size=4, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert zoo.vae_config(again) == zoo.vae_config(model)
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))
    assert int(again.step) == 6
    for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


# The other order fills the table of classes in test_deferred.py.
ORDERS = ["zoo, keras", pytest.param("keras, zoo", marks=pytest.mark.slow)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_model_is_read_in_a_new_process_as_the_readme_says(tmp_path, x, order):
    model = _model()
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, ORDER;"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras');"
        "np.save(sys.argv[1] + '/codes.npy', model.predict_codes(np.load(sys.argv[1] + '/x.npy')))"
    )
    code = code.replace("ORDER", order)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), model.predict_codes(x), atol=1e-6)


def test_a_frozen_part_stays_frozen(tmp_path, x):
    model = _model()
    model.encoder.trainable = False
    model.compile(keras.optimizers.Adam(0.1), **QUICK)
    model.fit(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert len(again.trainable_weights) == len(model.trainable_weights) > 0
    before = [to_numpy(weight) for weight in again.encoder.weights]
    again.fit(x, verbose=0)
    for weight, kept in zip(again.encoder.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), kept)


def test_a_frozen_part_inside_a_part_stays_frozen(tmp_path):
    encoder = zoo.IAFEncoder(3, zoo.MLPEncoder(3, [8]), 1, [8])
    model = zoo.VAE(encoder, zoo.MLPDecoder(3, SHAPE, [8]))
    model.encoder.base.trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert len(again.trainable_weights) == len(model.trainable_weights)
    assert not again.encoder.base.trainable_weights and again.encoder.trainable_weights


def test_a_marginal_by_its_name_has_the_encoder_s_latents():
    parts = zoo.MLPEncoder(3, [8], scale=1.0), zoo.MLPDecoder(3, SHAPE, [8])
    assert zoo.VAE(*parts, marginal="floating", objective="bilbo").marginal.latent_dim == 3
    parts = zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8])
    assert zoo.VAE(*parts, marginal={"name": "logistic"}).marginal.latent_dim == 3
    with pytest.raises(ValueError, match=r"marginal.latent_dim=2"):
        zoo.VAE(*parts, marginal={"name": "normal", "latent_dim": 2})


def test_fit_logs_the_objective_s_terms_and_loss(x):
    model = _model(zoo.Beta(0.5, anneal_steps=1))
    model.compile(keras.optimizers.SGD(0.0), **QUICK)
    history = model.fit(x, epochs=1, batch_size=4, verbose=0).history
    assert set(history) == {"loss", "distortion", "rate", "elbo", "beta", "weighted_rate"}
    assert history["loss"][0] == pytest.approx(
        history["distortion"][0] + history["weighted_rate"][0], rel=1e-5
    )
    # The first of the three batches has no weight, the others 0.5.
    assert 0 < history["weighted_rate"][0] < 0.5 * history["rate"][0]
    assert 0 < history["beta"][0] < 0.5
    assert _model(zoo.Beta(0.5)).terms.keys() == {"distortion", "rate", "elbo"}
    assert model.evaluate(x, verbose=0, return_dict=True).keys() == history.keys()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.data's tuner: TensorFlow alone")
def test_fit_reads_arrays_without_a_tuner_and_other_models_as_they_would(x, monkeypatch):
    import tensorflow as tf
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    tuned = []
    iterate = tf.data.Dataset.__iter__

    def spy(self):
        tuned.append(self.options().autotune.enabled)
        return iterate(self)

    monkeypatch.setattr(type(ArrayDataAdapter(x).get_tf_dataset()), "__iter__", spy)
    monkeypatch.setattr(
        type(tf.data.Dataset.range(1).with_options(tf.data.Options())), "__iter__", spy
    )
    model = _model()
    model.compile("adam")
    model.fit(x, verbose=0)
    assert False in tuned and True not in tuned
    assert ArrayDataAdapter(x).get_tf_dataset().options().autotune.enabled is None


def _evaluated(model, x):
    model.compile(**QUICK)
    return model.evaluate(x, verbose=0, return_dict=True)


def test_regularisers_of_a_part_count(x):
    class Shrunk(zoo.MLPEncoder):
        def __init__(self, latent_dim, **kwargs):
            super().__init__(latent_dim, [8], **kwargs)
            self.hidden[0].kernel_regularizer = keras.regularizers.L2(1000.0)

    keras.utils.set_random_seed(17)
    model = zoo.VAE(Shrunk(3), zoo.MLPDecoder(3, SHAPE, [8]))
    model.compile(keras.optimizers.SGD(0.0), **QUICK)
    logs = model.evaluate(x, verbose=0, return_dict=True)
    penalty = 1000 * float((to_numpy(model.encoder.hidden[0].kernel) ** 2).sum())
    assert logs["loss"] == pytest.approx(-logs["elbo"] + penalty, rel=1e-4)
    assert logs["layer_losses"] == pytest.approx(penalty, rel=1e-5)
    assert "layer_losses" not in _evaluated(_model(), x)


def test_the_step_is_counted_while_training_only(x):
    model = _model()
    model.compile("adam", steps_per_execution=2)
    model.fit(x, epochs=3, batch_size=5, verbose=0)
    model.evaluate(x, verbose=0)
    assert int(model.step) == 6


def test_first_non_finite_step_is_found_inside_one_execution(x):
    model = _model()
    model.compile("adam", steps_per_execution=5)
    bad = x.copy()
    bad[6] = np.nan
    model.fit(bad, batch_size=2, shuffle=False, verbose=0)
    first = {name: int(metric.result()) for name, metric in model.first_non_finite.items()}
    # The rate may look well for one step more: TensorFlow's fused ReLU of a NaN is 0.
    assert first.pop("rate") in (3, 4)
    assert first == {"loss": 3, "distortion": 3, "elbo": 3}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 6, 6, 1), "float32"), r"\(batch, 6, 5, 1\).*Received: shape=\(2, 6, 6, 1\)"),
        (np.zeros((2, 6, 5, 3), "float32"), r"Received: shape=\(2, 6, 5, 3\)"),
        (np.zeros((6, 5, 1), "float32"), r"Received: shape=\(6, 5, 1\)"),
        (np.zeros((2, 6, 5, 1), "uint8"), "divide uint8 images by 255. Received: dtype=uint8"),
    ],
)
def test_wrong_images(model, images, message):
    for use in (model.encode, model.reconstruct, model.log_prob):
        with pytest.raises(ValueError, match=message):
            use(images)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's tracing")
@pytest.mark.parametrize("steps", [1, 2])
def test_a_training_step_is_traced_once(x, steps, monkeypatch):
    model, traced = _model(), []
    call = model.objective.call
    monkeypatch.setattr(
        model.objective, "call", lambda *a, **kw: traced.append(1) or call(*a, **kw)
    )
    model.compile("adam", steps_per_execution=steps)
    model.fit(x, epochs=2, batch_size=5, verbose=0)
    assert len(traced) == 1


def test_odd_image_sizes():
    for size in ((8, 12, 3), (28, 28, 1)):
        encoder = zoo.GatedConvEncoder(4, depth=2)
        model = zoo.VAE(encoder, zoo.GatedDeconvDecoder(4, size, depth=2))
        assert model.reconstruct(np.zeros((2, *size), "float32")).shape == (2, *size)
    with pytest.raises(ValueError, match="divisible by 4.*Received: image_shape=\\(30, 28, 1\\)"):
        zoo.GatedDeconvDecoder(4, (30, 28, 1))
    with pytest.raises(ValueError, match="three positive ints. Received: image_shape=\\(28, 28\\)"):
        zoo.MLPDecoder(4, (28, 28))
