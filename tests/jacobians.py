"""Diagnostics of the decoder's Jacobian over whole data: `bilbo`, eq. 8, 12, 16, 18 and 22."""

import numpy as np

from zoo.backend import to_numpy
from zoo.evaluation import jacobian


def of_mean(model, z):
    """Returns the Jacobian of the mean image at latents [N, Z]: NumPy [N, H, W, C, Z], eq. 8."""

    def mean(z):
        return model.decoder.mean(model.decoder(z, training=False))

    return to_numpy(jacobian.along_all(mean, np.asarray(z, "float32"))[1])


def log_evidence(model, images, **options):
    """Returns eq. 16 of each image, [N]; options as of `jacobian.geometry`."""
    return _joined(jacobian.log_evidence_of, model, images, options)


def evidence_gap(model, images, **options):
    """Returns eq. 18 of each image, [N]; options as of `jacobian.geometry`."""
    return _joined(jacobian.evidence_gap_of, model, images, options)


def predicted_scales(model, images):
    """Returns the scales of the posterior, learned and predicted by eq. 12: both [N, Z].

    The minimum of the gap over diagonal Sigma is at Sigma_dd = 1 / A_dd.
    """

    def predicted(block):
        return 1.0 / np.sqrt(np.diagonal(jacobian.precision_of(block), axis1=1, axis2=2))

    return _joined(lambda block: block["scale"], model, images), _joined(predicted, model, images)


def variance_penalty(model, images):
    """Returns eq. 22, `{"approximate", "exact"}`."""
    blocks = jacobian.geometry(model, images)
    return jacobian.variance_penalty_of(jacobian.precision_of(block) for block in blocks)


def _joined(function, model, images, options=()):
    blocks = jacobian.geometry(model, images, **dict(options))
    return np.concatenate([function(block) for block in blocks])
