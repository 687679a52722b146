"""The outlier detector follows scikit-learn's conventions on the densities of a model."""

import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import zoo
from zoo.light import outliers

MODEL = "vimae-mnist-z8-vae"
SHAPE = (4, 3, 1)


class Densities:
    """In the place of a model: an image costs ten nats a pixel, and its code its first pixel."""

    image_shape = SHAPE

    def __init__(self, has_rate=True):
        self.has_rate = has_rate

    def nll(self, images, num_samples, seed, resize, bits):
        return 10 * np.asarray(images, float).sum((1, 2, 3))

    def rate_distortion(self, images, num_samples, seed, resize, bits):
        first = np.asarray(images, float)[:, 0, 0, 0]
        both = {"rate": first, "distortion": self.nll(images, num_samples, seed, resize, bits)}
        return both if self.has_rate else {"distortion": both["distortion"]}


class OnAnyRows(outliers.OutlierDetector):
    """Makes an image of whatever a check feeds, so that every check reaches the detector."""

    def _load(self, model):
        return Densities()

    def _unflatten(self, X):
        x = X / (1 + X.astype(np.float64))
        return np.tile(x, -(-12 // X.shape[1]))[:, :12].reshape(-1, *SHAPE)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(outliers.probability, "load_probability", lambda model: Densities())


@pytest.fixture
def images(rng):
    return rng.uniform(0.4, 0.6, (200, *SHAPE)).astype("float32")


def test_a_folder_of_pictures_and_a_list_of_paths(fake, rng, tmp_path):
    levels = rng.integers(0, 256, (9, 4, 3), dtype="uint8")
    paths = [tmp_path / f"{number}.png" for number in range(len(levels))]
    for path, grey in zip(paths, levels):
        Image.fromarray(grey).save(path)
    expected = zoo.OutlierDetector("any").fit(levels[..., None] / np.float32(255))
    for X in (tmp_path, str(tmp_path), paths):
        detector = zoo.OutlierDetector("any").fit(X)
        assert detector.offset_ == expected.offset_ and detector.n_features_in_ == 12
    assert detector.score_samples(paths[0]).shape == (1,)
    Image.fromarray(levels[0, :, :2]).resize((30, 20)).save(paths[0])
    with pytest.raises(ValueError, match="resize"):
        detector.predict(tmp_path)
    assert detector.set_params(resize=True).predict(tmp_path).shape == (9,)


@pytest.mark.parametrize("score", outliers.SCORES)
def test_bright_images_are_outliers(fake, images, score):
    detector = zoo.OutlierDetector("any", score=score, contamination=0.05).fit(images)
    bright = np.ones((3, *SHAPE), "float32")
    assert (detector.predict(bright) == -1).all()
    assert (detector.predict(images) == -1).sum() == 10, "5 % of what fit saw"
    expected = detector.score_samples(images) - detector.offset_
    np.testing.assert_array_equal(detector.decision_function(images), expected)
    assert (
        detector.predict(np.concatenate([images, bright]))
        == detector.fit_predict(np.concatenate([images, bright]))
    ).mean() > 0.9


def test_a_likely_image_is_an_outlier_by_its_typicality_alone(fake, images):
    black = np.zeros((1, *SHAPE), "float32")
    assert zoo.OutlierDetector("any", "nll").fit(images).predict(black) == [1]
    detector = zoo.OutlierDetector("any", "typicality").fit(images)
    assert detector.predict(black) == [-1]
    nll = Densities().nll(images, 1, 1, False, None)
    assert detector.mean_nll_ == pytest.approx(nll.mean())
    np.testing.assert_allclose(detector.score_samples(images), -np.abs(nll - nll.mean()))


def test_scores_are_those_of_the_released_model(rng):
    images = rng.random((4, 28, 28, 1), np.float32)
    densities = zoo.load_probability(MODEL)
    terms = densities.rate_distortion(images, num_samples=3)
    expected = {"nll": densities.nll(images, num_samples=3), "rate": terms["rate"]}
    expected["reconstruction"] = terms["distortion"]
    for score, values in expected.items():
        detector = zoo.OutlierDetector(MODEL, score, num_samples=3).fit(images)
        np.testing.assert_array_equal(detector.score_samples(images), -values)
        assert detector.offset_ == np.quantile(-values, 0.1)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_pass_on_images():
    expected = outliers.EXPECTED_FAILED_CHECKS
    rows = check_estimator(OnAnyRows("any"), expected_failed_checks=expected, on_skip=None)
    assert {row["check_name"] for row in rows if row["status"] == "xfail"} == set(expected)
    skipped = {row["check_name"] for row in rows if row["status"] == "skipped"}
    assert sum(row["status"] == "passed" for row in rows) >= 40
    assert skipped <= {"check_array_api_input"}


def test_rows_copies_pickles_and_pipelines(fake, images):
    rows = images.reshape(200, -1)
    pipeline = make_pipeline(FunctionTransformer(lambda x: x), zoo.OutlierDetector("any"))
    detector = zoo.OutlierDetector("any", seed=3).fit(images)
    np.testing.assert_array_equal(pipeline.fit(rows).predict(rows), detector.predict(images))
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again.score_samples(images), detector.score_samples(images))
    assert clone(detector).get_params() == detector.get_params()


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"score": "likelihood"}, r"score among \['nll', .* Received: 'likelihood'"),
        ({"contamination": 0}, r"contamination in \(0, 0.5\]. Received: contamination=0"),
        ({"contamination": 0.6}, "Received: contamination=0.6"),
        ({"contamination": "auto"}, "Received: contamination='auto'"),
    ],
)
def test_wrong_parameters_are_refused_by_fit(fake, images, parameters, text):
    with pytest.raises(ValueError, match=text):
        zoo.OutlierDetector("any", **parameters).fit(images)


def test_a_score_that_the_model_lacks_is_refused(monkeypatch, images):
    monkeypatch.setattr(outliers.probability, "load_probability", lambda _: Densities(False))
    with pytest.raises(
        ValueError, match="model with a rate; .* Received: model='any', score='rate'"
    ):
        zoo.OutlierDetector("any", "rate").fit(images)
    assert zoo.OutlierDetector("any", "reconstruction").fit(images).offset_ < 0
