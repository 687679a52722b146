"""Probability graphs: Keras's numbers, SciPy's densities, and the light runtime over them."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tiny_artifact

import zoo
from export import checks, golden, probability, publish, verify
from export.graphs import to_onnx
from export.report import TOLERANCE, relative_error
from trainers import runs
from zoo.backend import to_numpy
from zoo.distributions import DirectMixture
from zoo.light.images import resize_images
from zoo.light.probability import Probability, load_probability
from zoo.light.runtime import Graph
from zoo.storage import files

Z = tiny_artifact.LATENT_DIM
FLOW = {"num_flows": 2, "hidden_units": [8]}


def parts(encoder="gaussian", marginal="normal", decoder="mlp", likelihood="bernoulli"):
    """Returns a config: the named rooms, all of `Z` latents."""
    config = tiny_artifact.model_config()
    config["decoder"]["likelihood"] = likelihood
    base = config["encoder"]
    if encoder == "iaf":
        config["encoder"] = {"name": "iaf", "base": base, "latent_dim": Z, **FLOW}
    if encoder == "deterministic":
        network = {"name": "dcgan", "filters": [3, 4], "scale": "deterministic"}
        config["encoder"] = {"name": "pixel_noise", "latent_dim": Z, "base": network}
        config["objective"] = {"name": "infomax"}
    more = {"maf": FLOW, "vamp": {"num_pseudo_inputs": 4}}.get(marginal, {})
    config["marginal"] = {"name": marginal, "latent_dim": Z, **more}
    if decoder == "pixelcnn":
        shape = config["decoder"]["image_shape"]
        small = {"depth": 4, "num_resnets": 1, "latent_dim": Z, "image_shape": shape}
        config["decoder"] = {"name": "pixelcnn", **small}
    return config


def make(**rooms):
    """Returns a model with weights of its own, tame where layers multiply."""
    model = tiny_artifact.make_model(parts(**rooms))
    for weight in model.decoder.trainable_variables:
        weight.assign(weight / np.sqrt(max(1, np.prod(weight.shape[:-1]))))
    if model.adapts:
        model.adapt(floats())
    return model


def floats(count=6):
    return (tiny_artifact.images(count, seed=3) > 127).astype("float32")


MODELS = {
    "gaussian": {},
    "logistic": {"marginal": "logistic", "likelihood": {"name": "gaussian", "scale": "learned"}},
    "floating": {"marginal": "floating", "likelihood": {"name": "baggins", "tau": 0.5}},
    "vamp": {"marginal": "vamp"},
    "iaf-maf": {"encoder": "iaf", "marginal": "maf"},
    "iaf-vamp": {"encoder": "iaf", "marginal": "vamp"},
    "deterministic": {"encoder": "deterministic"},
    "pixelcnn": {"decoder": "pixelcnn"},
}


def graphs(model):
    """Returns part -> its ONNX graph in ONNX Runtime."""
    return {
        graph.part: Graph(to_onnx(graph).SerializeToString(), graph.part)
        for graph in probability.graphs(model)
    }


def calls(model):
    """Returns part -> its function in Keras."""
    return {graph.part: graph.call for graph in probability.graphs(model)}


@pytest.mark.parametrize("name", MODELS)
def test_graphs_give_the_model_s_own_densities(name, rng):
    model, x = make(**MODELS[name]), floats()
    made = graphs(model)
    z = rng.normal(size=(6, Z)).astype("float32")
    at_z = made["density"](image=x, z=z)
    likelihood = to_numpy(model.decoder.distribution(z).log_prob(x))
    assert relative_error(at_z["log_likelihood"], likelihood) <= TOLERANCE
    if name == "iaf-vamp":  # any z needs the flow's inverse
        assert set(at_z) == {"log_likelihood"}
    else:
        prior = to_numpy(model.marginal.distribution().log_prob(z))
        assert relative_error(at_z["log_prior"], prior) <= TOLERANCE
    if name == "deterministic":
        out = made["probability"](image=x)
        assert set(out) == {"loc", "log_likelihood", "log_prior", "distortion"}
        code = to_numpy(model.decoder.distribution(out["loc"]).log_prob(x))
        assert relative_error(out["distortion"], -code) <= TOLERANCE
        return
    noise = rng.normal(size=(5, 6, Z)).astype("float32")
    out = made["probability"](image=x, noise=noise)
    check_samples(model, x, noise, out)


def check_samples(model, x, noise, out):
    """The outputs of K samples against the parts' own distributions, through their inverses."""
    parameters = to_numpy(model.encode(x))
    for key, value in parameters.items():
        assert relative_error(out[key], value) <= TOLERANCE
    z = to_numpy(model.encoder.sample_from_noise(parameters, noise))
    posterior, prior = model.encoder.posterior(parameters), model.marginal.distribution()
    expected = {
        "log_likelihood": model.decoder.distribution(z).log_prob(x),
        "log_prior": prior.log_prob(z),
        "log_posterior": posterior.log_prob(z),
    }
    expected = {key: to_numpy(value) for key, value in expected.items()}
    for key, value in expected.items():
        # A flow's inverse, which the reference needs and the graph does not, rounds more.
        flow = model.encoder.flow is not None and key != "log_likelihood"
        assert relative_error(out[key], value) <= (10 if flow else 1) * TOLERANCE
    terms = {key: out[key].astype("float64") for key in expected}
    weights = terms["log_likelihood"] + terms["log_prior"] - terms["log_posterior"]
    nll = np.log(len(noise)) - scipy.special.logsumexp(weights, axis=0)
    np.testing.assert_allclose(out["nll"], nll, rtol=TOLERANCE)
    np.testing.assert_allclose(out["distortion"], -terms["log_likelihood"].mean(0), rtol=TOLERANCE)
    if type(model.marginal).__name__ in ("Normal", "Floating") and model.encoder.flow is None:
        loc, scale = parameters["loc"].astype("float64"), parameters["scale"]
        s = np.asarray(to_numpy(prior.stddev()))
        kl = np.log(s / scale) + (scale**2 + loc**2) / (2 * s**2) - 0.5
        np.testing.assert_allclose(out["rate"], kl.sum(-1), rtol=TOLERANCE)
    else:
        rate = (terms["log_posterior"] - terms["log_prior"]).mean(0)
        np.testing.assert_allclose(out["rate"], rate, rtol=TOLERANCE, atol=1e-4)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """(folder, model) of an artifact with probability graphs and a SavedModel."""

    run = runs.Run(make(marginal="vamp"), {}, None, 7, [])
    folder = tmp_path_factory.mktemp("probability")
    data = {"name": "tiny", "binarisation": "static"}
    publish.write_artifact(folder, run, "tiny", data, floats(8), True, True)
    return folder, run.model


def test_an_artifact_with_them_is_verified_in_every_runtime(artifact):
    folder, _ = artifact
    publish.prove(folder)
    entry = files.read_json(folder / "card.json")["graphs"]["probability"]
    assert entry["inputs"]["noise"] == ["samples", "batch", Z]
    assert entry["outputs"]["nll"] == ["batch"]
    assert entry["outputs"]["log_prior"] == ["samples", "batch"]
    for runtime in ("onnxruntime", "openvino", "node", "web"):
        try:
            report = verify.verify(folder, runtime)
        except ImportError:
            continue  # tests/export/test_runtimes.py says so
        assert report.ok, str(report)
        subjects = {check.subject for check in report.checks}
        assert {"probability nll, batch 3", "density log_prior, batch 10"} <= subjects


def test_the_code_of_its_readme_runs(artifact, monkeypatch):
    folder, _ = artifact
    blocks = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    (code,) = [text.partition("```")[0] for text in blocks if "load_probability" in text]
    monkeypatch.setattr(zoo, "load_probability", lambda name: load_probability(folder), False)
    names = {"images": tiny_artifact.images(2)}
    exec(code, names)
    assert names["nll"].shape == names["terms"]["rate"].shape == (2,)


def test_light_numbers_are_keras_s(artifact):
    folder, model = artifact
    light, images, x = load_probability(folder), tiny_artifact.images(6, seed=3), floats()
    shape = (7, Z)
    draws = [np.random.default_rng([5, i]).standard_normal(shape, np.float32) for i in range(6)]
    noise = np.stack(draws, axis=1)
    expected = to_numpy(calls(model)["probability"](x, noise))
    nll = light.nll(images, num_samples=7, seed=5)
    assert nll.dtype == np.float64
    np.testing.assert_allclose(nll, expected["nll"], rtol=TOLERANCE)
    both = light.rate_distortion(images, num_samples=7, seed=5)
    np.testing.assert_allclose(both["rate"], expected["rate"], rtol=TOLERANCE, atol=1e-5)
    np.testing.assert_allclose(both["distortion"], expected["distortion"], rtol=TOLERANCE)
    z = noise[0]
    found = light.density(images, z)
    for key, value in to_numpy(calls(model)["density"](x, z)).items():
        np.testing.assert_allclose(found[key], value, rtol=TOLERANCE)


def test_images_of_other_sizes_have_the_densities_of_what_they_become(artifact):
    light, rng = load_probability(artifact[0]), np.random.default_rng(7)
    big = rng.integers(0, 256, (4, 20, 30, 3), np.uint8)
    small, z = resize_images(big, light.image_shape), rng.normal(size=(4, Z))
    received = light.nll(big, num_samples=3, resize=True)
    np.testing.assert_array_equal(received, light.nll(small, num_samples=3))
    for call in (light.rate_distortion, lambda *a, **k: light.density(*a, z, **k)):
        expected = call(small)
        for key, value in call(big, resize=True).items():
            np.testing.assert_array_equal(value, expected[key])
    with pytest.raises(ValueError, match="; resize=True brings images of any size to the model"):
        light.nll(big)


def test_integers_and_bits_are_those_of_the_encoder(artifact):
    light, dark = load_probability(artifact[0]), tiny_artifact.images(3) % 2
    as_bits, black = light.nll(dark.astype(bool), 2), light.nll(np.zeros_like(dark), 2)
    np.testing.assert_array_equal(light.nll(dark.astype(int), 2), as_bits)
    np.testing.assert_array_equal(light.nll(dark, 2, bits=False), black)


def test_light_results_do_not_depend_on_how_the_work_is_cut(artifact, monkeypatch):
    light, images = load_probability(artifact[0]), tiny_artifact.images(6, seed=3)
    whole = light.nll(images, num_samples=9), light.rate_distortion(images, num_samples=9)
    for rows in (1, 4, 20):
        monkeypatch.setattr("zoo.light.probability.MAX_ROWS", rows)
        np.testing.assert_allclose(light.nll(images, num_samples=9), whole[0], rtol=1e-6)
        for key, value in light.rate_distortion(images, num_samples=9).items():
            np.testing.assert_allclose(value, whole[1][key], rtol=1e-5)


def test_a_folder_given_by_a_relative_path_is_that_folder_wherever_the_process_goes(
    artifact, monkeypatch, tmp_path
):
    folder, _ = artifact
    images = floats(2)
    monkeypatch.chdir(folder.parent)
    moved = load_probability(f"./{folder.name}")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(moved.nll(images, 2), load_probability(folder).nll(images, 2))


def test_more_samples_tighten_the_bound(artifact):
    light, images = load_probability(artifact[0]), tiny_artifact.images(40, seed=3)
    one, many = light.nll(images, num_samples=1), light.nll(images, num_samples=300)
    assert many.mean() < one.mean()
    both = light.rate_distortion(images, num_samples=300)
    assert many.mean() < (both["rate"] + both["distortion"]).mean()


def test_bad_calls_are_refused(artifact):
    folder, _ = artifact
    light, images = load_probability(folder), tiny_artifact.images(2)
    with pytest.raises(ValueError, match="`num_samples` must be a positive int. Received: .*=0"):
        light.nll(images, num_samples=0)
    with pytest.raises(ValueError, match=r"shape \[2, 3\], one for each.*shape=\(3,\)"):
        light.density(images, np.zeros(3))
    with pytest.raises(ValueError, match="published with probability graphs.*'tiny'"):
        load_probability(tiny_artifact.run()[0] / "artifact")
    card = files.read_json(folder / "card.json")
    del card["graphs"]["probability"]["inputs"]["noise"]
    with pytest.raises(ValueError, match="'nll' needs an encoder.*deterministic"):
        Probability(folder, card).nll(images)
    path = folder / "density.onnx"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    try:
        with pytest.raises(ValueError, match="is not the file that was published"):
            load_probability(folder)
    finally:
        path.write_bytes(content)


def test_the_mixture_by_differences_is_scipy_s():
    rng = np.random.default_rng(3)
    logits, loc = rng.normal(size=4), rng.normal(size=(4, 2))
    scale = 0.05 + rng.random((4, 2))
    mixture = DirectMixture(*(a.astype("float32") for a in (logits, loc, scale)))
    u = rng.normal(size=(3, 5, 2))
    each = scipy.stats.norm.logpdf(u[..., None, :], loc, scale).sum(-1)
    expected = scipy.special.logsumexp(each + scipy.special.log_softmax(logits), axis=-1)
    found = to_numpy(mixture.log_prob(u.astype("float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_public_name():
    assert zoo.load_probability is load_probability
    assert golden.NUM_IMAGES > checks.SMALL_BATCH
