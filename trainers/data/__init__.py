"""Data: one `Dataset` contract over all sources, which are the modules of `sources`.

    dataset = load("mnist", split="train[:50000]", binarisation="dynamic")
    batches = training_batches(dataset, batch_size=300, seed=17, first_step=0)

Only TFDS names need TensorFlow; everything else runs on NumPy and Pillow.
"""

from trainers.data.dataset import BINARISATIONS, EVALUATION_SEED, Dataset
from trainers.data.fingerprint import changes, fingerprint
from trainers.data.from_config import load_splits
from trainers.data.loading import binarisation_of, load
from trainers.data.pipeline import (
    evaluation_batches,
    part_of,
    steps_per_epoch,
    training_batch,
    training_batches,
)

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
    "part_of",
    "steps_per_epoch",
    "training_batch",
    "training_batches",
]
