"""`zoo.light.runtime`: features and images without Keras, equal to Keras's, and its refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

from trainers.data.dataset import convert_images
from zoo.light import runtime
from zoo.light.images import resize_images
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return tiny_artifact.copy_to(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="module")
def encoder(artifact):
    return runtime.load_encoder(artifact)


@pytest.fixture(scope="module")
def decoder(artifact):
    return runtime.load_decoder(artifact)


@pytest.fixture(scope="module")
def model():
    return tiny_artifact.run()[1]


def binarised(images):
    return (images >= 128).astype(np.float32)


def test_features_are_the_means_of_keras(encoder, model):
    images = tiny_artifact.images(11)
    expected = model.encode(binarised(images))["loc"]
    received = encoder.features(images, batch_size=4)
    assert received.dtype == np.float32 and received.shape == (11, 3)
    np.testing.assert_allclose(received, expected, atol=1e-5)
    np.testing.assert_array_equal(received, encoder.features(images, batch_size=4))


def test_attributes_say_what_the_model_is(encoder, decoder):
    for part in (encoder, decoder):
        assert part.image_shape == (8, 6, 1) and part.latent_dim == 3
        assert part.card["name"] == "tiny"
    assert repr(encoder) == "Encoder('tiny', image_shape=(8, 6, 1), latent_dim=3)"


def test_params_are_all_that_the_encoder_publishes(encoder, model):
    images = tiny_artifact.images(5)
    expected = model.encode(binarised(images))
    received = encoder.features(images, kind="params", batch_size=2)
    assert set(received) == {"loc", "scale"}
    for name, value in received.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_samples_are_loc_plus_scale_times_noise_in_any_batch_size(encoder):
    images = tiny_artifact.images(301)
    parameters = encoder.features(images, kind="params")
    noise = np.random.default_rng(5).standard_normal((301, 3), np.float32)
    received = encoder.features(images, kind="sample", seed=5, batch_size=7)
    expected = parameters["loc"] + parameters["scale"] * noise
    np.testing.assert_allclose(received, expected, atol=1e-5)
    again = encoder.features(images, kind="sample")
    np.testing.assert_array_equal(again, encoder.features(images, kind="sample", seed=17))
    assert np.abs(again - received).max() > 0.1


def test_every_form_of_an_image_gives_the_same_features(encoder):
    image = tiny_artifact.images(1)
    expected = encoder.features(image)
    grey = image.astype(np.float64) / 255
    forms = [
        image[0],
        image[0, :, :, 0],
        image[..., 0],
        grey,
        grey.astype(np.float32),
        image >= 128,
    ]
    for form in [*forms, grey.tolist(), image[:, ::-1][:, ::-1]]:
        np.testing.assert_allclose(encoder.features(form), expected, atol=1e-6)


def test_colour_and_grey_forms_are_told_apart():
    grey, colour = np.zeros((8, 6), np.uint8), np.zeros((8, 6, 3), np.uint8)
    assert runtime.as_batch(grey, (8, 6, 1)).shape == (1, 8, 6, 1)
    assert runtime.as_batch(colour, (8, 6, 3)).shape == (1, 8, 6, 3)
    with pytest.raises(ValueError, match=r"\[N, 8, 6, 3\]. Received: shape=\(8, 6\)"):
        runtime.as_batch(grey, (8, 6, 3))
    with pytest.raises(ValueError, match=r"8 x 6 with 1 channel.*shape=\(8, 6, 3\)"):
        runtime.as_batch(colour, (8, 6, 1))


def test_preprocessing_follows_the_card():
    grey = {"scale": "uint8/255", "binarise": None}
    binary = {"scale": "uint8/255", "binarise": "threshold 0.5"}
    levels = np.array([0, 127, 128, 255], np.uint8)
    np.testing.assert_array_equal(
        runtime.prepare_images(levels, grey), (levels / 255).astype(np.float32)
    )
    np.testing.assert_array_equal(runtime.prepare_images(levels, binary), [0, 0, 1, 1])
    np.testing.assert_array_equal(runtime.prepare_images(np.array([0.5]), binary), [1])
    np.testing.assert_array_equal(runtime.prepare_images(np.array([True, False]), grey), [1, 0])
    with pytest.raises(ValueError, match="Expected preprocessing .*'otsu'"):
        runtime.prepare_images(levels, {"scale": "uint8/255", "binarise": "otsu"})


def test_bytes_of_zeros_and_ones_are_bits_as_the_trainers_take_them(encoder, rng):
    bits = rng.integers(0, 2, (5, 8, 6, 1), np.uint8)
    bits[2] = 0
    stored = convert_images(bits, "a test")
    expected = encoder.features(stored)
    np.testing.assert_array_equal(encoder.features(bits), expected)
    np.testing.assert_array_equal(encoder.features(bits, batch_size=1), expected)
    np.testing.assert_array_equal(
        resize_images(bits, (16, 12, 1)), resize_images(stored, (16, 12, 1))
    )


def test_a_rounding_outside_the_unit_range_is_clipped(encoder):
    ones = np.ones((1, 8, 6, 1), np.float32)
    above = np.nextafter(ones, np.float32(2))
    np.testing.assert_array_equal(encoder.features(above), encoder.features(ones))
    np.testing.assert_array_equal(
        encoder.features(np.zeros_like(ones) - 1e-7), encoder.features(0 * ones)
    )
    with pytest.raises(ValueError, match=r"Received: values from 1.0000\d+ to 1.0000\d+"):
        encoder.features(ones + np.float32(1e-5))


SHAPE = (2, 8, 6, 1)


@pytest.mark.parametrize(
    ("images", "error", "text"),
    [
        (np.full(SHAPE, np.nan), ValueError, r"values in \[0, 1\].*Received: values from nan"),
        (np.full(SHAPE, 2.0), ValueError, r"grey levels up to 255 as uint8.*from 2 to 2"),
        (np.full(SHAPE, -0.1), ValueError, r"Received: values from -0.1 to -0.1"),
        (np.full(SHAPE, np.inf), ValueError, r"Received: values from inf to inf"),
        (
            np.full(SHAPE, 300, np.int64),
            ValueError,
            r"from 0 to 255. Received: dtype=int64, values from 300 to 300; images / 65535",
        ),
        (np.zeros(SHAPE, object), TypeError, r"Received: dtype=object"),
        (np.zeros((0, 8, 6, 1)), ValueError, r"at least one image. Received: shape=\(0, 8, 6, 1\)"),
        (np.zeros((2, 6, 8, 1)), ValueError, r"8 x 6 with 1 channel.*shape=\(2, 6, 8, 1\)"),
        (np.zeros((2, 8, 6, 3)), ValueError, r"8 x 6 with 1 channel.*shape=\(2, 8, 6, 3\)"),
        (np.zeros(48), ValueError, r"Received: shape=\(48,\)"),
        ("images", ValueError, "readable image. Received: path='images'"),
    ],
)
def test_images_that_are_refused(encoder, images, error, text):
    with pytest.raises(error, match=text):
        encoder.features(images)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"kind": "median"},
            "`kind` must be 'mean', 'sample' or 'params'. Received: kind='median'",
        ),
        ({"seed": 1}, "`seed` is for kind='sample'. Received: kind='mean', seed=1"),
        ({"batch_size": 0}, "`batch_size` must be a positive int. Received: batch_size=0"),
        ({"batch_size": 2.5}, "`batch_size` must be a positive int. Received: batch_size=2.5"),
    ],
)
def test_arguments_that_are_refused(encoder, arguments, text):
    with pytest.raises(ValueError, match=text):
        encoder.features(tiny_artifact.images(2), **arguments)


def test_another_posterior_gives_params_only(artifact, encoder):
    card = {**encoder.card, "posterior": {"family": "iaf"}}
    other = runtime.Encoder(card, encoder._graph)
    assert set(other.features(tiny_artifact.images(2), kind="params")) == {"loc", "scale"}
    with pytest.raises(ValueError, match="family 'diagonal_normal'.*Received: family='iaf'"):
        other.features(tiny_artifact.images(2))


def test_decode_is_that_of_keras(decoder, model, rng):
    z = rng.standard_normal((11, 3)).astype(np.float32)
    expected = model.decode(z)
    np.testing.assert_allclose(decoder.decode(z, batch_size=4), expected["mean"], atol=1e-5)
    parameters = decoder.decode(z, kind="params")
    assert set(parameters) == {"mean", "logits"}
    np.testing.assert_allclose(parameters["logits"], expected["logits"], atol=1e-4)
    np.testing.assert_allclose(decoder.decode(z[3]), expected["mean"][3:4], atol=1e-5)


def test_samples_decode_standard_normal_latents(decoder):
    z = np.random.default_rng(3).standard_normal((6, 3), np.float32)
    received = decoder.sample(6, seed=3, batch_size=4)
    assert received.shape == (6, 8, 6, 1)
    np.testing.assert_allclose(received, decoder.decode(z), atol=1e-6)
    np.testing.assert_array_equal(decoder.sample(2), decoder.sample(2, seed=17))


def with_prior(decoder, **prior):
    return runtime.Decoder({**decoder.card, "prior": prior}, decoder._graph)


def test_a_gaussian_prior_is_drawn_at_its_scale(decoder):
    scale = [2.0, 0.5, 3.0]
    other = with_prior(decoder, family="diagonal_normal", scale=scale)
    z = np.random.default_rng(3).standard_normal((6, 3), np.float32) * np.float32(scale)
    np.testing.assert_allclose(other.sample(6, seed=3), decoder.decode(z), atol=1e-6)
    for bad in (None, [1.0, 2.0], [1.0, 2.0, 0.0], [1.0, "2", 3.0]):
        other = with_prior(decoder, family="diagonal_normal", scale=bad)
        with pytest.raises(ValueError, match="3 positive numbers as the prior's scale.*Received"):
            other.sample(1)


def test_a_logistic_prior_is_drawn_at_its_scale(decoder):
    other = with_prior(decoder, family="logistic", scale=[0.5, 1.0, 2.0])
    z = np.random.default_rng(3).logistic(size=(6, 3)) * [0.5, 1.0, 2.0]
    np.testing.assert_allclose(other.sample(6, seed=3), decoder.decode(z), atol=1e-6)


def test_another_prior_is_not_sampled(decoder):
    other = with_prior(decoder, family="vamp")
    with pytest.raises(ValueError, match="the graph 'prior'.*; use zoo.load.*family='vamp'"):
        other.sample(1)


@pytest.mark.parametrize(
    ("z", "error", "text"),
    [
        (np.zeros((2, 4)), ValueError, r"shape \[N, 3\] with N >= 1. Received: shape=\(2, 4\)"),
        (np.zeros((0, 3)), ValueError, r"Received: shape=\(0, 3\)"),
        (np.zeros((1, 2, 3)), ValueError, r"Received: shape=\(1, 2, 3\)"),
        (np.full((1, 3), np.nan), ValueError, "finite float32 latents"),
        (np.full((1, 3), 1e300), ValueError, "finite float32 latents"),
        (np.array([["a", "b", "c"]]), TypeError, "numbers as latents. Received: dtype=<U1"),
    ],
)
def test_latents_that_are_refused(decoder, z, error, text):
    with pytest.raises(error, match=text), np.errstate(over="ignore"):
        decoder.decode(z)


def test_numbers_of_samples_that_are_refused(decoder):
    for n in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"`n` must be a positive int. Received: n={n}"):
            decoder.sample(n)
    with pytest.raises(ValueError, match="`kind` must be 'mean' or 'params'. Received: kind='x'"):
        decoder.decode(np.zeros(3), kind="x")


def test_a_changed_encoder_is_not_loaded(tmp_path):
    artifact = tiny_artifact.copy_to(tmp_path)
    path = artifact / "encoder.onnx"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    card = files.read_json(artifact / "card.json")["files"]["encoder.onnx"]["sha256"]
    text = (
        rf"encoder.onnx is not the file.*Expected: sha256={card}.*Received: sha256=[0-9a-f]{{64}}"
    )
    with pytest.raises(ValueError, match=text):
        runtime.load_encoder(artifact)
    assert runtime.load_decoder(artifact).latent_dim == 3
    path.write_bytes(content[:50])
    with pytest.raises(ValueError, match="cut short.*Received: .*bytes=50"):
        runtime.load_encoder(artifact)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"lacks a file: expected .*encoder.onnx with sha256"
    ):
        runtime.load_encoder(artifact)


def test_a_file_that_is_no_graph_is_named(tmp_path):
    artifact = tiny_artifact.copy_to(tmp_path)
    (artifact / "encoder.onnx").write_bytes(b"not a graph")
    tiny_artifact.rehash(artifact)
    with pytest.raises(ValueError, match="Expected an ONNX graph in encoder.onnx"):
        runtime.load_encoder(artifact)


LOAD = """
import time
start = time.process_time()
import zoo
encoder = zoo.load_encoder({folder!r})
seconds = time.process_time() - start
decoder = zoo.load_decoder({folder!r})
import json, sys
import numpy as np
z = encoder.features(np.zeros((2, 8, 6), np.uint8))
assert decoder.decode(z).shape == (2, 8, 6, 1)
heavy = [m for m in ("tensorflow", "keras", "onnx", "jax", "PIL", "absl") if m in sys.modules]
print(json.dumps([seconds, heavy]))
"""


def test_loading_is_light_and_takes_less_than_a_second(artifact):
    best = np.inf
    for _ in range(3):  # of the processor, which other processes slow down a little too
        out = subprocess.run(
            [sys.executable, "-c", LOAD.format(folder=str(artifact))],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, heavy = json.loads(out.stdout)
        assert heavy == []
        best = min(best, seconds)
        if best < 1.0:
            break
    assert best < 1.0
