"""Publishing a model with a flow encoder, and with marginals that are not N(0, I)."""

import functools

import keras
import numpy as np
import pytest
import tiny_artifact
from scipy.stats import norm

import zoo
from export import publish, verify
from export.graphs import graphs_of, to_onnx
from export.report import relative_error
from trainers import runs
from zoo.backend import to_numpy
from zoo.light import runtime
from zoo.storage import files

FLOW = {"num_flows": 2, "hidden_units": [8]}
MARGINALS = {
    "normal": {"name": "normal"},
    "maf": {"name": "maf", **FLOW},
    "vamp": {"name": "vamp", "num_pseudo_inputs": 4},
}


def config(marginal):
    parts = tiny_artifact.model_config(binary=True)
    parts["encoder"] = {"name": "iaf", "base": parts["encoder"], "latent_dim": 3, **FLOW}
    parts["marginal"] = {**MARGINALS[marginal], "latent_dim": 3}
    return parts


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """Returns a function: marginal -> (folder of an artifact, its model), made once."""

    @functools.cache
    def make(marginal):
        folder = tmp_path_factory.mktemp(f"flow-{marginal}")
        model = tiny_artifact.make_model(config(marginal))
        data = {"name": "tiny", "binarisation": "static"}
        images = tiny_artifact.images(8).astype("float32") / 255
        publish.write_artifact(
            folder, runs.Run(model, {}, None, 7, []), f"flow-{marginal}", data, images, True
        )
        return folder, model

    return make


def binary(count=5):
    return tiny_artifact.images(count, seed=3) > 127


@pytest.mark.parametrize("marginal", MARGINALS)
def test_every_runtime_and_the_reloaded_weights_give_the_golden_numbers(marginal, artifact):
    folder, model = artifact(marginal)
    publish.prove(folder)
    report = verify.verify(folder)
    assert report.ok and any("posterior sample" in check.subject for check in report.checks)
    again = zoo.load(folder)
    np.testing.assert_array_equal(to_numpy(again.sample(4)), to_numpy(model.sample(4)))
    card = files.read_json(folder / "card.json")
    family = "standard_normal" if marginal == "normal" else marginal
    assert card["prior"] == {"family": family}
    assert ("prior" in card["graphs"]) == (marginal != "normal")
    assert any("prior z" in check.subject for check in report.checks) == (marginal != "normal")


def test_noise_becomes_draws_of_the_prior(artifact, rng):
    noise = rng.standard_normal((6, 3), np.float32)
    folder, model = artifact("maf")
    z = runtime.Graph((folder / "prior.onnx").read_bytes(), "prior.onnx")(noise=noise)["z"]
    np.testing.assert_allclose(to_numpy(model.marginal.flow(z)), noise, atol=1e-5)
    assert np.abs(z - noise).max() > 0.01  # the flow is not the identity

    folder, model = artifact("vamp")
    noise = rng.standard_normal((6, 4), np.float32)
    z = runtime.Graph((folder / "prior.onnx").read_bytes(), "prior.onnx")(noise=noise)["z"]
    found = {name: to_numpy(value) for name, value in model.marginal.parameters().items()}
    weights = np.exp(found["logits"].astype("float64"))
    ends = np.cumsum(weights / weights.sum())
    which = np.searchsorted(ends, norm.cdf(noise[:, 0]), side="right")
    u = found["loc"][which] + found["scale"][which] * noise[:, 1:]
    np.testing.assert_allclose(z, to_numpy(model.encoder.flow(u)), atol=1e-5)
    assert len(set(which)) > 1


@pytest.mark.parametrize("marginal", ["maf", "vamp"])
def test_the_light_runtime_samples_a_learned_prior(marginal, artifact):
    folder, model = artifact(marginal)
    decoder = runtime.load_decoder(folder)
    images = decoder.sample(5, seed=3)
    np.testing.assert_array_equal(images, decoder.sample(5, seed=3, batch_size=2))
    shape = (5, *model.marginal.noise_shape)
    noise = np.random.default_rng(3).standard_normal(shape, np.float32)
    z = model.marginal.sample_from_noise(model.marginal.parameters(), noise)
    np.testing.assert_allclose(images, to_numpy(model.decoder.images(z)), atol=1e-5)


def test_golden_latents_are_draws_of_the_marginal(artifact):
    folder, model = artifact("vamp")
    with np.load(folder / "golden.npz") as arrays:
        z = arrays["decoder.z"]
    expected = model.marginal.distribution().sample(7, seed=zoo.backend.tfp_seed(17))
    np.testing.assert_allclose(z[:7], to_numpy(expected), rtol=1e-5)


def test_the_code_needs_no_noise_and_the_sampler_has_it_as_an_input(artifact):
    folder, _ = artifact("normal")
    card = files.read_json(folder / "card.json")
    assert card["posterior"] == {"family": "iaf", "sampler": "posterior"}
    latents = ["batch", 3]
    assert card["graphs"]["encoder"]["inputs"] == {"image": ["batch", 8, 6, 1]}
    assert set(card["graphs"]["encoder"]["outputs"]) == {"loc", "base_loc", "base_scale"}
    assert card["graphs"]["posterior"] == {
        "file": "posterior.onnx",
        "signature": "sample",
        "inputs": dict.fromkeys(("base_loc", "base_scale", "noise"), latents),
        "outputs": {"sample": latents},
    }


def test_light_encoder(artifact):
    folder, model = artifact("normal")
    encoder, x = runtime.load_encoder(folder), binary()
    floats = x.astype("float32")
    expected = to_numpy(model.encode(floats))
    found = encoder.features(x)
    assert relative_error(found, expected["loc"]) <= 1e-5
    assert set(encoder.features(x, "params")) == {"loc", "base_loc", "base_scale"}
    # The draws are those of NumPy's generator, through the flow, whatever the batches.
    noise = np.random.default_rng(5).standard_normal((5, 3), np.float32)
    sample = encoder.features(x, "sample", seed=5)
    assert (
        relative_error(sample, to_numpy(model.encoder.sample_from_noise(expected, noise))) <= 1e-5
    )
    np.testing.assert_allclose(
        encoder.features(x, "sample", seed=5, batch_size=2), sample, rtol=1e-5
    )
    assert np.abs(encoder.features(x, "sample", seed=6) - sample).max() > 0.1


def test_the_code_of_the_readme_runs(artifact, monkeypatch):
    folder, _ = artifact("normal")
    blocks = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    code = [block.partition("```")[0] for block in blocks]
    monkeypatch.chdir(folder)
    graph, sampler = (
        next(block for block in code if name in block)
        for name in ('"encoder.onnx"', '"posterior.onnx"')
    )
    names = {"x": binary().astype("float32"), "noise": np.zeros((5, 3), "float32")}
    exec(graph + "import onnxruntime\n" + sampler, names)
    np.testing.assert_allclose(
        names["z"], _flow_of(folder, names["base_loc"]), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(names["z"], names["loc"], rtol=1e-4, atol=1e-5)


def _flow_of(folder, base_loc):
    return to_numpy(zoo.load(folder).encoder.flow(base_loc))


def test_an_encoder_with_flow_at_full_size_holds_its_kernels_once(seed):
    """Masks are folded into kernels: no file of twice the size, no product at run time."""
    keras.utils.set_random_seed(seed)
    encoder = {"name": "iaf", "base": {"name": "mlp", "hidden_units": [4]}, "num_flows": 1}
    parts = {**config("normal"), "encoder": {**encoder, "latent_dim": 3}}
    model = zoo.build(parts)
    (sampler,) = [graph for graph in graphs_of(model) if graph.part == "posterior"]
    graph = to_onnx(sampler)
    assert len(graph.SerializeToString()) < 1.1 * 4 * (640 * 640 + 2 * 3 * 640 + 2 * 640)


def test_a_gaussian_encoder_has_no_sampler():
    model = tiny_artifact.make_model()
    assert [graph.part for graph in graphs_of(model)] == ["encoder", "decoder"]
    assert model.encoder.family(np.zeros((1, *model.image_shape), "float32")) == {
        "family": "diagonal_normal",
        "loc": "loc",
        "scale": "scale",
    }
