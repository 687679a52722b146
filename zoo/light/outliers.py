"""Outlier detection by the densities of a published model, in scikit-learn's conventions."""

import numbers
from typing import Any

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from zoo.arguments import check_names
from zoo.light import probability
from zoo.light.estimator import ImageEstimator
from zoo.typing import Array, ModelName

# For `check_estimator(..., expected_failed_checks=...)`, next to those of `zoo.light.extractor`.
EXPECTED_FAILED_CHECKS = {
    **dict.fromkeys(
        [
            "check_fit_score_takes_y",
            "check_n_features_in_after_fitting",
            "check_pipeline_consistency",
        ],
        "takes score, which is a parameter here, for a method",
    ),
    **dict.fromkeys(
        ["check_outliers_fit_predict", "check_outliers_train"],
        "feeds negative values, which are no pixels",
    ),
}
SCORES = ("nll", "reconstruction", "rate", "typicality")


class OutlierDetector(OutlierMixin, ImageEstimator):
    """Finds images that are unlike those of `fit`, by a published model's densities.

        detector = zoo.OutlierDetector("vimae-mnist-z8-vae").fit(normal_images)
        detector.predict(images)  # 1 for an inlier, -1 for an outlier

    `fit` learns the threshold from images that are mostly normal; the model itself stays as it is.
    A model of a data set is a detector for images like that data set's. ONNX Runtime and NumPy
    compute the scores.

    The anomaly score a(x) of an image is, in nats,

    - "nll": the importance-weighted bound of -log p(x).
    - "reconstruction": the distortion, E[-log d(x|z)] for z ~ e(z|x).
    - "rate": KL(e(z|x) || m(z)), how far the code is from the prior.
    - "typicality": |nll(x) - H|, where H is the mean NLL of the images of `fit`. An image that is
      much more likely than they are is an outlier too, as a smooth picture is to a model of
      photographs.

    `score_samples` is -a(x), as scikit-learn has it: the lower, the more abnormal.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; it needs probability
            graphs, see `zoo.load_probability`. An encoder without noise has no density, and
            "reconstruction" alone.
        score: One of the four names.
        contamination: Share of outliers among the images of `fit`, in (0, 0.5]. The threshold
            `offset_` is this quantile of their scores.
        num_samples: Importance samples of "nll" and "typicality"; samples over which the others
            are averaged.
        seed: Int, the seed of the samples.
        resize: Whether images of another size or number of channels are brought to the model's.
        bits: Whether integers are zeros and ones rather than grey levels up to 255; None means
            where the largest of all images of a call is 1.

    Attributes:
        offset_: Threshold: images with `score_samples(X) < offset_` are outliers.
        mean_nll_: H in nats, for "typicality" alone.
        n_features_in_: Number of columns, or of pixels of an image, seen by `fit`.

    Raises:
        ValueError: By `fit`, if a parameter is wrong, the model has no such score, or X is not
            images of the model.

    Reference:
        Bishop, 1994, novelty detection by density; Nalisnick et al., 2019, "Detecting
        Out-of-Distribution Inputs to Deep Generative Models Using Typicality".
    """

    def __init__(
        self,
        model: ModelName,
        score: str = "nll",
        contamination: float = 0.1,
        num_samples: int = 10,
        seed: int = 17,
        resize: bool = False,
        bits: bool | None = None,
    ):
        self.model = model
        self.score = score
        self.contamination = contamination
        self.num_samples = num_samples
        self.seed = seed
        self.resize = resize
        self.bits = bits

    def fit(self, X: Any, y: Array = None) -> "OutlierDetector":
        """Learns the threshold from the scores of images; returns `self`.

        Args:
            X: [N, H, W] or [N, H, W, C] images, or rows [N, H W C], mostly without outliers. Or
                the path of a folder of pictures, or a list of paths, which need Pillow.
            y: Ignored.
        """
        check_names([self.score], SCORES, "score")
        share = self.contamination
        if not isinstance(share, numbers.Real) or not 0 < share <= 0.5:
            raise ValueError(
                f"Expected contamination in (0, 0.5]. Received: contamination={share!r}"
            )
        anomalies = self._measure(self._images(X, reset=True))
        if self.score == "typicality":
            self.mean_nll_ = float(np.mean(anomalies))
            anomalies = np.abs(anomalies - self.mean_nll_)
        self.offset_ = float(np.quantile(-anomalies, share))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Returns -a(x) of each image, float64 [N]; the lower, the more abnormal."""
        check_is_fitted(self, "offset_")
        anomalies = self._measure(self._images(X, reset=False))
        if self.score == "typicality":
            anomalies = np.abs(anomalies - self.mean_nll_)
        return -anomalies

    def decision_function(self, X: Any) -> np.ndarray:
        """Returns `score_samples(X) - offset_`, float64 [N]: negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Returns 1 for inliers and -1 for outliers, int [N]."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _measure(self, images):
        """Returns the NLL, distortion or rate of images in nats."""
        densities = self._open()
        options = (self.num_samples, self.seed, self.resize, self.bits)
        if self.score in ("nll", "typicality"):
            return densities.nll(images, *options)
        name = {"reconstruction": "distortion"}.get(self.score, self.score)
        values = densities.rate_distortion(images, *options)
        if name not in values:
            raise ValueError(
                f"Expected a model with a {name}; its encoder is deterministic. Received: "
                f"model={self.model!r}, score={self.score!r}"
            )
        return values[name]

    def _load(self, model):
        return probability.load_probability(model)
