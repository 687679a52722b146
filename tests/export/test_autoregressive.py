"""Publishing a model with an autoregressive decoder: its graph is given the image too."""

import light_artifact
import numpy as np
import onnx
import onnxruntime
import pytest
import tiny_artifact

import zoo
from export import onnx as export_onnx
from export import publish, verify
from export.report import relative_error
from trainers import runs
from zoo.backend import to_numpy
from zoo.decoders.autoregressive import draw_slowly
from zoo.light import runtime
from zoo.light.images import resize_images

LATENTS = 3


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """(folder, model) of an artifact with a PixelCNN++ decoder, images given that are too few."""
    parts = tiny_artifact.model_config(binary=True)
    shape = parts["decoder"]["image_shape"]
    parts["decoder"] = {"name": "pixelcnn", "depth": 4, "num_resnets": 1, "latent_dim": LATENTS}
    parts["decoder"]["image_shape"] = shape
    model = tiny_artifact.make_model(parts)
    # Its blocks multiply: with the other tests' weights logits would be in the thousands.
    for weight in model.decoder.trainable_variables:
        weight.assign(weight / np.sqrt(max(1, np.prod(weight.shape[:-1]))))
    folder = tmp_path_factory.mktemp("pixelcnn")
    data = {"name": "tiny", "binarisation": "static"}
    images = tiny_artifact.images(3).astype("float32") / 255
    publish.write_artifact(
        folder, runs.Run(model, {}, None, 7, []), "pixelcnn", data, images > 0.5, True
    )
    return folder, model


@pytest.mark.parametrize("runtime", ["onnxruntime", "tensorflow"])
def test_every_number_agrees(artifact, runtime):
    report = verify.verify(artifact[0], runtime)
    assert report.ok, [check for check in report.checks if check.ok is False]


def test_the_light_decoder_gives_probabilities_and_says_what_it_cannot_do(artifact, rng):
    folder, model = artifact
    decoder = zoo.load_decoder(folder)
    images = tiny_artifact.images(5, seed=3)
    x = (images > 127).astype("float32")
    z = rng.normal(size=(5, LATENTS)).astype("float32")
    found = decoder.probabilities(z, images, batch_size=2)
    assert relative_error(found, to_numpy(model.decode(z, x)["mean"])) < 1e-5
    double = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)
    resized = decoder.probabilities(z, double, resize=True)
    expected = decoder.probabilities(z, resize_images(double, decoder.image_shape))
    np.testing.assert_array_equal(resized, expected)
    with pytest.raises(ValueError, match=r"depend on one another.*Use `draw\(z\)`"):
        decoder.decode(z)
    with pytest.raises(ValueError, match="as many images as latents. Received: 4 and 5"):
        decoder.probabilities(z, images[:4])


def test_the_graph_draws_what_the_decoder_draws(artifact, rng):
    folder, model = artifact
    z = rng.normal(size=(5, LATENTS)).astype("float32")
    noise = rng.random((5, *model.image_shape), np.float32)
    graph = runtime.Graph((folder / "sampler.onnx").read_bytes(), "sampler")
    expected = to_numpy(draw_slowly(model.decoder, z, noise))
    assert 0.02 < expected.mean() < 0.98
    np.testing.assert_array_equal(graph(z=z, noise=noise)["image"], expected)


def test_golden_noise_draws_the_golden_images(artifact):
    with np.load(artifact[0] / "golden.npz") as golden:
        z, noise, image = (golden[f"sampler.{name}"] for name in ("z", "noise", "image"))
    assert set(np.unique(image)) == {0, 1} and len(np.unique(image, axis=0)) > 3
    np.testing.assert_array_equal(to_numpy(draw_slowly(artifact[1].decoder, z, noise)), image)


def test_weights_stand_once_in_the_sampler(artifact):
    model = onnx.load(artifact[0] / "sampler.onnx")
    numbers = sum(np.prod(tensor.dims) for tensor in model.graph.initializer)
    decoder = artifact[1].decoder
    assert numbers < 1.5 * sum(np.prod(weight.shape) for weight in decoder.weights)
    inner = [n for n in export_onnx._nodes(model.graph) if n.op_type == "Loop"]
    assert len(inner) == 5 and not any(n.attribute[0].g.initializer for n in inner)


def test_the_light_decoder_draws(artifact):
    decoder = zoo.load_decoder(artifact[0])
    images = decoder.sample(5)
    assert images.shape == (5, *artifact[1].image_shape) and set(np.unique(images)) == {0, 1}
    z = np.zeros((5, LATENTS), "f4")
    np.testing.assert_array_equal(decoder.draw(z, batch_size=2), decoder.draw(z))
    assert np.any(decoder.draw(z, seed=1) != decoder.draw(z))
    np.testing.assert_array_equal(decoder.draw(z[0]), decoder.draw(z)[:1])


def test_other_decoders_do_not_draw(tmp_path):
    decoder = zoo.load_decoder(light_artifact.make(tmp_path))
    with pytest.raises(ValueError, match="graph 'sampler'.*Received: 'light'"):
        decoder.draw(np.zeros((1, light_artifact.LATENT_DIM)))


@pytest.mark.slow
def test_the_loaded_model_draws_what_the_published_one_draws(artifact):
    folder, model = artifact
    loaded = zoo.load(folder)
    x = (tiny_artifact.images(3) > 127).astype("float32")  # as many as samples: compiled once
    np.testing.assert_array_equal(to_numpy(loaded.sample(3)), to_numpy(model.sample(3)))
    np.testing.assert_array_equal(to_numpy(loaded.reconstruct(x)), to_numpy(model.reconstruct(x)))


def test_the_readme_says_what_the_decoder_takes(artifact, monkeypatch):
    text = (artifact[0] / "README.md").read_text(encoding="utf-8")
    assert '"sampler.onnx"' in text
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    (block,) = [block for block in blocks if "sampler.onnx" in block]
    monkeypatch.chdir(artifact[0])
    names = {"onnxruntime": onnxruntime, "z": np.zeros((2, artifact[1].latent_dim), "f4")}
    exec(block, names)
    assert set(np.unique(names["images"])) <= {0.0, 1.0} and len(names["images"]) == 2
    assert "and `image` (each output is of a pixel given those before it)" in text
