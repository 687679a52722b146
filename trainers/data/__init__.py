"""Data: one `Dataset` contract over digits, TFDS names, folders of images, npz and IDX files.

    dataset = load("mnist", split="train[:50000]", binarisation="dynamic")
    batches = training_batches(dataset, batch_size=300, seed=17, first_step=0)

Only TFDS names need TensorFlow; everything else runs on NumPy and Pillow.
"""

from trainers.data.dataset import BINARISATIONS, EVALUATION_SEED, Dataset
from trainers.data.fingerprint import changes, fingerprint
from trainers.data.pipeline import (
    evaluation_batches,
    steps_per_epoch,
    training_batch,
    training_batches,
)
from trainers.data.sources import binarisation_of, load, load_splits

__all__ = [
    "BINARISATIONS",
    "EVALUATION_SEED",
    "Dataset",
    "binarisation_of",
    "changes",
    "evaluation_batches",
    "fingerprint",
    "load",
    "load_splits",
    "steps_per_epoch",
    "training_batch",
    "training_batches",
]
