"""`export.golden`: the model's own numbers, with sums in float64."""

import numpy as np
import pytest
import tiny_artifact

from export import golden


def test_golden_images_must_fit():
    model = tiny_artifact.make_model()
    with pytest.raises(ValueError, match=r"\[N, 8, 6, 1\] in \[0, 1\]. Received: .*from \d to 255"):
        golden.golden_arrays(model, tiny_artifact.images(4))
    with pytest.raises(ValueError, match=r"Received: shape=\(2, 6, 8, 1\)"):
        golden.golden_arrays(model, np.zeros((2, 6, 8, 1)))


def test_golden_outputs_are_those_of_the_model():
    model = tiny_artifact.make_model()
    arrays = golden.golden_arrays(model)
    assert arrays["encoder.image"].shape == (10, 8, 6, 1)
    expected = model.encode(arrays["encoder.image"])["scale"]
    np.testing.assert_allclose(arrays["encoder.scale"], expected, atol=1e-6)
    again = golden.golden_arrays(model)
    assert all((again[name] == value).all() for name, value in arrays.items())


def test_golden_numbers_are_nearer_the_exact_ones_than_float32_is():
    model = tiny_artifact.make_model()
    for weight in model.encoder.trainable_variables:
        weight.assign(30 * weight)  # large sums that cancel
    x = tiny_artifact.images(8).astype("float32") / 255
    arrays = golden.golden_arrays(golden.exact(model), x)
    weights = [np.asarray(w, "f8") for w in model.encoder.get_weights()]
    hidden = arrays["encoder.image"].astype("f8").reshape(10, -1)
    for kernel, bias in zip(weights[:4:2], weights[1:4:2]):
        hidden = np.maximum(hidden @ kernel + bias, 0)
    expected = hidden @ weights[4] + weights[5]
    own = np.asarray(model.encode(arrays["encoder.image"])["loc"])
    errors = [np.abs(found - expected).mean() for found in (arrays["encoder.loc"], own)]
    assert errors[0] < errors[1] < 1e-6 * np.abs(expected).max()


def test_layers_that_are_float32_under_every_policy_sum_in_float64_too(rng):
    model = tiny_artifact.make_model()
    kernel, bias = model.decoder.pixels.get_weights()
    h = (1e4 * rng.normal(size=(50, len(kernel)))).astype("f4")
    exact = h.astype("f8") @ kernel.astype("f8") + bias
    twin = golden.exact(model).decoder.pixels
    errors = [np.abs(np.asarray(layer(h)) - exact) for layer in (twin, model.decoder.pixels)]
    assert (errors[0] <= 2**-24 * np.abs(exact)).all()  # one rounding, that of the result
    assert errors[0].max() < errors[1].max()
