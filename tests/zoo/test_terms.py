"""Logged terms: means over examples that add up to the logged loss. Runs on both backends."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo import registry
from zoo.backend import BACKEND, to_numpy
from zoo.metrics import TermMean
from zoo.term import LAYER_LOSSES, LOSS, Term

zoo.load_parts()

SHAPE = (4, 3, 1)
Z = 2
# In batches of 6 the last one holds a single example.
COUNT, BATCH = 13, 6
CRITIC = {"hidden_units": [4]}
# Objective -> the loss as the sum of its logged terms, by its docstring. Of one that is not here,
# it is the sum by the weights that the terms declare.
OBJECTIVES = {
    "beta": ({"beta": 0.5}, lambda t: t["distortion"] + 0.5 * t["rate"]),
    "beta annealed": (
        {"beta": 3.0, "anneal_steps": 4},
        lambda t: t["distortion"] + t["weighted_rate"],
    ),
    "target_rate": (
        {"target": 0.3, "weight": 2.0},
        lambda t: t["distortion"] + 2.0 * t["rate_gap"],
    ),
    "bilbo": ({}, lambda t: t["distortion"] + t["rate"]),
    "mu": ({}, lambda t: t["distortion"] + t["regulariser"]),
    "infovae": ({}, lambda t: t["distortion"] + t["rate"] + 999.0 * t["divergence"]),
    "infovae of alpha": (
        {"alpha": 0.75, "lambda_": 3.0, "divergence": {"name": "mmd", "estimator": "v"}},
        lambda t: t["distortion"] + 0.25 * t["rate"] + 2.75 * t["divergence"],
    ),
    "infovae stein": (
        {"lambda_": 3.0, "divergence": "stein"},
        lambda t: t["distortion"] + t["rate"] + 2.0 * t["divergence"],
    ),
    "infovae adversarial": (
        {"lambda_": 3.0, "divergence": {"name": "adversarial", **CRITIC}},
        lambda t: t["distortion"] + t["rate"] + 2.0 * t["divergence_loss"],
    ),
    "infovae none": (
        {"lambda_": 3.0, "divergence": "none"},
        lambda t: t["distortion"] + t["rate"] + 2.0 * t["divergence"],
    ),
    "infomax": ({"lambda_": 5.0}, lambda t: t["distortion"] + 5.0 * t["divergence"]),
    "infomax wgan_gp": (
        {"lambda_": 5.0, "divergence": {"name": "wgan_gp", **CRITIC}},
        lambda t: t["distortion"] + 5.0 * t["divergence"],
    ),
    "classified": (
        {"base": {"name": "infovae"}, "num_classes": 3, "hidden_units": [4]},
        lambda t: t["distortion"] + t["rate"] + 999.0 * t["divergence"] + t["classifier_loss"],
    ),
}
_LISTED = {name.partition(" ")[0] for name in OBJECTIVES}
OBJECTIVES |= {name: ({}, None) for name in registry.OBJECTIVES.names() if name not in _LISTED}


def _declared(name, likelihood="bernoulli"):
    """Returns the declared terms of an objective without building a model."""
    objective = {"name": name.partition(" ")[0], **OBJECTIVES[name][0]}
    decoder = zoo.MLPDecoder(Z, SHAPE, [5], likelihood=likelihood)
    return registry.OBJECTIVES.create(objective).declared_terms(decoder)


def _sum_of_terms(name, model):
    """Returns the function of the logs that gives the loss."""

    def declared(logs):
        terms = model.declared_terms()
        return sum(term.weight * logs[key] for key, term in terms.items() if key in logs)

    return OBJECTIVES[name][1] or declared


def _pairs(declared):
    """Returns the terms that a batch of one has none of."""
    return {name for name, term in declared.items() if term.smallest_batch > 1}


def _model(name, likelihood="bernoulli"):
    keras.utils.set_random_seed(17)
    options, _ = OBJECTIVES[name]
    name = name.partition(" ")[0]
    decoder = {"name": "mlp", "hidden_units": [5], "likelihood": likelihood}
    return zoo.build(
        {
            "encoder": {"name": "mlp", "hidden_units": [5], "latent_dim": Z},
            "decoder": {**decoder, "latent_dim": Z, "image_shape": list(SHAPE)},
            "marginal": {"name": "floating" if name == "bilbo" else "normal", "latent_dim": Z},
            "objective": {"name": name, **options},
        }
    )


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (COUNT, *SHAPE)).astype("float32")


def _labels(model):
    return np.arange(COUNT) % 3 if model.objective.needs_labels else None


def _generator(objective):
    return getattr(objective, "base", objective).seed_generator


def _evaluate(model, x):
    return model.evaluate(x, _labels(model), batch_size=BATCH, verbose=0, return_dict=True)


def _by_hand(model, x):
    """Returns the means over examples of loss and terms."""
    labels, sums, sizes = _labels(model), {}, {}
    for start in range(0, len(x), BATCH):
        rows = slice(start, start + BATCH)
        options = {} if labels is None else {"labels": labels[rows]}
        parts = {room: getattr(model, room) for room in ("encoder", "decoder", "marginal")}
        terms = to_numpy(model.objective(ops.convert_to_tensor(x[rows]), **parts, **options))
        for name in ("loss", *model.terms):
            size = len(x[rows])
            if size == 1 and name in _pairs(model.declared_terms()):
                size = 0
            sums[name] = sums.get(name, 0.0) + size * np.mean(terms[name], dtype="float64")
            sizes[name] = sizes.get(name, 0) + size
    return {name: value / sizes[name] for name, value in sums.items()}


def test_every_divergence_is_here_and_those_of_pairs_declare_it():
    specs = [options.get("divergence", "mmd") for options, _ in OBJECTIVES.values()]
    names = {spec if isinstance(spec, str) else spec["name"] for spec in specs}
    assert names == set(registry.DIVERGENCES.names())
    of_pairs = {name for name in OBJECTIVES if "divergence" in _pairs(_declared(name))}
    assert of_pairs == {"infovae", "infovae of alpha", "infovae stein", "infomax", "classified"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_terms_are_means_over_examples_and_add_up_to_the_loss(name, x):
    model = _model(name)
    model.compile(run_eagerly=BACKEND == "tensorflow", jit_compile=BACKEND == "jax")
    generator = _generator(model.objective)
    noise = to_numpy(generator.state).copy()
    logs = _evaluate(model, x)
    assert logs["loss"] == pytest.approx(_sum_of_terms(name, model)(logs), rel=2e-5)
    generator.state.assign(noise)
    assert set(logs) == {"loss", *model.declared_terms()} - {"layer_losses"}
    expected = _by_hand(model, x)
    if _pairs(model.declared_terms()):
        expected.pop("loss")  # it counts the terms of a batch of one as zero
    for term, value in expected.items():
        assert logs[term] == pytest.approx(value, rel=1e-4, abs=1e-5), term


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if OBJECTIVES[name][1]])
def test_the_declared_weights_are_those_of_the_loss(name, x):
    declared = _declared(name)
    logs = {term: i + 1.0 for i, term in enumerate(declared)}
    total = sum(term.weight * logs[name] for name, term in declared.items() if term.weight)
    assert total == pytest.approx(OBJECTIVES[name][1](logs))


UNITS = {
    "accuracy": "fraction",
    **dict.fromkeys(("beta", "prior_trace", "regulariser", "layer_losses"), ""),
    "divergence": "",
}


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if OBJECTIVES[name][1]])
def test_every_term_declares_its_unit_and_its_meaning(name):
    declared = {"loss": LOSS, **_declared(name), "layer_losses": LAYER_LOSSES}
    units = {**UNITS, "divergence": "nats"} if name == "infovae adversarial" else UNITS
    for term, declaration in declared.items():
        assert declaration.unit == units.get(term, "nats"), term
        assert declaration.text.endswith("."), term


@pytest.mark.parametrize("name", OBJECTIVES)
def test_cost_takes_the_weight_of_the_distortion_and_comes_last(name):
    declared = _declared(name, "baggins")
    assert declared["cost"].weight == 1 and declared["distortion"].weight == 0
    own = ("accuracy", "classifier_loss") if name == "classified" else ()
    assert tuple(declared)[-1 - len(own) :] == ("cost", *own)


class _Wrong(zoo.Beta):
    """Declares what `call` does not give."""

    def own_terms(self):
        return {**super().own_terms(), **self.wrong}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"z": Term("", "A term.")}, r"term 'z' .*\[B\], as it is per example. .*shape=\(13, 2\)"),
        ({"rate": Term("nats", "A rate.", per="batch")}, r"'rate' .* per batch. .*shape=\(13,\)"),
        ({"gap": Term("nats", "A gap.")}, "'gap' .* Received: no such term"),
    ],
)
def test_a_term_is_of_the_shape_that_it_declares(wrong, message, x):
    objective = _Wrong()
    objective.wrong = wrong
    model = zoo.VAE(zoo.MLPEncoder(Z, [5]), zoo.MLPDecoder(Z, SHAPE, [5]), None, objective)
    model.compile(run_eagerly=BACKEND == "tensorflow")
    with pytest.raises(ValueError, match=message):
        model.evaluate(x, verbose=0)


def test_a_term_is_per_example_or_per_batch():
    with pytest.raises(ValueError, match="among .* Received: per='epoch'"):
        Term("nats", "A term.", per="epoch")


@pytest.mark.parametrize(
    ("name", "steps"), [("infovae", 3), ("target_rate", 1), ("beta annealed", 1)]
)
def test_terms_add_up_in_fit_and_validation(name, steps, x):
    model, of_terms = _model(name), OBJECTIVES[name][1]
    options = {"run_eagerly": BACKEND == "tensorflow"} if steps == 1 else {}
    model.compile(
        keras.optimizers.SGD(1e-3),
        steps_per_execution=steps,
        jit_compile=BACKEND == "jax",
        **options,
    )
    history = model.fit(
        x, batch_size=BATCH, epochs=2, validation_data=(x, None), validation_batch_size=4, verbose=0
    ).history
    for prefix in ("", "val_"):
        for epoch in range(2):
            logs = {term: history[f"{prefix}{term}"][epoch] for term in ("loss", *model.terms)}
            assert logs["loss"] == pytest.approx(of_terms(logs), rel=2e-5)


@pytest.mark.parametrize("name", ["beta", "target_rate", "infovae", "classified"])
def test_with_a_likelihood_that_the_batch_bounds_the_cost_takes_the_place_of_distortion(name, x):
    model = _model(name, "baggins")
    model.compile(run_eagerly=BACKEND == "tensorflow", jit_compile=BACKEND == "jax")
    logs = _evaluate(model, x)
    assert logs["cost"] != pytest.approx(logs["distortion"], rel=1e-3)
    of_cost = {**logs, "distortion": logs["cost"]}
    assert logs["loss"] == pytest.approx(OBJECTIVES[name][1](of_cost), rel=2e-5)


@pytest.mark.parametrize("name", ["infovae", "infovae stein", "infomax"])
def test_a_batch_of_one_does_not_change_the_mean_divergence(name, x):
    model = _model(name)
    model.compile(run_eagerly=BACKEND == "tensorflow", jit_compile=BACKEND == "jax")
    generator = _generator(model.objective)
    noise = to_numpy(generator.state).copy()
    with_one = _evaluate(model, x)
    generator.state.assign(noise)
    without = _evaluate(model, x[: 2 * BATCH])
    assert with_one["divergence"] == pytest.approx(without["divergence"], rel=1e-6)
    one_alone = _evaluate(model, x[:1])
    assert np.isnan(one_alone["divergence"]) and np.isnan(one_alone["loss"])
    assert np.isfinite(one_alone["distortion"])


def test_a_batch_of_one_trains_on_the_other_terms(x):
    moved = []
    for objective in (zoo.InfoVAE(), zoo.Beta()):
        keras.utils.set_random_seed(17)
        model = zoo.VAE(zoo.MLPEncoder(Z, [5]), zoo.MLPDecoder(Z, SHAPE, [5]), None, objective)
        before = [to_numpy(weight).copy() for weight in model.trainable_weights]
        eager = BACKEND == "tensorflow"
        model.compile(keras.optimizers.SGD(1.0), run_eagerly=eager, jit_compile=not eager)
        model.fit(x[:1], verbose=0)
        moved.append([to_numpy(w) - b for w, b in zip(model.trainable_weights, before)])
    for ours, expected in zip(*moved, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


def test_a_mean_of_terms_by_hand():
    metric = TermMean("term", smallest_batch=2)
    assert np.isnan(float(metric.result()))
    metric.update_state(np.array([1.0, 2.0, 6.0]), examples=3)
    metric.update_state(7.0, examples=2)
    metric.update_state(np.nan, examples=1)
    assert float(metric.result()) == pytest.approx((3 * 3.0 + 2 * 7.0) / 5)
    assert float(metric.shortfall()) == pytest.approx(23 / 5 - 23 / 6)
    assert TermMean.from_config(metric.get_config()).smallest_batch == 2
    metric.reset_state()
    metric.update_state(np.nan, examples=2)
    assert np.isnan(float(metric.result())) and float(metric.shortfall()) == 0.0


def test_an_objective_that_lists_names_as_earlier_versions_did_is_refused():
    class Former(zoo.Objective):
        term_names = ("rate",)

    with pytest.raises(TypeError, match="`declared_terms`.* Received: Former with `term_names`"):
        zoo.VAE(zoo.MLPEncoder(Z, [5]), zoo.MLPDecoder(Z, SHAPE, [5]), None, Former())
