"""Publishing a model of the infomax kind: an encoder without a density, a logistic prior."""

import numpy as np
import pytest
import tiny_artifact

from export import publish, verify
from trainers import runs
from zoo.backend import to_numpy
from zoo.light import runtime
from zoo.light.probability import load_probability
from zoo.storage import files


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    parts = tiny_artifact.model_config()
    base = {"name": "dcgan", "filters": [3, 4], "scale": "deterministic"}
    size = tiny_artifact.LATENT_DIM
    parts["encoder"] = {"name": "pixel_noise", "latent_dim": size, "base": base}
    parts["marginal"]["name"] = "logistic"
    parts["objective"] = {"name": "infomax"}
    model = tiny_artifact.make_model(parts)
    images = tiny_artifact.images(20).astype("float32") / 255
    model(images, training=True)  # moves the averages of batch norm off their start
    folder = tmp_path_factory.mktemp("deterministic")
    data = {"name": "tiny", "binarisation": "none"}
    run = runs.Run(model, {}, None, 7, [])
    publish.write_artifact(folder, run, "infomax", data, images, True, with_probability=True)
    return folder, model, images


def test_every_runtime_gives_the_same_codes(artifact):
    folder, model, images = artifact
    publish.prove(folder, with_saved_model=True)
    assert verify.verify(folder, "onnxruntime").ok
    features = runtime.load_encoder(folder).features(images)
    np.testing.assert_allclose(features, model.predict_codes(images), rtol=1e-4, atol=1e-5)
    assert set(files.read_json(folder / "card.json")["graphs"]["encoder"]["outputs"]) == {"loc"}


def test_the_code_of_its_readme_gives_arrays(artifact, monkeypatch):
    text = (artifact[0] / "README.md").read_text(encoding="utf-8")
    (block,) = [b for b in text.split("```python\n")[1:] if "encoder.onnx" in b]
    monkeypatch.chdir(artifact[0])
    names = {"x": artifact[2][:2]}
    exec(block.partition("```")[0], names)
    assert names["loc"].shape == (2, tiny_artifact.LATENT_DIM)


def test_densities_of_a_code_have_one_value_for_each_image(artifact):
    folder, model, images = artifact
    outputs = files.read_json(folder / "card.json")["graphs"]["probability"]["outputs"]
    assert outputs["log_prior"] == outputs["log_likelihood"] == ["batch"]
    found = load_probability(folder).rate_distortion(images)
    assert set(found) == {"distortion"}
    code = model.encode(images)["loc"]
    expected = -to_numpy(model.decoder.distribution(code).log_prob(images))
    np.testing.assert_allclose(found["distortion"], expected, rtol=1e-5)


def test_there_is_no_sample_of_a_code_without_a_density(artifact):
    encoder = runtime.load_encoder(artifact[0])
    with pytest.raises(ValueError, match="kind='sample' needs .* family='deterministic'"):
        encoder.features(artifact[2], kind="sample")


def test_the_light_decoder_draws_from_the_logistic(artifact):
    folder, model, _ = artifact
    prior = files.read_json(folder / "card.json")["prior"]
    assert prior["family"] == "logistic"
    z = np.random.default_rng(3).logistic(size=(2000, 3)).astype("float32") * prior["scale"]
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.1)
    received = runtime.load_decoder(folder).sample(6, seed=3)
    z = np.random.default_rng(3).logistic(size=(6, 3)) * prior["scale"]
    expected = to_numpy(model.decode(z.astype("float32"))["mean"])
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
    assert "a logistic around 0" in (folder / "README.md").read_text()
