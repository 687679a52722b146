"""How much of a label a simple classifier reads from the codes."""

import warnings

import numpy as np

# Enough for the codes of ten thousands of images to converge after standardisation.
MAX_ITERATIONS = 1000


def linear_probe(train_codes, train_labels, test_codes, test_labels, seed=17):
    """Returns the test accuracy of multinomial logistic regression on standardised codes.

    Settings: scikit-learn's `StandardScaler` and `LogisticRegression(C=1.0, solver="lbfgs",
    max_iter=1000)`, an L2 penalty of weight 1 on the summed loss.

    Args:
        train_codes: [N, Z].
        train_labels: [N] classes.
        test_codes: [M, Z].
        test_labels: [M] classes.
        seed: Int, the classifier's `random_state`.

    Returns:
        `accuracy`, its binomial standard error `stderr` = sqrt(a (1 - a) / M), `num_examples` M,
        `num_train` N, `num_classes`, and `converged`.

    Raises:
        ValueError: If codes and labels do not agree in number or size, codes are not finite, or
            there are fewer than two classes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_codes, train_labels = _check(train_codes, train_labels, "train")
    test_codes, test_labels = _check(test_codes, test_labels, "test")
    classes = np.unique(train_labels)
    if len(classes) < 2:
        raise ValueError(f"Expected at least two classes to tell apart. Received: {classes}")
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=1.0, max_iter=MAX_ITERATIONS, random_state=seed)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported as `converged`
        probe.fit(train_codes, train_labels)
    accuracy = float(np.mean(probe.predict(test_codes) == test_labels))
    return {
        "accuracy": accuracy,
        "stderr": float(np.sqrt(accuracy * (1.0 - accuracy) / len(test_labels))),
        "num_examples": len(test_labels),
        "num_train": len(train_labels),
        "num_classes": len(classes),
        "converged": bool(np.max(probe[-1].n_iter_) < MAX_ITERATIONS),
    }


def _check(codes, labels, what):
    codes, labels = np.asarray(codes), np.asarray(labels)
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise ValueError(
            f"Expected {what} codes [N, Z] and labels [N]. "
            f"Received: codes of shape {codes.shape}, labels of shape {labels.shape}"
        )
    if not np.all(np.isfinite(codes)):
        bad = np.flatnonzero(~np.isfinite(codes).all(axis=1))
        raise ValueError(
            f"Expected finite {what} codes. Received: {len(bad)} of {len(codes)} not finite, "
            f"the first at example {bad[0]}"
        )
    return codes.astype("float64"), labels
