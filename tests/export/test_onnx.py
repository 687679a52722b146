"""`export.onnx`: names, dynamic batch, handlers, and errors in place of invalid files."""

import copy
import os

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from tf2onnx import constants, optimizer

import zoo
from export import onnx as export_onnx
from export.report import relative_error
from zoo.backend import tfd, to_numpy
from zoo.light.runtime import Graph


def converted(function, inputs, name="the function"):
    return Graph(export_onnx.convert(function, inputs, name).SerializeToString(), name)


def test_names_batch_opset_and_version():
    model = export_onnx.convert(
        lambda image, z: {"b": image + z, "a": image - z}, {"image": (2, 3), "z": (1, 3)}
    )
    assert model.opset_import[0].version == 18 and model.ir_version == 8
    graph = Graph(model.SerializeToString(), "test")
    assert graph.inputs == {"image": ["batch", 2, 3], "z": ["batch", 1, 3]}
    assert graph.outputs == {"a": ["batch", 2, 3], "b": ["batch", 2, 3]}
    for size in (1, 5):
        image, z = np.full((size, 2, 3), 5.0, "f4"), np.full((size, 1, 3), 2.0, "f4")
        received = graph(image=image, z=z)
        np.testing.assert_array_equal(received["a"], np.full((size, 2, 3), 3.0))
        np.testing.assert_array_equal(received["b"], np.full((size, 2, 3), 7.0))


@pytest.mark.parametrize(
    ("encoder", "decoder", "likelihood"),
    [
        ("mlp", "mlp", "bernoulli"),
        ("small_conv", "small_deconv", {"name": "gaussian", "scale": "scalar"}),
        ("gated_conv", "gated_deconv", {"name": "gaussian", "scale": "learned"}),
    ],
)
def test_every_network_gives_keras_numbers_in_two_batch_sizes(encoder, decoder, likelihood, seed):
    keras.utils.set_random_seed(seed)
    sizes = {} if encoder == "mlp" else {"depth": 4}
    shape = {"image_shape": [12, 8, 1], "likelihood": likelihood}
    model = zoo.build(
        {
            "encoder": {"name": encoder, "latent_dim": 3, **sizes},
            "decoder": {"name": decoder, "latent_dim": 3, **shape, **sizes},
        }
    )
    encode = converted(model.encode, {"image": (12, 8, 1)}, "the encoder")
    decode = converted(model.decode, {"z": (3,)}, "the decoder")
    rng = np.random.default_rng(seed)
    for size in (2, 7):
        image = rng.random((size, 12, 8, 1)).astype("f4")
        z = rng.standard_normal((size, 3)).astype("f4")
        for received, expected in (
            (encode(image=image), to_numpy(model.encode(image))),
            (decode(z=z), to_numpy(model.decode(z))),
        ):
            assert set(received) == set(expected)
            for name, value in received.items():
                assert relative_error(value, expected[name]) <= 1e-5


def test_log1p_is_exact_to_rounding_from_minus_one_to_infinity():
    graph = converted(lambda x: {"y": tf.math.log1p(x)}, {"x": (1,)})
    small = np.float32(10.0) ** np.arange(-40, 38, dtype="f4")
    x = np.concatenate([small, -small[small < 1], [0, np.inf, np.float32(-1 + 2**-24)]])
    x = x.astype("f4")[:, None]
    expected = np.log1p(x.astype("f8"))
    received = graph(x=x)["y"].astype("f8")
    finite = np.isfinite(expected)
    assert received[~finite] == np.inf
    # Four roundings of 2^-24 each; numbers under 1e-38 are kept to their own spacing of 1.4e-45.
    error = np.abs(received[finite] - expected[finite])
    assert (error <= 2.4e-7 * np.abs(expected[finite]) + 1.5e-45).all()
    assert graph(x=np.array([[-1.0], [-2.0]], "f4"))["y"][0] == -np.inf
    assert np.isnan(graph(x=np.array([[np.nan], [-2.0]], "f4"))["y"]).all()


def test_expm1_is_exact_to_rounding_from_minus_infinity_to_infinity():
    graph = converted(lambda x: {"y": tf.math.expm1(x)}, {"x": (1,)})
    small = np.float32(10.0) ** np.arange(-40, 2, dtype="f4")
    x = np.concatenate([small, -small, np.linspace(-3, 88, 183), [0, -0.0, -1e30, -np.inf]])
    x = x.astype("f4")[:, None]
    expected = np.expm1(x.astype("f8"))
    received = graph(x=x)["y"].astype("f8")
    # Five roundings of 2^-24, two of them of exp and log, which runtimes round to two units.
    error = np.abs(received - expected)
    assert (error <= 5e-7 * np.abs(expected) + 1.5e-45).all()
    assert (graph(x=np.array([[89.0], [1e30], [np.inf]], "f4"))["y"] == np.inf).all()
    assert np.isnan(graph(x=np.array([[np.nan]], "f4"))["y"]).all()


def test_softplus_is_exact_to_rounding_at_both_ends():
    graph = converted(lambda x: {"y": tf.nn.softplus(x)}, {"x": (1,)})
    x = np.concatenate([np.linspace(-87, 100, 375), [-30000.0, 0, 30000.0]]).astype("f4")[:, None]
    expected = np.logaddexp(0, x.astype("f8"))
    error = np.abs(graph(x=x)["y"] - expected)
    assert (error <= 5e-7 * expected + 1.5e-45).all()
    ends = graph(x=np.array([[np.inf], [-np.inf]], "f4"))["y"]
    np.testing.assert_array_equal(ends, [[np.inf], [0]])


def test_a_sum_over_a_picture_keeps_float32s_digits(rng):
    # Nearly equal numbers, as the terms of a log-likelihood of a black picture are.
    image = (-0.822 - 1e-5 * rng.random((3, 64, 64, 3))).astype("f4")
    graph = converted(
        lambda image: {"sum": tf.reduce_sum(image, (1, 2, 3))}, {"image": (64, 64, 3)}
    )
    expected = image.sum(axis=(1, 2, 3), dtype="f8")
    np.testing.assert_allclose(graph(image=image)["sum"], expected, rtol=1e-6)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [1, -1, (1, 3), (-1, 2), (0, 1, 2, 3), (), None])
def test_sums_over_any_axes(rng, axis, keepdims):
    image = rng.random((5, 2, 3, 4)).astype("f4")

    def function(image):
        # Added to a column of the batch, which a sum over all axes has not.
        found = tf.reduce_sum(image, axis, keepdims=keepdims)
        return {"sum": tf.reshape(image, [-1, 24])[:, :1] + tf.reshape(found, [1, -1])}

    expected = image.reshape(-1, 24)[:, :1] + image.sum(axis, keepdims=keepdims).reshape(1, -1)
    received = converted(function, {"image": (2, 3, 4)})(image=image)["sum"]
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_a_sum_over_axes_that_only_the_input_gives(rng):
    image = rng.random((5, 2, 3)).astype("f4")

    def function(image):
        axes = tf.cast(tf.shape(image)[2:] - 1, tf.int32)  # [2], which no constant says
        return {"sum": tf.ensure_shape(tf.reduce_sum(image, axes), (None, 2))}

    graph = converted(function, {"image": (2, None)})
    np.testing.assert_allclose(graph(image=image)["sum"], image.sum(2), rtol=1e-6)


def test_broadcast_args_with_a_dynamic_batch():
    def function(x, y):
        shape = tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y)[1:])
        return {"sum": tf.broadcast_to(0.0, shape) + x + y}

    model = export_onnx.convert(function, {"x": (4, 1), "y": (1, 5)})
    graph = Graph(model.SerializeToString(), "test")
    for size in (1, 3):
        x = np.random.default_rng(1).random((size, 4, 1)).astype("f4")
        y = np.random.default_rng(2).random((size, 1, 5)).astype("f4")
        np.testing.assert_array_equal(graph(x=x, y=y)["sum"], x + y)
    without = {**export_onnx.HANDLERS}
    without.pop("BroadcastArgs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_onnx, "HANDLERS", without)
        with pytest.raises(ValueError, match="Received: BroadcastArgs"):
            export_onnx.convert(function, {"x": (4, 1), "y": (1, 5)})


def test_a_probability_graph_with_noise_as_an_input():
    """log N(z; loc, scale) at z = loc + scale * noise."""

    def function(loc, raw, noise):
        posterior = tfd.MultivariateNormalDiag(loc, tf.math.log1p(tf.exp(raw)))
        z = loc + posterior.stddev() * noise
        return {"log_prob": posterior.log_prob(z)[:, None], "z": z}

    graph = converted(function, {"loc": (3,), "raw": (3,), "noise": (3,)})
    for size in (2, 5):
        rng = np.random.default_rng(size)
        loc, raw, noise = rng.standard_normal((3, size, 3)).astype("f4")
        received = graph(loc=loc, raw=raw, noise=noise)
        scale = np.log1p(np.exp(raw))
        terms = -0.5 * noise**2 - np.log(scale) - 0.5 * np.log(2 * np.pi)
        np.testing.assert_allclose(received["log_prob"][:, 0], terms.sum(1), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(received["z"], loc + scale * noise, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (lambda x: {"y": tf.math.lgamma(x) + tf.math.erfinv(x)}, "Erfinv, Lgamma"),
        (
            lambda x: {"y": tf.random.stateless_normal(tf.shape(x), [1, 2]) + x},
            "StatelessRandomNormalV2",
        ),
    ],
)
def test_an_op_without_onnx_form_is_named_and_nothing_is_written(function, op, tmp_path):
    with pytest.raises(ValueError, match=f"the thing uses TensorFlow ops .*Received: .*{op}"):
        export_onnx.export(function, {"x": (4,)}, tmp_path / "x.onnx", "the thing")
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_survives_a_failed_export(tmp_path):
    path = tmp_path / "x.onnx"
    export_onnx.export(lambda x: {"y": x + 1}, {"x": (4,)}, path)
    before = path.read_bytes()
    onnx.checker.check_model(str(path), full_check=True)
    with pytest.raises(ValueError, match="Received: Lgamma"):
        export_onnx.export(lambda x: {"y": tf.math.lgamma(x)}, {"x": (4,)}, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_random_numbers_that_onnx_could_draw_are_refused():
    with pytest.raises(ValueError, match="make noise an input. Received: RandomNormalLike"):
        export_onnx.convert(lambda x: {"y": tf.random.normal(tf.shape(x)) + x}, {"x": (4,)})


def test_an_unknown_op_inside_a_branch_is_named():
    def function(x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: tf.math.lgamma(x), lambda: x)}

    with pytest.raises(ValueError, match="Received: Lgamma"):
        export_onnx.convert(function, {"x": (4,)})


def test_an_op_has_one_handler():
    with pytest.raises(ValueError, match="Each op needs one handler. Received: op='Log1p'"):
        export_onnx.handles("Log1p")(lambda *_: None)


def test_a_handler_that_fails_is_an_error(monkeypatch):
    def broken(ctx, node, name, args):
        raise RuntimeError("no idea")

    monkeypatch.setitem(export_onnx.HANDLERS, "Lgamma", broken)
    with pytest.raises(
        ValueError,
        match="Could not convert it to ONNX. Received: Failed to convert node.*Error: no idea",
    ):
        export_onnx.convert(lambda x: {"y": tf.math.lgamma(x)}, {"x": (4,)}, "it")


def test_the_graph_is_copied_only_where_an_optimisation_fails(monkeypatch):
    copied, deepcopy = [], copy.deepcopy

    def counted(value, *memo):
        copied.append(type(value).__name__)
        return deepcopy(value, *memo)

    def failing():
        raise RuntimeError("an optimisation that fails")

    monkeypatch.setattr(copy, "deepcopy", counted)
    x = np.ones((2, 3), "f4")
    for has_failed in (False, True):
        if has_failed:
            monkeypatch.setitem(optimizer._optimizers, "remove_identity", failing)
        graph = converted(lambda x: {"y": tf.identity(2.0 * x)}, {"x": (3,)})
        np.testing.assert_array_equal(graph(x=x)["y"], 2 * x)
        assert ("Graph" in copied) == has_failed
    assert constants.ENV_TF2ONNX_CATCH_ERRORS not in os.environ
