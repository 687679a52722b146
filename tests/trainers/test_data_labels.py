"""Labels that an objective, or the names of classes, cannot take: refused before the first step."""

import numpy as np
import pytest
import small_run

import zoo
from trainers import data, loop


def run(folder, labels):
    """Trains with a classifier of three classes on bars of three kinds, whose labels are mapped."""
    config = small_run.config(folder, epochs=1)
    with config.unlocked():
        config.objective = {
            "name": "classified",
            "base": "beta",
            "num_classes": 3,
            "hidden_units": (4,),
        }
    with np.load(folder / "bars.npz") as arrays:
        np.savez(folder / "bars.npz", images=arrays["images"], labels=labels(arrays["labels"]))
    return loop.train_and_evaluate(config, folder / "run", progress=False)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: y + 1, r"3 classes, labels 1, 2, 3, of which outside: 3$"),
        (lambda y: y - 1, r"3 classes, labels -1, 0, 1, of which outside: -1$"),
        (lambda y: 10 * y, r"return_inverse.*labels 0, 10, 20, of which outside: 10, 20$"),
        (lambda y: np.arange(len(y)) % 12, r"num_classes=12 has.*labels 0, 1, 2, 3, ..., 11, of"),
    ],
)
def test_labels_of_no_class_are_named_before_the_first_step(tmp_path, labels, message):
    where = "from 0 to 2, as num_classes=3, in data.name='npz:bars.npz', split 'train'; .*"
    with pytest.raises(ValueError, match=where + message):
        run(tmp_path, labels)
    assert not (tmp_path / "run").exists()


def test_labels_with_gaps_within_the_classes_are_taken():
    objective = zoo.Classified("beta", num_classes=9, hidden_units=(4,))
    assert objective.check_labels(np.array([8, 0, 4]), "gaps") is None
    assert zoo.Beta().check_labels(np.array([-1, 12]), "an objective without labels") is None


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        (np.arange(6) / 2, r"dtype=float64, 6 different labels: 0.0, 0.5, 1.0, 1.5, ..."),
        (np.array(["cat", "dog"] * 3), r"dtype=<U3, 2 different labels: cat, dog"),
        (np.array([True, False] * 3), r"dtype=bool, 2 different labels: False, True"),
    ],
)
def test_labels_that_are_no_integers_are_named(tmp_path, labels, received):
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 4, 4), "uint8"), labels=labels)
    with pytest.raises(ValueError, match=f"numbers their classes from 0. Received: {received}"):
        data.load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize(("labels", "outside"), [([1, 2, 3], [3]), ([-1, 0, 1], [-1])])
def test_labels_without_a_name_are_named(tmp_path, labels, outside):
    images, names = np.zeros((3, 4, 4), "uint8"), np.array(["a", "b", "c"])
    np.savez(tmp_path / "a.npz", images=images, labels=labels, class_names=names)
    message = rf"from 0 to 2 in 'npz:a.npz'.*the 3 class_names. Received: labels \{outside}"
    with pytest.raises(ValueError, match=message.replace("]", r"\]")):
        data.load(f"npz:{tmp_path / 'a.npz'}", "all")
