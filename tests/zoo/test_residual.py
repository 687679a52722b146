"""The residual networks: they grow with the image, take any size, and have spatial codes."""

import keras
import numpy as np
import pytest

import zoo
from export import onnx as export_onnx
from export.report import relative_error
from zoo.backend import to_numpy
from zoo.layers import GroupNorm
from zoo.layers.normalisation import normalisation
from zoo.layers.residual import scales_of
from zoo.light.runtime import Graph


def model(shape=(10, 7, 3), latents=6, likelihood="optimal_gaussian", **options):
    shared = {"name": "residual", "latent_dim": latents, "depth": 4, **options}
    decoder = {"image_shape": list(shape), "likelihood": likelihood}
    return zoo.build({"encoder": shared, "decoder": {**shared, **decoder}})


@pytest.mark.parametrize(
    ("shape", "depths", "smallest"),
    [
        ((28, 28, 1), [4, 8, 16], (4, 4)),
        ((32, 32, 3), [4, 8, 16], (4, 4)),
        ((48, 64, 3), [4, 8, 16, 32], (3, 4)),
        ((128, 128, 3), [4, 8, 16, 32, 32], (4, 4)),
        ((3, 3, 1), [4], (2, 2)),
    ],
)
def test_networks_grow_with_the_image(shape, depths, smallest):
    scales = scales_of(shape, depth=4)
    assert (scales.depths, scales.smallest) == (depths, smallest)
    encoder = zoo.ResidualEncoder(2, depth=4)
    encoder.build((None, *shape))
    assert [layer.filters for layer in encoder.maps] == depths
    assert encoder.head.loc_layer.kernel.shape[0] == np.prod(smallest) * depths[-1]
    decoder = zoo.ResidualDecoder(2, shape, depth=4)
    assert decoder.first_shape == (*smallest, depths[-1])
    assert len(decoder.maps) == len(depths)


@pytest.mark.parametrize("norm", ["group", "batch", "none"])
def test_norms_by_name(norm, rng):
    built = model(norm=norm)
    x = rng.random((3, 10, 7, 3)).astype("float32")
    alone, together = built.encode(x[:1])["loc"], built.encode(x)["loc"]
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-5)
    in_training = built.encode(x, training=True)["loc"]
    assert np.allclose(in_training, together, atol=1e-5) == (norm != "batch")


def test_group_norm_has_the_moments_of_kerass_own(rng):
    x = rng.normal(2.0, 3.0, (2, 5, 3, 12)).astype("float32")
    layer, theirs = GroupNorm(), keras.layers.GroupNormalization(6, epsilon=1e-5)
    np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(theirs(x)), atol=1e-5)
    assert GroupNorm.from_config(layer.get_config()).groups == 8


def test_a_spatial_code_has_a_place_for_each_part_of_the_image(rng):
    built = model(
        (8, 12, 1), latents=2 * 3 * 5, code="planes", halvings=2, num_blocks=0, norm="none"
    )
    assert built.decoder.code_shape == (2, 3, 5)
    x = rng.random((2, 8, 12, 1)).astype("float32")
    changed = x.copy()
    changed[:, :2, -2:] = 0.0  # the last place of the first row
    before, after = (built.encode(images)["loc"] for images in (x, changed))
    assert before.shape == (2, 30)
    differs = (before != after).reshape(2, 2, 3, 5).any(axis=(0, 3))
    # Two convolutions reach the places next to it, and none that lies further away.
    assert differs.tolist() == [[False, True, True], [False, True, True]]
    built.adapt(x)
    assert built.elbo(x).shape == (2,)


@pytest.mark.parametrize(
    ("code", "likelihood"),
    [
        ("planes", "logistic_mixture"),
        pytest.param("vector", "optimal_gaussian", marks=pytest.mark.slow),
    ],
)
def test_graphs_give_keras_numbers(code, likelihood, rng, seed):
    keras.utils.set_random_seed(seed)
    shape = (9, 6, 3)  # no multiple of the stride
    built = model(shape, latents=5 * 3 * 2, code=code, likelihood=likelihood, halvings=1)
    x = rng.random((3, *shape)).astype("float32")
    built.adapt(x)
    z = rng.standard_normal((3, 30)).astype("float32")
    for inputs, function, sizes in (
        ({"image": x}, built.encode, {"image": shape}),
        ({"z": z}, built.decode, {"z": (30,)}),
    ):
        graph = Graph(export_onnx.convert(function, sizes, "it").SerializeToString(), "it")
        for name, value in function(*inputs.values()).items():
            assert relative_error(graph(**inputs)[name], to_numpy(value)) <= 1e-5, name


def test_weights_come_back_from_a_file(tmp_path, rng):
    built, other = model(num_blocks=2), model(num_blocks=2)
    built.save_weights(tmp_path / "it.weights.h5")
    x = rng.random((2, 10, 7, 3)).astype("float32")
    assert not np.allclose(built.encode(x)["loc"], other.encode(x)["loc"])
    other.load_weights(tmp_path / "it.weights.h5")
    np.testing.assert_array_equal(built.encode(x)["loc"], other.encode(x)["loc"])
    np.testing.assert_array_equal(built.reconstruct(x), other.reconstruct(x))


def test_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"at least 16 pixels .* Received: halvings=4, .* 10 x 12"):
        model((10, 12, 1), halvings=4)
    with pytest.raises(ValueError, match=r"2 x 2, the size of a plane.* Received: latent_dim=6"):
        model((8, 8, 1), latents=6, code="planes", halvings=2)
    with pytest.raises(ValueError, match="Received: code='plane'"):
        model(code="plane")
    with pytest.raises(ValueError, match="Received: num_blocks=-1"):
        model(num_blocks=-1)
    with pytest.raises(ValueError, match=r"Received: norm='grup'. Did you mean \"group\""):
        normalisation("grup")
