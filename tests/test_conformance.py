"""What every registered part must do, and what every composition must do. Runs on both backends."""

import itertools

import keras
import numpy as np
import pytest

import zoo
from zoo import registry
from zoo.backend import BACKEND, compiled, to_numpy
from zoo.divergences import kl
from zoo.vae import ROOMS

zoo.load_parts()

SHAPE = (8, 8, 1)
LATENTS = 3
# Arguments of parts for tests. A part that is not here is made with its defaults.
ENCODERS = {
    "mlp": {"hidden_units": [7, 5]},
    "gated_conv": {"depth": 2},
    "small_conv": {"depth": 4},
    "dcgan": {"filters": [4, 6], "kernel_size": 4},
    "residual": {"depth": 4},
    "clipped": {"base": {"name": "mlp", "hidden_units": [7, 5]}},
    "scaled": {"base": {"name": "mlp", "hidden_units": [7, 5]}, "factor": 3.0},
    "pixel_noise": {"base": {"name": "mlp", "hidden_units": [7, 5]}},
    "iaf": {
        "base": {"name": "mlp", "hidden_units": [7, 5]},
        "num_flows": 3,
        "hidden_units": [8, 6],
    },
}
DECODERS = {
    "mlp": {"hidden_units": [7, 5]},
    "gated_deconv": {"depth": 2},
    "small_deconv": {"depth": 4},
    "dcgan": {"filters": [6, 4, 4], "kernel_size": 4},
    "residual": {"depth": 4},
    "pixelcnn": {"depth": 4, "num_resnets": 1},
    "scaled": {"base": {"name": "mlp", "hidden_units": [7, 5]}, "factor": 3.0},
}
MARGINALS = {
    "normal": {},
    "floating": {},
    "logistic": {},
    "maf": {"num_flows": 3, "hidden_units": [8, 6]},
    "vamp": {"num_pseudo_inputs": 4},
}
OBJECTIVES = {
    "beta": {"beta": 0.5, "anneal_steps": 10},
    "target_rate": {"target": 2.0},
    "bilbo": {},
    "mu": {},
    "infovae": {"lambda_": 3.0, "divergence": {"name": "mmd", "kernel": "imq"}},
    "infomax": {"lambda_": 2.0, "divergence": {"name": "wgan_gp", "hidden_units": [6]}},
    "classified": {"base": {"name": "beta", "beta": 0.5}, "num_classes": 3, "hidden_units": [6]},
}
LIKELIHOODS = {
    "bernoulli": {},
    "gaussian": {"scale": "learned"},
    "baggins": {},
    "optimal_gaussian": {},
    "logistic_mixture": {"num_components": 2},
}
# (likelihood, parameter) -> its maps, where they are not as many as the image's channels.
MAPS = {("logistic_mixture", name): 2 for name in ("logits", "loc", "scale")}
# What an objective needs of the other parts, where that is not the default of `_compose`.
PARTNERS = {"bilbo": {"marginal": "floating"}}
# Pairs that cannot be composed -> the error that composing them raises.
INCOMPATIBLE = {
    ("decoder pixelcnn", "likelihood gaussian"): "Received: .*likelihood='gaussian'",
    ("decoder pixelcnn", "likelihood baggins"): "Received: .*likelihood='baggins'",
    ("decoder pixelcnn", "likelihood optimal_gaussian"): "likelihood='optimal_gaussian'",
    ("decoder pixelcnn", "likelihood logistic_mixture"): "likelihood='logistic_mixture'",
    ("encoder iaf", "objective bilbo"): "diagonal Gaussian posteriors. Received: encoder=IAF",
    ("marginal normal", "objective bilbo"): "marginal 'floating'. Received: marginal=Normal",
    ("marginal maf", "objective bilbo"): "Received: marginal=MAFMarginal",
    ("marginal vamp", "objective bilbo"): "Received: marginal=VampPrior",
    ("marginal logistic", "objective bilbo"): "Received: marginal=Logistic",
    ("marginal maf", "objective infomax"): "without weights.* Received: marginal=MAFMarginal",
    ("marginal vamp", "objective infomax"): "without weights.* Received: marginal=VampPrior",
    ("marginal maf", "objective mu"): "without weights. Received: marginal=MAFMarginal",
    ("marginal vamp", "objective mu"): "without weights. Received: marginal=VampPrior",
}
# Trainable weights of each part: kernels and biases, counted by hand from the papers' tables. An
# objective that is not here has none.
WEIGHTS = {
    ("encoder", "mlp"): 2 * 2 + 4,
    ("encoder", "gated_conv"): 5 * 2 + 4,
    ("encoder", "small_conv"): 3 * 2 + 4,
    ("encoder", "clipped"): 2 * 2 + 4,
    ("encoder", "scaled"): 2 * 2 + 4,
    ("encoder", "pixel_noise"): 2 * 2 + 4,
    ("encoder", "iaf"): 2 * 2 + 4 + 3 * 3 * 2,
    # A convolution before a batch norm has no bias; a batch norm has scale and offset.
    ("encoder", "dcgan"): 2 * 3 + 4,
    # A convolution; a block of two norms and two convolutions, one without a bias; a norm.
    ("encoder", "residual"): 2 + (2 * 2 + 1 + 2) + 2 + 4,
    ("decoder", "residual"): 2 + (2 * 2 + 1 + 2) + 2 + 2 + 2 + 2,
    ("decoder", "dcgan"): 2 + 2 * 3 + 2,
    ("decoder", "mlp"): 2 * 2 + 2,
    ("decoder", "gated_deconv"): 6 * 2 + 2,
    ("decoder", "small_deconv"): 4 * 2,
    ("decoder", "scaled"): 2 * 2 + 2,
    # The plane, three first convolutions, the two streams, the 1 x 1 convolution.
    ("decoder", "pixelcnn"): 2 + 6 + (3 * 4 + 3 * 5 + 8) + (6 * 5 + 8) + 2,
    ("marginal", "normal"): 0,
    ("marginal", "floating"): 0,
    ("marginal", "logistic"): 0,
    ("marginal", "maf"): 3 * 3 * 2,
    ("marginal", "vamp"): 2,
    # A critic's are not the optimiser's.
    ("objective", "classified"): 2 * 2,
}
EXAMPLES = {
    "encoder": ENCODERS,
    "decoder": DECODERS,
    "marginal": MARGINALS,
    "objective": OBJECTIVES,
    "likelihood": LIKELIHOODS,
}
REGISTRIES = {**ROOMS, "likelihood": registry.LIKELIHOODS}
# All registered names, those with an entry first.
NAMES = {
    room: [*EXAMPLES[room], *(name for name in names.names() if name not in EXAMPLES[room])]
    for room, names in REGISTRIES.items()
}
# A few steps cost less to run eagerly than to compile; JAX must compile to differentiate.
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _covering(size):
    """Returns few compositions in which every `size` parts of different rooms meet."""
    bits, groups = {}, {}  # sets as bits of an integer: there are 20,000 compositions
    for names in filter(_fits, itertools.product(*NAMES.values())):
        found = itertools.combinations(enumerate(names), size)
        groups[names] = sum(1 << bits.setdefault(group, len(bits)) for group in found)
    chosen, missing = [], (1 << len(bits)) - 1
    while missing:
        chosen.append(max(groups, key=lambda names: (groups[names] & missing).bit_count()))
        missing &= ~groups[chosen[-1]]
    return chosen


def _spec(room, name, likelihood="bernoulli"):
    spec = {"name": name, **EXAMPLES[room].get(name, {})}
    if room != "objective":
        spec["latent_dim"] = LATENTS
    if room == "decoder":
        spec["image_shape"] = list(SHAPE)
        told = {"likelihood": {"name": likelihood, **LIKELIHOODS.get(likelihood, {})}}
        spec.update({"base": {**spec["base"], **told}} if "base" in spec else told)
    return spec


def _compose(encoder="mlp", decoder="mlp", marginal=None, objective="beta", likelihood=None):
    marginal = marginal or PARTNERS.get(objective, {}).get("marginal", "normal")
    return zoo.build(
        {
            "encoder": _spec("encoder", encoder),
            "decoder": _spec("decoder", decoder, likelihood or "bernoulli"),
            "marginal": _spec("marginal", marginal),
            "objective": _spec("objective", objective),
        }
    )


def _fits(names):
    parts = {f"{room} {name}" for room, name in zip(NAMES, names)}
    return not any(parts.issuperset(pair) for pair in (*INCOMPATIBLE, *REFUSED))


def _refused():
    """Returns pair -> error of an objective without entries here and each part that it refuses."""
    listed = {*OBJECTIVES, *PARTNERS}
    return {
        (f"{room} {name}", f"objective {objective}"): error
        for objective in NAMES["objective"]
        for room in ("encoder", "marginal")
        for name in NAMES[room]
        if objective not in listed and (error := _error(objective=objective, **{room: name}))
    }


def _error(**names):
    """Returns the error that a composition raises as text, or ""."""
    try:
        _compose(**names)
    except ValueError as error:
        return str(error)
    return ""


REFUSED = _refused()
# On JAX each compiles for seconds: every part once, as the code of a composition is the same.
COMPOSITIONS = _covering(1 if BACKEND == "jax" else 2)
# Every encoder and every decoder at least once.
PAIRS = sorted({(names[0], names[1]) for names in _covering(1)})


def _images(count=5):
    return np.random.default_rng(17).integers(0, 2, (count, *SHAPE)).astype("float32")


PARTS = [(room, name) for room in ROOMS for name in NAMES[room]]


def test_the_entries_here_are_of_parts():
    for room, examples in EXAMPLES.items():
        assert set(examples) <= set(NAMES[room]), room


@pytest.mark.parametrize("objective", NAMES["objective"])
def test_an_objective_takes_most_parts(objective):
    pairs = {pair for pair in (*INCOMPATIBLE, *REFUSED) if f"objective {objective}" in pair}
    assert len(pairs) < 6


@pytest.mark.parametrize(("room", "name"), PARTS)
def test_config_round_trip(room, name):
    part = ROOMS[room].create(_spec(room, name))
    again = type(part).from_config(part.get_config())
    assert again.get_config() == part.get_config()
    spec = zoo.part_config(part)
    assert zoo.part_config(ROOMS[room].create(spec)) == spec
    assert spec["name"] == name


@pytest.mark.parametrize(("room", "name"), PARTS)
def test_number_of_tracked_weights(room, name):
    model = _compose(**{room: name})
    part = getattr(model, room)
    expected = WEIGHTS.get((room, name), 0) if room == "objective" else WEIGHTS[room, name]
    assert len(part.trainable_weights) == expected
    assert all(layer.built for layer in model._flatten_layers())


@pytest.mark.parametrize("name", NAMES["encoder"])
def test_encoder(name):
    encoder = _compose(encoder=name).encoder
    for count in (1, 5):
        parameters = to_numpy(encoder(_images(count)))
        scale = "base_scale" if name == "iaf" else "scale"
        names = {"loc", "base_loc", scale} if name == "iaf" else {"loc", scale}
        shapes = {k: (v.shape, v.dtype) for k, v in parameters.items()}
        assert shapes == dict.fromkeys(names, ((count, LATENTS), np.float32))
        assert (parameters[scale] > 0).all()
        posterior = encoder.distribution(_images(count))
        assert tuple(posterior.batch_shape) == (count,)
        assert tuple(posterior.event_shape) == (LATENTS,)


@pytest.mark.parametrize("pair", INCOMPATIBLE, ids=" with ".join)
def test_what_cannot_be_composed_says_so(pair):
    with pytest.raises(ValueError, match=INCOMPATIBLE[pair]):
        _compose(**dict(part.split() for part in pair))


@pytest.mark.parametrize("pair", REFUSED, ids=" with ".join)
def test_an_objective_names_the_part_that_it_refuses(pair):
    (room, name), _ = (part.split() for part in pair)
    received = REFUSED[pair].partition("Received: ")[2]
    assert received == f"{room}={REGISTRIES[room].get(name).__name__}"


def _adapt(part):
    """Gives a part that waits for the end of training an estimate."""
    if part.adapts:
        part.variance.assign(np.full(part.variance.variable.shape, 0.5))


@pytest.mark.parametrize("likelihood", NAMES["likelihood"])
@pytest.mark.parametrize("name", NAMES["decoder"])
def test_decoder(name, likelihood):
    if (f"decoder {name}", f"likelihood {likelihood}") in INCOMPATIBLE:
        return  # test_what_cannot_be_composed_says_so
    decoder = _compose(decoder=name, likelihood=likelihood).decoder
    _adapt(decoder.likelihood)
    for leading in ((2,), (4, 3)):
        z = np.zeros((*leading, LATENTS), "float32")
        given = {"x": np.zeros((*leading, *SHAPE), "float32")} if decoder.is_autoregressive else {}
        for parameter, value in to_numpy(decoder(z, **given)).items():
            maps = MAPS.get((likelihood, parameter), SHAPE[-1])
            assert (value.shape, value.dtype) == ((*leading, *SHAPE[:2], maps), np.float32)
        distribution = decoder.distribution(z)
        assert tuple(distribution.batch_shape) == leading
        assert tuple(distribution.event_shape) == SHAPE


@pytest.mark.parametrize("name", NAMES["marginal"])
def test_marginal(name):
    marginal = _compose(marginal=name).marginal
    _adapt(marginal)
    distribution = marginal.distribution()
    assert tuple(distribution.batch_shape) == ()
    assert tuple(distribution.event_shape) == (LATENTS,)


@pytest.mark.parametrize("composition", COMPOSITIONS, ids="-".join)
def test_every_weight_of_every_composition_gets_a_gradient_and_a_step_moves_it(composition):
    keras.utils.set_random_seed(17)
    model = _compose(*composition)
    model.compile(keras.optimizers.SGD(1e-3), **QUICK)
    before = [to_numpy(w).copy() for w in model.trainable_weights]
    x = _images(12)
    # Two steps: at the first the annealed rate has no weight, and its gradient is zero.
    labels = np.arange(12) % 3 if model.objective.needs_labels else None
    logs = model.fit(x, labels, batch_size=6, epochs=1, verbose=0).history
    assert np.isfinite(logs["loss"][0])
    stuck = [
        w.path for w, b in zip(model.trainable_weights, before) if np.array_equal(to_numpy(w), b)
    ]
    assert stuck == []


@pytest.mark.parametrize(("encoder", "decoder"), [("mlp", "mlp"), ("gated_conv", "small_deconv")])
def test_xla_graph_and_eager_agree(encoder, decoder):
    model = _compose(encoder, decoder)
    z = np.random.default_rng(17).normal(size=(5, LATENTS)).astype("float32")

    # At given latents: XLA draws other numbers from the same seed than TensorFlow's own kernels.
    def terms(x, z):
        posterior, marginal = model.encoder.distribution(x), model.marginal.distribution()
        log_likelihood = model.decoder.distribution(z).log_prob(x)
        return {"rate": kl.rate(posterior, marginal, z), "log_likelihood": log_likelihood}

    eager = to_numpy(terms(_images(), z))
    for xla in (True, False):
        in_graph = to_numpy(compiled(terms, model.variables, jit_compile=xla)(_images(), z))
        for name, value in eager.items():
            np.testing.assert_allclose(in_graph[name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize(("encoder", "decoder"), PAIRS)
def test_probabilities_are_float32_under_mixed_precision(encoder, decoder):
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = _compose(encoder, decoder)
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)
    grey = np.random.default_rng(17).random((6, *SHAPE)).astype("float32")
    given = {"x": grey[:2]} if model.decoder.is_autoregressive else {}
    decoded = model.decode(np.zeros((2, LATENTS)), **given)
    for value in [*model.encode(grey).values(), *decoded.values()]:
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert any(
        layer.compute_dtype == "bfloat16" and layer.weights for layer in model._flatten_layers()
    )
    seen = []
    objective_call = model.objective.call
    model.objective.call = lambda x, **kw: seen.append(to_numpy(x)) or objective_call(x, **kw)
    model.compile(keras.optimizers.SGD(1e-3), run_eagerly=True)
    if BACKEND == "tensorflow":
        model.evaluate(grey, verbose=0)
        np.testing.assert_array_equal(seen[0], grey)


# On JAX, where these would be compiled for minutes, each has taken its steps above.
@pytest.mark.parametrize(("encoder", "decoder"), [("mlp", "mlp")] if BACKEND == "jax" else PAIRS)
def test_one_step_lowers_the_loss_on_a_fixed_batch(encoder, decoder):
    keras.utils.set_random_seed(17)
    model = _compose(encoder, decoder)
    model.compile(keras.optimizers.SGD(1e-2), **QUICK)
    x = _images(12)
    noise = to_numpy(model.objective.seed_generator.state).copy()

    def loss():
        # At the same posterior samples: the noise of a sampled rate is more than three steps gain.
        model.objective.seed_generator.state.assign(noise)
        return model.evaluate(x, return_dict=True, verbose=0)["loss"]

    before = loss()
    model.fit(x, batch_size=12, epochs=3, verbose=0)
    assert loss() < before
