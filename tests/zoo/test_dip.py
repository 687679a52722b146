"""DIP-VAE: its loss against NumPy, its limits, its refusals. Runs on both backends."""

import numpy as np
import pytest
from keras import ops

import zoo
from zoo.backend import to_numpy

SHAPE = (4, 3, 1)
Z = 3


def _model(**options):
    return zoo.build(
        {
            "encoder": {"name": "mlp", "hidden_units": [5], "latent_dim": Z},
            "decoder": {
                "name": "mlp",
                "hidden_units": [5],
                "latent_dim": Z,
                "image_shape": list(SHAPE),
            },
            "objective": {"name": "dip", **options},
        }
    )


def _parts(model):
    return {room: getattr(model, room) for room in ("encoder", "decoder", "marginal")}


@pytest.fixture
def x(rng):
    return rng.random((7, *SHAPE)).astype("float32")


@pytest.mark.parametrize("variant", ["i", "ii"])
def test_the_loss_is_that_of_equations_6_and_7(variant, x):
    model = _model(variant=variant, lambda_od=3.0, lambda_d=0.5)
    terms = to_numpy(model.objective(ops.convert_to_tensor(x), **_parts(model)))
    posterior = model.encode(x)
    covariance = np.cov(posterior["loc"].T.astype("float64"), ddof=0)
    if variant == "ii":
        covariance = covariance + np.diag(np.mean(posterior["scale"].astype("float64") ** 2, 0))
    off_diagonal = np.sum(covariance[~np.eye(Z, dtype=bool)] ** 2)
    diagonal = np.sum((np.diag(covariance) - 1.0) ** 2)
    assert terms["covariance_off_diagonal"] == pytest.approx(off_diagonal, rel=1e-4)
    assert terms["covariance_diagonal"] == pytest.approx(diagonal, rel=1e-5)
    elbo = np.mean(terms["distortion"] + terms["rate"])
    assert terms["loss"] == pytest.approx(elbo + 3.0 * off_diagonal + 0.5 * diagonal, rel=1e-5)


def test_without_penalty_it_is_the_elbo(x):
    model = _model(lambda_od=0.0, lambda_d=0.0)
    beta = zoo.Beta()
    ours, expected = (
        to_numpy(objective(ops.convert_to_tensor(x), **_parts(model)))
        for objective in (model.objective, beta)
    )
    assert ours["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    np.testing.assert_array_equal(ours["z"], expected["z"])


def test_uncorrelated_latents_of_unit_variance_cost_nothing():
    loc = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], "float32") * 0.6
    scale = np.full_like(loc, 0.8)
    sums = zoo.DIPVAE(variant="ii")._sums(ops.convert_to_tensor(loc), ops.convert_to_tensor(scale))
    np.testing.assert_allclose(to_numpy(sums), 0.0, atol=1e-12)
    off_diagonal, diagonal = to_numpy(
        zoo.DIPVAE(variant="i")._sums(ops.convert_to_tensor(loc), ops.convert_to_tensor(scale))
    )
    assert off_diagonal == pytest.approx(0.0, abs=1e-12)
    assert diagonal == pytest.approx(2 * (0.36 - 1) ** 2)


def test_a_batch_of_one_has_no_covariance(x):
    model = _model()
    terms = to_numpy(model.objective(ops.convert_to_tensor(x[:1]), **_parts(model)))
    assert terms["loss"] == pytest.approx(np.mean(terms["distortion"] + terms["rate"]), rel=1e-6)
    declared = model.declared_terms()
    assert {name for name, term in declared.items() if term.smallest_batch == 2} == {
        "covariance_off_diagonal",
        "covariance_diagonal",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lambda_od": -1.0}, "`lambda_od` .*at least 0. Received: lambda_od=-1.0"),
        ({"lambda_d": float("nan")}, "`lambda_d` .*Received: lambda_d=nan"),
        ({"variant": "I"}, r"one of \['i', 'ii'\]. Received: variant='I'"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        zoo.DIPVAE(**options)
