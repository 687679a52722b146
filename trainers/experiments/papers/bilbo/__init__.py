"""The figures of `bilbo`, There and Back Again: Unraveling the Variational Auto-Encoder."""

from trainers.experiments.papers.bilbo import bounds, faces, latents, likelihoods
from trainers.experiments.papers.bilbo.models import study

__all__ = ["bounds", "faces", "latents", "likelihoods", "study"]
