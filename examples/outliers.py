"""Finds images that do not belong, by the densities of a trained model.

    pip install ".[sklearn]"
    python examples/outliers.py

The normal images are scikit-learn's handwritten digits in the size of the model, and the outliers
are the same digits with their pixels in another order.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import zoo


def main(model, score):
    """Prints how well the score tells digits from the same pixels in another order."""
    digits = load_digits().images / 16
    images = np.pad(digits.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    train, normal = images[:200], images[200:300]
    order = np.random.default_rng(17).permutation(28 * 28)
    abnormal = normal.reshape(len(normal), -1)[:, order].reshape(normal.shape)
    detector = zoo.OutlierDetector(model, score=score, contamination=0.05).fit(train)
    scores = detector.score_samples(np.concatenate([normal, abnormal]))
    auroc = roc_auc_score([1] * len(normal) + [0] * len(abnormal), scores)
    for name, x in {"digits": normal, "other order": abnormal}.items():
        print(f"{name}: {100 * np.mean(detector.predict(x) == -1):.0f} % called outliers")
    print(f"area under the ROC curve {auroc:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="bilbo-mnist-z2", help="zoo.list_models() has names")
    parser.add_argument("--score", default="reconstruction", help="docs/outliers.md has the scores")
    main(**vars(parser.parse_args()))
