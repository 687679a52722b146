"""Shared by the scikit-learn estimators of published models: images or rows of pixels as X."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from zoo.light import pictures
from zoo.light.axes import as_array, as_batch
from zoo.light.images import ROUNDING, remedy, resize_images


class ImageEstimator(BaseEstimator):
    """An estimator whose X is images of a published model.

    X is an array or a data frame: images [N, H, W] or [N, H, W, C], or rows [N, H W C] with the
    channels of a pixel next to each other. Or X is the path of a folder of pictures, or a list of
    paths. A subclass has the parameters `model` and `resize`, and opens its model in `_load`.
    Copies and pickles carry the parameters and the learned attributes. The session opens when it
    is needed.

    Attributes:
        n_features_in_: Number of columns, or of pixels of an image, seen by `fit`.
    """

    def _load(self, model):
        """Returns what is opened of `model`; it has `image_shape`."""
        raise NotImplementedError

    def _images(self, X, reset):
        """Returns X as images [N, H, W, C]; what is no image of the model is refused there."""
        X = self._read(X) if pictures.are_paths(X) else X
        X = as_array(X) if isinstance(X, np.ndarray) or not hasattr(X, "ndim") else X
        if X.ndim > 2:
            X = check_array(X, dtype=None, allow_nd=True)
            self._check_pixels(int(np.prod(X.shape[1:])), reset)
        else:
            X = validate_data(self, X, reset=reset, dtype=None)
            X = check_array(X, dtype=np.float64) if X.dtype == object else X
        if X.min() < -ROUNDING:  # `features` clips a rounding; scikit-learn's checks ask for words
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}. "
                f"Received: values from {X.min()} to {X.max()}{remedy(X.min(), X.max())}"
            )
        return X if X.ndim > 2 else self._unflatten(X)

    def _read(self, paths):
        """Returns the pictures of paths as float32 [N, H, W, C] in [0, 1]: they are never bits."""
        shape = self._open().image_shape
        images = [pictures.read_image(path) for path in pictures.files_of(paths)]
        if self.resize:
            images = [resize_images(image, shape, bits=False) for image in images]
        images = [as_batch(image, shape) for image in images]
        return np.concatenate(images) / np.float32(255)

    def _check_pixels(self, pixels, reset):
        """Images, too, have to agree with what `fit` saw, unless they are resized."""
        seen = getattr(self, "n_features_in_", pixels)
        if reset:
            self.n_features_in_ = pixels
        elif pixels != seen and not self.resize:
            raise ValueError(
                f"X has {pixels} pixels an image, but {type(self).__name__} is expecting {seen}"
            )

    def _unflatten(self, X):
        shape = self._open().image_shape
        if X.shape[1] != np.prod(shape):
            raise ValueError(
                f"Expected rows of {' x '.join(map(str, shape))} = {np.prod(shape)} pixels, or "
                f"images [N, H, W] or [N, H, W, C]. Received: n_samples = {X.shape[0]}, "
                f"n_features = {X.shape[1]}; X.reshape(-1, H, W) and resize=True if these are "
                "images of another size"
            )
        return X.reshape(-1, *shape)

    def _open(self):
        """Returns the opened `model`; each model is opened once."""
        opened = getattr(self, "_opened", None)
        if opened is None or opened[0] != self.model:
            self._opened = (self.model, self._load(self.model))
        return self._opened[1]

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_opened", None)
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        return tags
