"""Training steps and samplers lower for CUDA, which needs no GPU: JAX's export, on JAX alone."""

import json
import pathlib

import keras
import numpy as np
import pytest

import zoo
from benchmarks import devices as cases
from trainers import config as configs
from zoo.backend import BACKEND, tfp_seed

zoo.load_parts()
ARTIFACTS = pathlib.Path(__file__).parents[2] / "artifacts"
RELEASED = sorted(path.parent.name for path in ARTIFACTS.glob("*/card.json"))
NAMES = [*cases.cases(), *RELEASED]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BACKEND != "jax", reason="what is lowered is JAX's program"),
]


def _model(name):
    if name not in RELEASED:
        return cases.build(name)
    card = json.loads((ARTIFACTS / name / "card.json").read_text(encoding="utf-8"))
    model = zoo.build(configs.model_config(card["run_config"], card["image_shape"]))
    model.compile("adam")
    return model


def _lowered(function, *arguments):
    import jax

    exported = jax.export.export(jax.jit(function), platforms=["cuda"])(*arguments)
    assert exported.platforms == ("cuda",)
    return exported


def _stateless(model, function):
    """Returns the function with the model's variables as its first argument, and their values."""
    variables = model.variables

    def call(values, *arguments):
        with keras.StatelessScope(state_mapping=list(zip(variables, values))):
            return function(*arguments)

    return call, [variable.value for variable in variables]


@pytest.mark.parametrize("name", NAMES)
def test_lowers_for_cuda(name):
    model = _model(name)
    images = np.zeros((4, *model.image_shape), "float32")
    model.optimizer.build(model.trainable_variables)
    state = model._get_jax_state(
        trainable_variables=True,
        non_trainable_variables=True,
        optimizer_variables=True,
        metrics_variables=True,
    )
    data = (images, np.zeros(4, "int64")) if model.objective.needs_labels else (images,)
    step = _lowered(model.train_step, state, data)
    assert len(step.out_avals) > len(state[0]) + len(state[1])  # the logs are there too

    def sample(key):
        z = model.marginal.distribution().sample(4, seed=key)
        return model.decoder.images(z)

    function, values = _stateless(model, sample)
    sampler = _lowered(function, values, tfp_seed(17))
    assert sampler.out_avals[0].shape == (4, *model.image_shape)
