"""Test images with noise or masks, for encoders that were trained without them."""

import numpy as np

KINDS = ("noise", "mask")


class Corrupted:
    """A data set of corrupted images. The noise of an image is the same at every access.

        noise:  x + s eps, eps ~ N(0, I) for every element, not clipped
        mask:   x m, m ~ Bernoulli(1 - p) for every pixel, all of its channels alike

    Args:
        dataset: Has `float_images(rows)`, `labels` and a length.
        kind: "noise" or "mask".
        strength: s, in units of the pixels' range; or p, the share of pixels that become 0.
        seed: Int; the draws of image i are a function of (seed, i) alone.

    Raises:
        ValueError: If `kind` is neither, or the strength is out of range.

    Reference:
        `vimae`, section 5.3: s in {0.2, 0.3, 0.4}, p in {0.2, 0.5}.
    """

    # Noise leaves the range of pixels: the images are for an encoder, and have no likelihood.
    leaves_pixel_range = True

    def __init__(self, dataset, kind, strength, seed=17):
        if kind not in KINDS:
            raise ValueError(f"`kind` must be one of {list(KINDS)}. Received: kind={kind!r}")
        if not 0 <= strength <= (1 if kind == "mask" else np.inf):
            raise ValueError(
                "Expected a standard deviation >= 0, or a share in [0, 1]. "
                f"Received: strength={strength!r} of kind={kind!r}"
            )
        self.dataset = dataset
        self.kind = kind
        self.strength = strength
        self.seed = seed
        self.labels = getattr(dataset, "labels", None)

    def __len__(self):
        return len(self.dataset)

    def float_images(self, rows=slice(None)):
        """Returns corrupted images, float32 [n, H, W, C]."""
        images = np.array(self.dataset.float_images(rows), "float32")
        for image, index in zip(images, np.arange(len(self))[rows]):
            rng = np.random.default_rng([self.seed, KINDS.index(self.kind), int(index)])
            if self.kind == "noise":
                scale = self.strength * getattr(self.dataset, "pixel_scale", 1.0)
                image += np.float32(scale) * rng.standard_normal(image.shape, "float32")
            else:
                image[rng.random(image.shape[:2]) < self.strength] = 0.0
        return images
