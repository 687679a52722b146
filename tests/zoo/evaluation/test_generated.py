import bars
import numpy as np
import oracles
import pytest
import scipy.stats

import zoo
from zoo.evaluation import ais, frechet, generated, generative, metric, posterior
from zoo.evaluation.adapters import Arrays
from zoo.evaluation.classifier import fit_classifier
from zoo.evaluation.families import generated_images
from zoo.evaluation.parzen import BANDWIDTHS, Parzen, fit_parzen

DISTANCES = metric.names_of(generated_images.measure)


def test_cross_entropy_is_the_divergence_of_class_distributions(rng):
    c, c_hat = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.7, 0.1])
    certain = np.repeat(np.eye(3), [20, 70, 10], axis=0)
    found = generated.class_cross_entropy(c, certain)
    np.testing.assert_allclose(found["value"], scipy.stats.entropy(c, c_hat), rtol=1e-12)
    assert generated.class_cross_entropy(c_hat, certain)["value"] == pytest.approx(0.0, abs=1e-12)
    # The error, against that of many draws of the same kind.
    values = [
        generated.class_cross_entropy(c, np.eye(3)[rng.choice(3, 400, p=c_hat)]) for _ in range(400)
    ]
    spread = np.std([v["value"] for v in values])
    np.testing.assert_allclose(np.mean([v["stderr"] for v in values]), spread, rtol=0.25)


def test_a_class_that_is_never_generated_costs_everything_and_an_absent_one_nothing():
    never = np.eye(2)[[0, 0]]
    assert generated.class_cross_entropy([0.5, 0.5], never)["value"] == np.inf
    assert generated.class_cross_entropy([1.0, 0.0], np.eye(2)[[0, 1]])["value"] == np.log(2)


def test_parzen_against_scipy(rng):
    centres, x = rng.normal(size=(5, 4)), rng.normal(size=(7, 2, 2, 1))
    found = Parzen(centres, 0.3).log_prob(x)
    normal = [
        scipy.stats.multivariate_normal(c, 0.09 * np.eye(4)).pdf(x.reshape(7, 4)) for c in centres
    ]
    np.testing.assert_allclose(found, np.log(np.mean(normal, axis=0)), rtol=1e-8)


def test_parzen_finds_the_bandwidth_and_keeps_apart_what_chooses_it(rng):
    # Four points with noise of 0.1: the best Gaussian around each centre is about as wide.
    points = rng.integers(0, 2, (800, 2, 1, 1)) + 0.1 * rng.normal(size=(800, 2, 1, 1))
    parzen = fit_parzen(Arrays(points), num_centres=600, num_tune=200)
    assert 0.02 < parzen.bandwidth < 0.1
    assert (len(parzen.centres), min(BANDWIDTHS) < parzen.bandwidth) == (600, True)
    # Data that occur twice would choose the least bandwidth if they were their own centres.
    wide = fit_parzen(Arrays(rng.normal(size=(200, 3, 3, 1))))
    assert wide.bandwidth > 0.4
    assert len(wide.centres) == 150


def test_bandwidths_are_in_units_of_the_pixels_range(rng):
    x = rng.normal(size=(60, 3, 3, 1))
    scaled = Arrays(4.0 * x)
    scaled.pixel_scale = 4.0
    assert fit_parzen(scaled).bandwidth == pytest.approx(4.0 * fit_parzen(Arrays(x)).bandwidth)


def test_images_are_means_or_draws_and_do_not_depend_on_their_number(seed):
    _, model = oracles.exact()
    means = generated.generated_images(model, 3000, seed)
    draws = generated.generated_images(model, 3000, seed, draw_pixels=True)
    np.testing.assert_array_equal(means[:5], generated.generated_images(model, 5, seed))
    signal = np.diag(oracles.WEIGHTS @ oracles.WEIGHTS.T)
    for images, variance in ((means, signal), (draws, signal + oracles.SIGMA**2)):
        found = images.reshape(3000, 4)
        np.testing.assert_allclose(found.var(axis=0) / variance, 1, atol=5 * np.sqrt(2 / 3000))
        assert np.all(np.abs(found.mean(0) - oracles.OFFSET) < 5 * np.sqrt(variance / 3000))


def test_no_image_is_generated_twice(seed):
    _, model = oracles.exact()
    images = generated.generated_images(model, 300, seed).reshape(300, 4)
    assert len(np.unique(images, axis=0)) == 300


def test_pixels_are_drawn_by_other_noise_than_their_latents(seed):
    _, model = oracles.exact()
    means = generated.generated_images(model, 128, seed).reshape(128, 4)
    draws = generated.generated_images(model, 128, seed, draw_pixels=True).reshape(128, 4)
    z = (means - oracles.OFFSET) @ np.linalg.pinv(oracles.WEIGHTS.T)
    noise = (draws - means).ravel()[: z.size]
    assert abs(np.corrcoef(z.ravel(), noise)[0, 1]) < 5 / np.sqrt(z.size)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(17)
    train, test = bars.bars(rng, 300), bars.bars(rng, 100)
    return train, test, fit_classifier(train, **{**bars.TINY, "epochs": 6})


@pytest.fixture(scope="module")
def model():
    return zoo.build(
        {
            "encoder": {"name": "mlp", "latent_dim": 2, "hidden_units": [4]},
            "decoder": {
                "name": "mlp",
                "latent_dim": 2,
                "image_shape": [8, 8, 1],
                "hidden_units": [4],
            },
        }
    )


def test_all_measures_of_a_model(data, model, monkeypatch, tmp_path, seed):
    def absent():
        raise OSError("InceptionV3's weights could not be loaded: no network")

    monkeypatch.setattr(frechet, "inception_features", absent)
    train, test, classifier = data
    found = generated.measure(model, test, train, DISTANCES, 40, classifier, seed)
    images = generated.generated_images(model, 40, seed)
    features, probabilities = classifier.measure(images)
    c = [np.mean(test.labels == 3), np.mean(test.labels == 7)]
    expected = generated.class_cross_entropy(c, probabilities)
    entry = found["class_cross_entropy"]
    assert entry["value"] == expected["value"]
    assert (entry["num_generated"], entry["images"], entry["num_examples"]) == (40, "means", 100)
    distance = frechet.distance_of_features(features, classifier.measure(test)[0])
    assert found["frechet_classifier"]["value"] == distance
    assert "could not be loaded: no network" in found["frechet_inception"]
    nll = -fit_parzen(train).log_prob(images)
    np.testing.assert_allclose(found["generated_nll"]["value"], nll.mean(), rtol=1e-12)
    np.testing.assert_allclose(found["generated_nll"]["stderr"], scipy.stats.sem(nll), rtol=1e-12)

    options = {"num_generated": 4, "seed": seed}
    bare = generated.measure(model, Arrays(test.images), train, DISTANCES, **options)
    assert bare["class_cross_entropy"] == "left out: dataset has no labels"
    assert isinstance(bare["generated_nll"], dict)
    alone = generated.measure(model, test, None, ["generated_nll"], **options)
    assert alone["generated_nll"] == "left out: no train_dataset was given"


def test_what_cannot_be_measured_is_left_out_and_the_rest_is(data, model):
    train, test, classifier = data
    names = ["class_cross_entropy", "frechet_classifier", "generated_nll"]
    one = Arrays(test.images[:1], test.labels[:1])
    found = generated.measure(model, one, train, names, 5, classifier)
    assert found["frechet_classifier"] == generated.TOO_FEW
    assert isinstance(found["generated_nll"], dict)
    found = generated.measure(model, test, train, [*names, "frechet_inception"], 1, classifier)
    assert found["frechet_classifier"] == found["frechet_inception"] == generated.TOO_FEW
    assert isinstance(found["class_cross_entropy"], dict)
    bare = generated.measure(model, Arrays(test.images), train, names[:2], 5, classifier)
    assert bare["class_cross_entropy"] == "left out: dataset has no labels"
    assert isinstance(bare["frechet_classifier"], dict)
    others = Arrays(test.images, test.labels + 1)  # 4 and 8: characters that training never saw
    found = generated.measure(model, others, train, names[:2], 5)
    assert found["class_cross_entropy"] == "left out: the test split has classes of its own"
    assert "classifier_accuracy" not in found["frechet_classifier"]
    single = Arrays(train.images, np.zeros(len(train), int))
    alike = generated.measure(model, test, single, names[:2], 5)
    assert set(alike.values()) == {"left out: train_dataset has a single class"}
    for number in (0, -3, 8.5):
        with pytest.raises(ValueError, match=rf"`num_generated` must be a positive int.*{number}"):
            generated.measure(model, test, train, names, number, classifier)


def test_a_prior_that_was_not_adapted_gives_no_numbers():
    parts = {"latent_dim": 2, "hidden_units": [4]}
    model = zoo.build(
        {
            "encoder": {"name": "mlp", "scale": 1.0, **parts},
            "decoder": {"name": "mlp", "image_shape": [8, 8, 1], **parts},
            "marginal": {"name": "floating", "latent_dim": 2},
        }
    )
    images = np.zeros((3, 8, 8, 1), "float32")
    for measure in (
        lambda: generated.generated_images(model, 2),
        lambda: generative.generate(model, 2),
        lambda: ais.annealed_bound(model, images, 2, 2, 1),
        lambda: posterior.true_posterior_samples(model, images, 2, 4),
    ):
        with pytest.raises(ValueError, match="adapt"):
            measure()
    model.adapt(images)
    assert np.isfinite(generated.generated_images(model, 2)).all()


def test_the_inception_distance_is_of_the_model_s_images_from_the_data_s(data, monkeypatch):
    def features(images):  # what of the network's features can be known: means of two halves
        assert images.min() >= 0 and images.max() <= 1
        return np.stack([images[:, :4].mean(axis=(1, 2, 3)), images[:, 4:].mean(axis=(1, 2, 3))], 1)

    monkeypatch.setattr(frechet, "inception_features", lambda: features)
    _, test, _ = data
    scaled = Arrays(3.0 * test.images, test.labels)
    scaled.pixel_scale = 3.0
    images = np.random.default_rng(3).uniform(0, 3, (50, 8, 8, 1)).astype("float32")
    entry = generated._by_inception(images, scaled)
    expected = frechet.distance_of_features(features(images / 3), features(test.images))
    assert entry["value"] == pytest.approx(expected, rel=1e-5) and expected > 1e-3
    assert entry["num_examples"] == len(test)


def test_binary_data_are_compared_with_draws(data, model, seed):
    _, test, classifier = data
    binary = Arrays(np.round(test.images), test.labels)
    names = ["frechet_classifier"]
    found = generated.measure(model, binary, None, names, 30, classifier, seed)[names[0]]
    assert found["images"] == "draws"
    images = generated.generated_images(model, 30, seed, draw_pixels=True)
    assert set(np.unique(images)) == {0.0, 1.0}
    others = classifier.measure(binary)[0]
    expected = frechet.distance_of_features(classifier.measure(images)[0], others)
    assert found["value"] == expected
