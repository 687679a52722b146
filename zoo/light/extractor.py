"""A published encoder as a scikit-learn transformer, on ONNX Runtime alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import _check_feature_names_in

from zoo.light import runtime
from zoo.light.estimator import ImageEstimator
from zoo.light.images import check_values
from zoo.typing import Array, ModelName

# What `check_estimator` feeds is rows of any length and sign. Images of a model have its size and
# values in [0, 1], so the checks that begin with other rows end with the message that says so.
_OTHER_ROWS = "feeds rows that are no images of the model (their number of pixels or their values)"
EXPECTED_FAILED_CHECKS = dict.fromkeys(
    [
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_nan_inf",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit2d_predict1d",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_n_features_in",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_readonly_memmap_input",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_transformers_unfitted_stateless",
    ],
    _OTHER_ROWS,
)


class FeatureExtractor(TransformerMixin, ImageEstimator):
    """Features of a published encoder in scikit-learn's pipelines and searches.

        make_pipeline(zoo.FeatureExtractor("bilbo-mnist-z2"), LogisticRegression())

    Grey levels are integers from 0 to 255, of any dtype but uint16, or floats in [0, 1]. Data of
    another range is divided first, floats from 0 to 255 for example by
    `FunctionTransformer(lambda X: X / 255)`.

    It learns nothing: `fit` checks the images. Every parameter can be searched, `model` and `kind`
    among them; copies and pickles carry the parameters and no session, which opens where it is
    needed.

    Of scikit-learn's `check_estimator`, those checks apply whose data can be images: of the
    model's size, in [0, 1]. `EXPECTED_FAILED_CHECKS` of this module names the others, each with
    the reason, for `check_estimator(..., expected_failed_checks=...)`.

    Args:
        model: A released name, an artifact's folder, a URL with its hash, or an encoder's ONNX
            file; see `zoo.load_encoder`.
        kind: "mean", "sample" or "params"; the last puts all arrays side by side.
        seed: Int for kind="sample", 17 where it is not given.
        resize: Whether images of another size or number of channels are brought to the model's.
            Only for images; rows have no size to be brought from.
        batch_size: Images at a time.
        bits: Whether integers are zeros and ones rather than grey levels up to 255; None means
            where the largest of all images of a call is 1.

    Attributes:
        n_features_in_: Number of columns, or of pixels of an image, seen by `fit`.
    """

    def __init__(
        self,
        model: ModelName,
        kind: str = "mean",
        seed: int | None = None,
        resize: bool = False,
        batch_size: int = 256,
        bits: bool | None = None,
    ):
        self.model = model
        self.kind = kind
        self.seed = seed
        self.resize = resize
        self.batch_size = batch_size
        self.bits = bits

    def fit(self, X: Any, y: Array = None) -> "FeatureExtractor":
        """Checks that the images and the parameters fit the model; returns `self`.

        Args:
            X: [N, H, W] or [N, H, W, C] images, or rows [N, H W C] with the channels of a pixel
                next to each other, as an array or a data frame; dtypes as
                `zoo.load_encoder(...).features` takes them. Or the path of a folder of pictures,
                or a list of paths, which need Pillow.
            y: Ignored.
        """
        images = self._images(X, reset=True)
        check_values(images)
        self._features(images[:1])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Returns the features of images as float32 [N, F]; X as in `fit`."""
        return self._features(self._images(X, reset=False))

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Returns the names of the columns: z0, z1, ..; of "params" loc0, .., scale0, ..

        Args:
            input_features: Names of the input's columns, checked and not used; or None.
        """
        if input_features is not None or hasattr(self, "n_features_in_"):
            _check_feature_names_in(self, input_features, generate_names=False)
        encoder = self._open()
        if self.kind != "params":
            return np.asarray([f"z{i}" for i in range(encoder.latent_dim)], object)
        outputs = encoder.card["graphs"]["encoder"]["outputs"]
        widths = {name: int(np.prod(outputs[name][1:])) for name in sorted(outputs)}
        names = [f"{name}{i}" for name, width in widths.items() for i in range(width)]
        return np.asarray(names, object)

    def _features(self, images):
        encoder = self._open()
        features = encoder.features(
            images, self.kind, self.seed, self.batch_size, self.resize, self.bits
        )
        if self.kind != "params":
            return features
        return np.concatenate([features[k].reshape(len(images), -1) for k in sorted(features)], 1)

    def _load(self, model):
        return runtime.load_encoder(model)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
