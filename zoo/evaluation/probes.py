"""Classifiers on codes, which measure the label information: linear, nearest neighbours, SVM."""

import warnings

import numpy as np

from zoo.evaluation.entries import share_stderr

# Enough for the codes of ten thousands of images to converge after standardisation.
MAX_ITERATIONS = 1000
# Neighbours that vote: scikit-learn's default, and odd, so that two classes never tie.
NUM_NEIGHBOURS = 5
# Of the choice of labelled examples, whatever a model's seed, so that all models get the same.
SPLIT_SEED = 17


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
        `accuracy`, its standard error `stderr` (`entries.share_stderr`), `num_examples` M,
        `num_train` N, `num_classes`, and `converged`. If some test examples have a class without
        training examples, also their number `num_unseen` and a `note`: they count as errors.

    Raises:
        ValueError: If codes and labels do not agree in number or size, codes are not finite, or
            labels define no accuracy (`why_no_accuracy`).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_codes, train_labels = _check(train_codes, train_labels, "train")
    test_codes, test_labels = _check(test_codes, test_labels, "test")
    _check_classes(train_labels, test_labels)
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=1.0, max_iter=MAX_ITERATIONS, random_state=seed)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported as `converged`
        probe.fit(train_codes, train_labels)
    return {
        **_score(probe, test_codes, test_labels, train_labels),
        "converged": bool(np.max(probe[-1].n_iter_) < MAX_ITERATIONS),
    }


def knn_probe(train_codes, train_labels, test_codes, test_labels, num_neighbours=NUM_NEIGHBOURS):
    """Returns the test accuracy of a vote of the nearest training codes, all standardised.

    Settings: scikit-learn's `StandardScaler` and `KNeighborsClassifier`, Euclidean distance. Each
    neighbour has one vote. The lower class wins a tie.

    Args: as `linear_probe`, and
        num_neighbours: Neighbours that vote, at most N.

    Returns:
        As `linear_probe`, with `num_neighbours` in place of `converged`.

    Raises:
        ValueError: As `linear_probe`.
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train_codes, train_labels = _check(train_codes, train_labels, "train")
    test_codes, test_labels = _check(test_codes, test_labels, "test")
    _check_classes(train_labels, test_labels)
    num_neighbours = min(num_neighbours, len(train_labels))
    probe = make_pipeline(StandardScaler(), KNeighborsClassifier(num_neighbours))
    probe.fit(train_codes, train_labels)
    accuracy = _score(probe, test_codes, test_labels, train_labels)
    return {**accuracy, "num_neighbours": num_neighbours}


def svm_probe(train_codes, train_labels, test_codes, test_labels, unlabelled_codes=None):
    """Returns the test accuracy of a support vector machine on few labelled codes.

    Settings: scikit-learn's `StandardScaler` and `SVC(C=1.0, kernel="rbf", gamma="scale")`, one
    against one. Inductive, codes are standardised by the labelled ones; transductive, by all
    given codes, without their labels. The papers' "M1+TSVM" is such a machine on codes; they do not
    print its kernel, and unlabelled codes do not move its margin here as they do in a TSVM of
    Joachims, 1999.

    Args:
        train_codes: Labelled codes [N, Z].
        train_labels: [N] classes.
        test_codes: [M, Z].
        test_labels: [M] classes.
        unlabelled_codes: [U, Z], which makes it transductive; the test codes belong in it.

    Returns:
        As `linear_probe`, with `transductive` in place of `converged`; `num_train` is N.

    Raises:
        ValueError: As `linear_probe`.

    Reference:
        `infovae`, Figure 6 (E); `vimae`, section 5.3; Kingma et al., 2014.
    """
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    train_codes, train_labels = _check(train_codes, train_labels, "train")
    test_codes, test_labels = _check(test_codes, test_labels, "test")
    _check_classes(train_labels, test_labels)
    inputs, transductive = train_codes, unlabelled_codes is not None
    if transductive:
        inputs, _ = _check(unlabelled_codes, np.zeros(len(unlabelled_codes)), "unlabelled")
    scaler = StandardScaler().fit(inputs)
    probe = SVC(C=1.0, kernel="rbf", gamma="scale")
    probe.fit(scaler.transform(train_codes), train_labels)
    accuracy = _score(probe, scaler.transform(test_codes), test_labels, train_labels)
    return {**accuracy, "transductive": transductive}


def labelled_subset(labels, number, seed=SPLIT_SEED):
    """Returns which examples keep their label: `number` sorted rows, as even as classes allow.

    Each class has number / K of them or one more (the lower classes, in order), or all that it
    has, its place then taken by others.

    Args:
        labels: [N] classes.
        number: Positive int, at most N.
        seed: Int.

    Returns:
        NumPy int array [number].

    Raises:
        ValueError: If `number` is not in [1, N].
    """
    labels = np.asarray(labels)
    if not 1 <= number <= len(labels):
        raise ValueError(
            f"Expected between 1 and {len(labels)} labelled examples. Received: number={number!r}"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    # The place of each example among those of its class; rows are then taken place by place.
    places, seen = np.empty(len(labels), int), {}
    for row in order:
        places[row] = seen.get(labels[row], 0)
        seen[labels[row]] = places[row] + 1
    return np.sort(np.lexsort((labels, places))[:number])


def few_classes(labels, num_classes=5, train_per_class=60, test_per_class=20, seed=SPLIT_SEED):
    """Returns rows of a small task: a few classes with a few training and test examples each.

    Args:
        labels: [N] classes.
        num_classes: Classes drawn among those with enough examples.
        train_per_class: Training examples of each class.
        test_per_class: Test examples of each class; they are other examples.
        seed: Int.

    Returns:
        Two sorted NumPy int arrays, of training and of test rows.

    Raises:
        ValueError: If too few classes have enough examples.

    Reference:
        `vimae`, section 5.3, Omniglot: 5 characters, 300 for training and 100 for evaluation.
    """
    labels, rng = np.asarray(labels), np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    enough = classes[counts >= train_per_class + test_per_class]
    if len(enough) < num_classes:
        raise ValueError(
            f"Expected {num_classes} classes of at least {train_per_class + test_per_class} "
            f"examples. Received: {len(enough)} such classes of {len(classes)}"
        )
    train, test = [], []
    for label in rng.choice(enough, num_classes, replace=False):
        rows = rng.permutation(np.flatnonzero(labels == label))
        train.append(rows[:train_per_class])
        test.append(rows[train_per_class : train_per_class + test_per_class])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(test))


def why_no_accuracy(train_labels, test_labels):
    """Returns a sentence on why labels define no accuracy of a classifier, or None.

    Args:
        train_labels: [N] classes of the examples that a classifier learns from.
        test_labels: [M] classes of the examples that it is judged on.
    """
    classes = np.unique(train_labels)
    if len(classes) < 2:
        return "left out: the training examples have a single class"
    test_classes = np.unique(test_labels)
    if not np.isin(test_classes, classes).any():
        return (
            f"left out: none of the test examples' classes ({len(test_classes)}) is among those of "
            f"the training examples ({len(classes)})"
        )
    return None


def count_unseen(train_labels, test_labels):
    """Returns how many test examples have a class without training examples, and a note on it.

    Returns:
        `{"num_unseen": int, "note": str}`, or an empty dict if there are none.
    """
    number = int(np.sum(~np.isin(test_labels, train_labels)))
    if not number:
        return {}
    note = f"{number} of {len(test_labels)} test examples have a class without training examples"
    return {"num_unseen": number, "note": note}


def _score(probe, test_codes, test_labels, train_labels):
    accuracy = float(np.mean(probe.predict(test_codes) == test_labels))
    return {
        "accuracy": accuracy,
        "stderr": share_stderr(accuracy, len(test_labels)),
        "num_examples": len(test_labels),
        "num_train": len(train_labels),
        "num_classes": len(np.unique(train_labels)),
        **count_unseen(train_labels, test_labels),
    }


def _check_classes(train_labels, test_labels):
    note = why_no_accuracy(train_labels, test_labels)
    if note:
        raise ValueError(
            "Expected at least two classes of training examples, some of them among the test "
            f"examples' classes. Received: {note.removeprefix('left out: ')}"
        )


def _check(codes, labels, split):
    codes, labels = np.asarray(codes), np.asarray(labels)
    if labels.dtype.kind == "O":  # scikit-learn reads no objects: NumPy finds their common dtype
        labels = np.asarray(labels.tolist())
    if codes.ndim != 2 or labels.shape != codes.shape[:1]:
        raise ValueError(
            f"Expected {split} codes [N, Z] and labels [N]. "
            f"Received: codes of shape {codes.shape}, labels of shape {labels.shape}"
        )
    if not np.all(np.isfinite(codes)):
        bad = np.flatnonzero(~np.isfinite(codes).all(axis=1))
        raise ValueError(
            f"Expected finite {split} codes. Received: {len(bad)} of {len(codes)} not finite, "
            f"the first at example {bad[0]}"
        )
    return codes.astype("float64"), labels
