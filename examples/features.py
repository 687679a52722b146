"""Features of a trained encoder in a scikit-learn pipeline.

    pip install ".[sklearn]"
    python examples/features.py

The images are scikit-learn's handwritten digits, brought to the size and the margin of MNIST, on
which the encoder was trained. Neither TensorFlow nor Keras is loaded.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import zoo


def main(model, num_train):
    """Prints the test accuracy of a linear classifier on the features."""
    digits = load_digits()
    images = (digits.images / 16).repeat(3, axis=1).repeat(3, axis=2)  # [N, 24, 24] in [0, 1]
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    train, test, train_labels, test_labels = train_test_split(
        images, digits.target, train_size=num_train, random_state=17
    )
    classifier = make_pipeline(
        zoo.FeatureExtractor(model), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    classifier.fit(train, train_labels)
    accuracy = classifier.score(test, test_labels)
    size = classifier[0].transform(test[:1]).shape[1]
    print(f"{size} features, {num_train} labels: {100 * accuracy:.1f} % of {len(test)} images")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="vimae-mnist-z8-l", help="zoo.list_models() has names")
    parser.add_argument("--num_train", type=int, default=300, help="labelled images")
    main(**vars(parser.parse_args()))
