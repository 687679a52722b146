"""Parts, losses and steps of a user's own in a model, and those that do not fit."""

import keras
import numpy as np
import pytest
from own_parts import MyEncoder

import zoo
from zoo.backend import BACKEND, tfd, to_numpy

SHAPE = (6, 5, 1)
# A few steps cost less to run eagerly than to compile; JAX must compile to differentiate.
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _model(objective="beta", latent_dim=3, **options):
    encoder = zoo.MLPEncoder(latent_dim, [8], **options)
    return zoo.VAE(encoder, zoo.MLPDecoder(latent_dim, SHAPE, [8]), objective=objective)


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (10, *SHAPE)).astype("float32")


def test_weights_of_examples_are_refused(x):
    for weights in ({"sample_weight": np.ones(len(x))}, {"class_weight": {0: 1.0, 1: 2.0}}):
        model = _model()  # each its own: under JAX Keras does not survive an error in `fit`
        model.compile("adam")
        with pytest.raises(ValueError, match="Expected no weights of examples"):
            model.fit(x, np.zeros(len(x)), verbose=0, **weights)


def test_parts_that_do_not_agree():
    with pytest.raises(ValueError, match=r"encoder\.latent_dim=3, decoder\.latent_dim=4"):
        zoo.VAE(zoo.MLPEncoder(3), zoo.MLPDecoder(4, SHAPE))


def test_parts_of_other_rooms():
    encoder, decoder = zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8])
    for parts, room in (
        ({"encoder": decoder, "decoder": encoder}, "an encoder.*Received: <MLPDecoder"),
        ({"marginal": zoo.Beta(0.5)}, "a marginal.*Received: <Beta"),
        ({"objective": zoo.Normal(3)}, "an objective.*Received: <Normal"),
    ):
        with pytest.raises(TypeError, match=f"Expected {room}"):
            zoo.VAE(**{"encoder": encoder, "decoder": decoder, **parts})


def test_an_encoder_writes_its_posterior_and_not_its_distribution():
    class Wide(zoo.MLPEncoder):
        def distribution(self, x, training=False):
            return super().distribution(x, training)

    with pytest.raises(ValueError, match="writes `posterior.*Received: Wide, which writes `dist"):
        zoo.VAE(Wide(3, [8]), zoo.MLPDecoder(3, SHAPE, [8]))


@pytest.mark.parametrize("maps", [2, 3])
def test_a_decoder_s_maps_are_no_more_than_its_pixels(x, maps):
    class Maps(zoo.Decoder):
        def __init__(self, latent_dim, **kwargs):
            super().__init__(latent_dim, SHAPE, **kwargs)
            self.dense = keras.layers.Dense(6 * 5 * maps)

        def build(self, latent_shape):
            self.dense.build(latent_shape)

        def network(self, z, training=False):
            return keras.ops.reshape(self.dense(z), (-1, 6, 5, maps))

    model = zoo.VAE(zoo.MLPEncoder(3, [8]), Maps(3))
    text = rf"Expected raw maps of shape \(batch, 6, 5, 1\).*Received: shape=\(10, 6, 5, {maps}\)"
    with pytest.raises(ValueError, match=text):
        model.reconstruct(x)


def test_a_likelihood_s_mean_is_its_distribution_s(x):
    class Laplace(zoo.Likelihood):
        def call(self, raw):
            return {"loc": raw}

        def distribution(self, parameters):
            return tfd.Independent(tfd.Laplace(parameters["loc"], 1.0), 3)

    model = zoo.VAE(zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8], likelihood=Laplace()))
    expected = to_numpy(model.decode(model.encode(x)["loc"])["loc"])
    np.testing.assert_array_equal(to_numpy(model.reconstruct(x)), expected)


def test_a_loss_of_another_s_own_is_refused():
    with pytest.raises(ValueError, match="minimised is the model's objective,.*: loss='mse'"):
        _model().compile("adam", loss="mse")


def test_a_loss_that_is_no_scalar_is_refused(x):
    class Rows(zoo.Beta):
        def call(self, x, encoder, decoder, marginal, training=False, step=None):
            terms = super().call(x, encoder, decoder, marginal, training, step)
            return {**terms, "loss": terms["distortion"] + terms["rate"]}

    model = _model(Rows())
    model.compile("adam")
    with pytest.raises(ValueError, match=r"scalar loss of the objective 'Rows'.*shape=\("):
        model.fit(x, verbose=0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's tape")
def test_a_step_of_a_user_s_own_reads_the_objective(x):
    import tensorflow as tf

    class Own(zoo.VAE):
        reads_objective = True

        def scores(self, x):
            parts = {"encoder": self.encoder, "decoder": self.decoder, "marginal": self.marginal}
            return self.objective(x, **parts, training=True, step=self.step)

        def train_step(self, data):
            with tf.GradientTape() as tape:
                y = self.scores(data) if self.reads_objective else self(data, training=True)
                loss = self.compute_loss(x=data, y_pred=y)
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

    model = Own(zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8]))
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(x, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and int(model.step) == 10
    model.reads_objective = False
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=r"model.objective\(x, encoder=.*Received: y_pred="):
        model.fit(x, verbose=0)


def test_lists_of_parts_are_saved_and_loaded(tmp_path, x):
    @keras.saving.register_keras_serializable("tests")
    class Experts(zoo.Encoder):
        def __init__(self, latent_dim, experts, by_name, **kwargs):
            super().__init__(**kwargs)
            self.latent_dim, self.experts, self.by_name = latent_dim, experts, by_name

        def build(self, image_shape):
            for expert in (*self.experts, *self.by_name.values()):
                if not expert.built:
                    expert.build(image_shape)

        def call(self, x, training=False):
            found = [expert(x) for expert in (*self.experts, *self.by_name.values())]
            return {name: sum(one[name] for one in found) for name in ("loc", "scale")}

    experts = [zoo.MLPEncoder(3, [n]) for n in (5, 6, 7)]
    encoder = Experts(3, experts[:2], {"last": experts[2]})
    model = zoo.VAE(encoder, zoo.MLPDecoder(3, SHAPE, [8]))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(again(x)), to_numpy(model(x)))
    again.compile("adam", **QUICK)
    again.fit(x, verbose=0)


@pytest.mark.parametrize(
    ("builds", "policy"), [(True, "float32"), (False, "float32"), (True, "mixed_bfloat16")]
)
def test_own_encoder_in_twenty_lines(x, builds, policy, request):
    request.addfinalizer(lambda: keras.mixed_precision.set_dtype_policy("float32"))
    keras.mixed_precision.set_dtype_policy(policy)

    model = zoo.VAE(MyEncoder(3, builds), zoo.MLPDecoder(3, SHAPE, [8]))
    model.compile(keras.optimizers.Adam(0.01), **({} if builds and policy == "float32" else QUICK))
    losses = model.fit(x, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    kind = model.encoder.distribution(x).dtype
    assert keras.backend.standardize_dtype(kind) == "float32"


def test_what_a_subclass_hands_on_is_saved(tmp_path, x):
    @keras.saving.register_keras_serializable("tests")
    class Handing(zoo.MLPDecoder):
        def __init__(self, latent_dim, extra=1, **kwargs):
            super().__init__(latent_dim, SHAPE, hidden_units=[8], **kwargs)
            self.extra = extra

    likelihood = {"name": "gaussian", "scale": 0.1}
    decoder = Handing(3, extra=2, activation="tanh", likelihood=likelihood)
    model = zoo.VAE(zoo.MLPEncoder(3, [8]), decoder)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert (again.decoder.activation, again.decoder.extra) == ("tanh", 2)
    assert again.decoder.likelihood.scale == 0.1
    np.testing.assert_array_equal(to_numpy(again(x)), to_numpy(model(x)))
    Handing.registered_name = "handing"
    with pytest.raises(ValueError, match=r"Received: \['activation', 'likelihood'\], handed on"):
        zoo.part_config(decoder)
