"""`zoo.FeatureExtractor`: scikit-learn's own checks, pipelines, searches, copies, refusals."""

import pickle
import subprocess
import sys
from pathlib import Path

import light_artifact
import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import zoo
from zoo.light import extractor, runtime

ROOT = Path(__file__).resolve().parents[2]
SHAPE = light_artifact.IMAGE_SHAPE


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(light_artifact.make(tmp_path_factory.mktemp("extractor")))


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (40, *SHAPE), np.uint8)


# scikit-learn's checks.


class OnAnyRows(extractor.FeatureExtractor):
    """Makes an image of whatever a check feeds, so that every check reaches the transformer."""

    def _unflatten(self, X):
        shape = self._open().image_shape
        x = X / (1 + X.astype(np.float64))
        repeats = -(-int(np.prod(shape)) // X.shape[1])
        return np.tile(x, repeats)[:, : np.prod(shape)].reshape(-1, *shape)


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_pass_on_images(model):
    found = check_estimator(OnAnyRows(model), on_skip=None)
    passed = [row for row in found if row["status"] == "passed"]
    skipped = {row["check_name"] for row in found if row["status"] == "skipped"}
    assert len(passed) >= 40 and skipped <= {"check_array_api_input"}


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_fail_only_where_their_rows_are_no_images(model):
    expected = extractor.EXPECTED_FAILED_CHECKS
    estimator = zoo.FeatureExtractor(model)
    found = check_estimator(estimator, expected_failed_checks=expected, on_skip=None)
    failed = [row for row in found if row["status"] == "xfail"]
    assert {row["check_name"] for row in failed} == set(expected)
    for row in failed:
        assert "Expected rows of 8 x 6 x 1 = 48 pixels" in str(row["exception"]), row["check_name"]
    assert sum(row["status"] == "passed" for row in found) >= 18


# What it computes.


def test_images_and_rows_give_the_features_of_the_encoder(model, images):
    expected = runtime.load_encoder(model).features(images)
    for form in (images, images[..., 0], images.reshape(40, -1), images / 255, list(images)):
        received = zoo.FeatureExtractor(model, batch_size=7).fit_transform(form)
        assert received.dtype == np.float32
        np.testing.assert_allclose(received, expected, atol=1e-6)


def test_a_rounding_below_zero_is_clipped_as_by_the_encoder(model, images):
    below = images / 255.0
    below[0, 0, 0] = -1e-9
    expected = runtime.load_encoder(model).features(below)
    np.testing.assert_array_equal(extractor.FeatureExtractor(model).fit_transform(below), expected)


def test_kinds_and_their_names(model, images):
    encoder = runtime.load_encoder(model)
    parameters = encoder.features(images, kind="params")
    both = zoo.FeatureExtractor(model, kind="params").fit(images)
    np.testing.assert_array_equal(
        both.transform(images), np.hstack([parameters["loc"], parameters["scale"]])
    )
    assert both.get_feature_names_out().tolist() == [
        *("loc0", "loc1", "loc2", "scale0", "scale1", "scale2")
    ]
    draws = zoo.FeatureExtractor(model, kind="sample", seed=5).fit(images)
    expected = encoder.features(images, kind="sample", seed=5)
    np.testing.assert_array_equal(draws.transform(images), expected)
    assert draws.get_feature_names_out().tolist() == ["z0", "z1", "z2"]


def test_images_are_resized_only_when_asked(model, rng):
    big = rng.integers(0, 256, (5, 20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="8 x 6 with 1 channel"):
        zoo.FeatureExtractor(model).fit(big)
    received = zoo.FeatureExtractor(model, resize=True).fit(big).transform(big[:, :18])
    expected = runtime.load_encoder(model).features(big[:, :18], resize=True)
    np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.zeros((3, 47)), ValueError, "48 pixels.*n_samples = 3, n_features = 47"),
        (np.full((3, 48), 2.0), ValueError, r"values in \[0, 1\].*Received: values from 2 to 2"),
        (np.full((3, 48), -1.0), ValueError, "Negative values in data passed to FeatureExtractor"),
        (np.full((3, 8, 6), np.nan), ValueError, "NaN"),
        (np.full((3, 48), 256), ValueError, "dtype=int64, values from 256 to 256; images / 65535"),
        (np.eye(3, 48) * 2 - 1, ValueError, r"values from -1.0 to 1.0; \(images \+ 1\) / 2"),
        (np.ma.masked_less(np.ones((3, 48)), 0), TypeError, "without a mask"),
        ([np.zeros((8, 6)), np.zeros((9, 6))], ValueError, "of one size.*images that differ"),
    ],
)
def test_images_that_are_refused(model, x, error, text):
    with pytest.raises(error, match=text):
        zoo.FeatureExtractor(model).fit(x)


def test_images_unlike_those_of_fit_are_refused(model, images):
    fitted = zoo.FeatureExtractor(model).fit(images)
    assert fitted.n_features_in_ == 48
    with pytest.raises(ValueError, match="X has 12 features, but FeatureExtractor is expecting 48"):
        fitted.transform(np.zeros((2, 12)))
    with pytest.raises(ValueError, match="X has 30 pixels an image.*expecting 48"):
        fitted.transform(np.zeros((2, 5, 6)))


def test_parameters_are_checked_by_fit(model, images):
    for wrong in ({"kind": "median"}, {"seed": 3}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="Received: "):
            zoo.FeatureExtractor(model, **wrong).fit(images)
    with pytest.raises(FileNotFoundError, match="Received: 'no-such-model'"):
        zoo.FeatureExtractor("no-such-model").fit(images)


# In scikit-learn.


def test_in_a_pipeline_and_a_search(model, images, tmp_path):
    other = str(light_artifact.make(tmp_path, "other", seed=3))
    labels = runtime.load_encoder(model).features(images)[:, 0] > 0
    pipeline = make_pipeline(zoo.FeatureExtractor(other), LogisticRegression(C=1e4))
    grid = {
        "featureextractor__model": [other, model],
        "featureextractor__kind": ["mean", "params"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(images, labels)
    assert search.best_params_["featureextractor__model"] == model
    assert search.score(images, labels) == 1.0
    rows = make_pipeline(
        FunctionTransformer(lambda x: x / 255), zoo.FeatureExtractor(model), LogisticRegression()
    )
    assert rows.fit(images.reshape(40, -1), labels).score(images.reshape(40, -1), labels) > 0.8


def test_copies_and_pickles_carry_no_session(model, images):
    fitted = zoo.FeatureExtractor(model, kind="sample", seed=5).fit(images)
    expected = fitted.transform(images)
    content = pickle.dumps(fitted)
    assert b"onnx" not in content and len(content) < 1000
    np.testing.assert_array_equal(pickle.loads(content).transform(images), expected)
    assert clone(fitted).get_params() == fitted.get_params()
    assert not hasattr(clone(fitted), "n_features_in_")


def test_another_model_is_opened_when_the_parameter_changes(model, images, tmp_path):
    other = str(light_artifact.make(tmp_path, "other", latent_dim=2))
    fitted = zoo.FeatureExtractor(model).fit(images)
    assert fitted.set_params(model=other).transform(images).shape == (40, 2)


LIGHT = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "onnx", "absl", "PIL", "tqdm"} | extra:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
import numpy as np, zoo
x = np.zeros((2, 8, 6), np.uint8)
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_onnx_runtime_and_scikit_learn_are_enough(model):
    code = (
        "extra = set()" + LIGHT + "print(zoo.FeatureExtractor(sys.argv[1]).fit_transform(x).shape)"
    )
    done = run(code, model)
    assert done.stdout.strip() == "(2, 3)", done.stderr


def test_without_scikit_learn_the_rest_works_and_this_says_what_is_needed(model):
    code = (
        "extra = {'sklearn'}"
        + LIGHT
        + (
            "print(zoo.load_encoder(sys.argv[1]).features(x[0, :4], resize=True).shape)\n"
            "zoo.FeatureExtractor"
        )
    )
    done = run(code, model)
    assert done.stdout.strip() == "(1, 3)"
    assert "pip install scikit-learn" in done.stderr.splitlines()[-1]


# Data as scikit-learn gives it.


@pytest.fixture
def frame(images):
    """Integer columns, as `fetch_openml("mnist_784")` has them."""
    names = [f"pixel{i + 1}" for i in range(48)]
    return pandas.DataFrame(images.reshape(40, -1).astype(np.int64), columns=names)


def test_integer_columns_are_taken_as_bytes_are(model, images, frame):
    expected = runtime.load_encoder(model).features(images)
    for form in (frame, frame.to_numpy(), frame.astype("int16"), frame.to_numpy().tolist()):
        received = zoo.FeatureExtractor(model).fit(form).transform(form)
        np.testing.assert_array_equal(received, expected)
    dark = frame % 2  # a block of zeros and ones
    bits = runtime.load_encoder(model).features((images % 2).astype(bool))
    np.testing.assert_array_equal(zoo.FeatureExtractor(model).fit_transform(dark), bits)
    grey = zoo.FeatureExtractor(model, bits=False).fit_transform(dark)
    np.testing.assert_array_equal(grey, runtime.load_encoder(model).features(images % 2 / 255))


def test_float_columns_are_refused_and_the_remedy_works(model, frame):
    floats = frame.astype(float)
    floats.iloc[0] = 0  # the range is that of all images, not of the first
    with pytest.raises(
        ValueError, match=r"from 0 to 25\d; images / 255 if white is 255"
    ) as refused:
        zoo.FeatureExtractor(model).fit(floats)
    assert "\n" not in str(refused.value)
    scaled = make_pipeline(FunctionTransformer(lambda X: X / 255), zoo.FeatureExtractor(model))
    expected = zoo.FeatureExtractor(model).fit_transform(floats.astype(int))
    np.testing.assert_allclose(scaled.fit_transform(floats), expected, atol=1e-6)
    object_columns = frame.astype(object)
    with pytest.raises(ValueError, match="images / 255 if white is 255"):
        zoo.FeatureExtractor(model).fit(object_columns)


def test_in_a_column_transformer_with_frames_out(model, frame, images):
    pixels = list(frame.columns)
    frame["age"] = np.arange(40.0)
    columns = ColumnTransformer(
        [("code", zoo.FeatureExtractor(model), pixels), ("rest", StandardScaler(), ["age"])]
    )
    received = columns.set_output(transform="pandas").fit(frame).transform(frame)
    assert list(received.columns) == ["code__z0", "code__z1", "code__z2", "rest__age"]
    assert list(columns.get_feature_names_out()) == list(received.columns)
    expected = runtime.load_encoder(model).features(images)
    np.testing.assert_array_equal(received.iloc[:, :3].to_numpy(np.float32), expected)
    labels = np.where(expected[:, 0] > 0, "even", "odd")
    pipeline = make_pipeline(clone(columns), LogisticRegression(C=1e4))
    assert cross_val_score(pipeline, frame, labels, cv=3).mean() > 0.5
