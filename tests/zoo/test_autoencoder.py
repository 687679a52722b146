"""Reconstructions, paths and traversals in NumPy and ONNX Runtime; providers, threads, pictures."""

import light_artifact
import numpy as np
import onnxruntime
import pytest
from PIL import Image

import zoo
from zoo.light import autoencoder
from zoo.light.session import Session


@pytest.fixture
def folder(tmp_path):
    return light_artifact.make(tmp_path)


@pytest.fixture
def model(folder):
    return zoo.load_autoencoder(folder)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, *light_artifact.IMAGE_SHAPE), np.uint8)


def by_hand(z):
    """The artifact's decoder: sigmoid(W z)."""
    logits = z @ light_artifact.weights().T
    return (1 / (1 + np.exp(-logits))).reshape(-1, *light_artifact.IMAGE_SHAPE)


def codes(images):
    return images.reshape(len(images), -1) / np.float32(255) @ light_artifact.weights()


def test_a_reconstruction_is_the_image_of_the_code(model, images):
    np.testing.assert_allclose(model.reconstruct(images), by_hand(codes(images)), atol=1e-6)


def test_a_straight_path_is_a_line_between_the_codes(model, images):
    a, b = codes(images)[:2]
    found = model.interpolate(images[0], images[1], steps=5)
    expected = by_hand(np.stack([a + t * (b - a) for t in (0, 0.25, 0.5, 0.75, 1)]))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    both = model.interpolate(images[:2], images[2:4], steps=3)
    assert both.shape == (2, 3, *light_artifact.IMAGE_SHAPE)
    np.testing.assert_allclose(both[1, 2], by_hand(codes(images[3:4]))[0], atol=1e-6)


def test_a_spherical_path_keeps_the_length(rng):
    a, b = rng.standard_normal((2, 10))
    b *= np.linalg.norm(a) / np.linalg.norm(b)
    t = np.linspace(0, 1, 7)[:, None]
    z = autoencoder.spherical(a, b, t)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), np.linalg.norm(a))
    np.testing.assert_allclose(z[[0, -1]], [a, b])
    steps = np.einsum("td,td->t", z[1:], z[:-1])
    np.testing.assert_allclose(steps, steps[0], err_msg="equal angles")
    np.testing.assert_allclose(autoencoder.spherical(a, a, t), np.broadcast_to(a, z.shape))


def test_a_traversal_moves_one_latent(model, images):
    found = model.traverse(images[0], 1, values=[-2, 0, 2])
    z = np.repeat(codes(images[:1]), 3, axis=0)
    z[:, 1] = [-2, 0, 2]
    np.testing.assert_allclose(found, by_hand(z), atol=1e-6)
    assert len(model.traverse(images[0], 0)) == 9


def test_an_autoregressive_model_draws():
    model = zoo.load_autoencoder("infovae-mnist-pixelcnn-z5")
    images = np.zeros((2, 28, 28, 1), np.uint8)
    drawn = model.reconstruct(images)
    assert drawn.shape == images.shape and set(np.unique(drawn)) <= {0, 1}
    np.testing.assert_array_equal(drawn, model.reconstruct(images))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m, x: m.interpolate(x[0], x[1], path="curved"), "Received: path='curved'"),
        (lambda m, x: m.interpolate(x[0], x[1], steps=1), "at least 2 steps.* steps=1"),
        (lambda m, x: m.interpolate(x[:2], x[:3]), "as many second images.* Received: 2, 3"),
        (lambda m, x: m.traverse(x[:2], 0), "one image. Received: 2 images"),
        (lambda m, x: m.traverse(x[0], 3), "from 0 to 2. Received: dimension=3"),
    ],
)
def test_wrong_arguments_are_refused(model, images, call, text):
    with pytest.raises(ValueError, match=text):
        call(model, images)


# Providers and threads.


def test_providers_are_found_by_short_names(monkeypatch, folder):
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    opened = []

    class Opened:
        def __init__(self, content, options, providers):
            opened.append((providers, options.intra_op_num_threads))

    monkeypatch.setattr(onnxruntime, "InferenceSession", Opened)
    options = onnxruntime.SessionOptions()
    Session(["cuda"], 3).open(b"", options)
    Session("CPUExecutionProvider").open(b"", options)
    assert opened[0] == (available, 3)
    assert opened[1][0] == ["CPUExecutionProvider"]


def test_a_provider_that_is_not_installed_is_refused(folder):
    text = "Expected execution providers among .*cpu.* Received: 'cuda'"
    for load in (zoo.load_encoder, zoo.load_decoder, zoo.load_autoencoder):
        with pytest.raises(ValueError, match=text):
            load(folder, providers=["cuda"])
    with pytest.raises(ValueError, match="num_threads"):
        zoo.load_encoder(folder, num_threads=0)


def test_threads_change_no_feature(folder, images):
    expected = zoo.load_encoder(folder).features(images)
    np.testing.assert_array_equal(
        zoo.load_encoder(folder, providers="cpu", num_threads=1).features(images), expected
    )


# Pictures.


def test_paths_and_folders_are_read(folder, images, tmp_path):
    encoder = zoo.load_encoder(folder)
    expected = encoder.features(images)
    place = tmp_path / "pictures"
    place.mkdir()
    paths = [place / f"{i}.png" for i in range(5)]
    for image, path in zip(images, paths):
        Image.fromarray(image[..., 0]).save(path)
    np.testing.assert_array_equal(encoder.features(place), expected)
    np.testing.assert_array_equal(encoder.features(str(paths[2])), expected[2:3])
    np.testing.assert_array_equal(encoder.features(paths[::-1]), expected[::-1])
    blocks = list(encoder.stream(place, batch_size=2))
    assert [len(block) for block in blocks] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)
    larger = place / "9.png"
    Image.fromarray(np.zeros((16, 12), np.uint8)).save(larger)
    assert encoder.features(place, resize=True).shape == (6, 3)
    with pytest.raises(ValueError, match="Item 5: Expected"):
        encoder.features(place)
    with pytest.raises(ValueError, match="readable image. Received: path='.*absent.png'"):
        encoder.features(tmp_path / "absent.png")
