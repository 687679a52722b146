"""Images of two classes that the least classifier tells apart."""

from zoo.evaluation.adapters import Arrays

TINY = {"epochs": 12, "width": 2, "num_features": 4}


def bars(rng, number):
    """Images of an upright (3) or a level (7) bar in noise."""
    labels = rng.choice([3, 7], number)
    images = 0.2 * rng.uniform(size=(number, 8, 8, 1)).astype("float32")
    images[labels == 3, :, 2:4] += 0.8
    images[labels == 7, 2:4, :] += 0.8
    return Arrays(images, labels)
