"""Changes of every file and every field of an artifact are noticed; none runs code."""

import os
import pickle

import fault_counts
import mutations
import numpy as np
import pytest
import tiny_artifact

import zoo
from export import verify
from zoo.storage import files, json_text

FEW = 60
MANY = pytest.param(5_000, marks=[pytest.mark.faults, pytest.mark.slow])


@pytest.fixture(scope="module")
def _canary():
    return fault_counts.Canary()  # an audit hook stays for as long as the process


@pytest.fixture
def canary(_canary):
    """Returns a canary that has counted nothing."""
    _canary.clear()
    return _canary


class Outcomes:
    """What became of changed artifacts: "noticed", "undetected" or "other errors".

    Args:
        check: A function of the artifact's folder that returns whether it passes.
        canary: Counts code that is executed meanwhile.
    """

    def __init__(self, check, canary):
        self.check, self.canary = check, canary
        self.noticed, self.undetected, self.others = 0, [], []

    def add(self, artifact, change):
        """Checks an artifact; the documented errors of `zoo.load` and `verify` notice a change."""
        with self.canary:
            try:
                is_passed = self.check(artifact)
            except (ValueError, FileNotFoundError) as error:
                assert str(error)
                is_passed = False
            except Exception as error:
                self.others.append((change, error))
                return
        if is_passed:
            self.undetected.append(change)
        else:
            self.noticed += 1

    def count(self, faults, kind, **more):
        """Adds all to the counts of faults, then fails where one is not as promised."""
        faults.add(
            kind,
            injected=self.noticed + len(self.undetected) + len(self.others),
            undetected=len(self.undetected),
            **{"other errors": len(self.others), "code executed": self.canary.total()},
            **more,
        )
        assert not self.undetected and not self.others and not self.canary


def _verified(artifact):
    return verify.verify(artifact).ok


def _loaded(artifact):
    """Returns whether all of an artifact loads and no change of it was noticed."""
    zoo.load(artifact)
    zoo.load_encoder(artifact)
    zoo.load_decoder(artifact)
    return True


def _damage(content, others, rng):
    """Returns other bytes than `content`, changed in one of six ways."""
    while (damaged := _damaged(content, others, rng)) == content:
        pass
    return damaged


def _damaged(content, others, rng):
    kind = rng.choice(["flip", "cut", "append", "zero", "swap", "byte"])
    at = int(rng.integers(len(content)))
    damaged = bytearray(content)
    if kind == "flip":
        damaged[at] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del damaged[at:]
    elif kind == "append":
        damaged += rng.integers(0, 256, int(rng.integers(1, 64)), np.uint8).tobytes()
    elif kind == "zero":
        damaged[at : at + 16] = bytes(len(damaged[at : at + 16]))
    elif kind == "swap":
        damaged = bytearray(others[rng.integers(len(others))])
    else:
        damaged[at] = int(rng.integers(256))
    return bytes(damaged)


def _change_files(artifact, names, number, outcomes, rng):
    """Changes `number` files, one at a time and each name in its turn, and puts them back."""
    contents = tiny_artifact.content(artifact)
    for i in range(number):
        name = names[i % len(names)]
        damaged = _damage(contents[name], list(contents.values()), rng)
        (artifact / name).write_bytes(damaged)
        outcomes.add(artifact, (name, damaged))
        (artifact / name).write_bytes(contents[name])


@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_change_of_a_file_is_noticed(tmp_path, count, faults, canary):
    artifact, rng = tiny_artifact.copy_to(tmp_path), np.random.default_rng(faults.seed)
    names, outcomes = sorted(tiny_artifact.content(artifact)), Outcomes(_verified, canary)
    _change_files(artifact, names, faults.number(count, count != FEW), outcomes, rng)
    assert verify.verify(artifact).ok
    outcomes.count(faults, "mutations of files, verified", files=len(names))


@pytest.mark.parametrize("count", [FEW // 3, pytest.param(500, marks=MANY.marks)])
def test_every_change_of_what_is_loaded_is_noticed(tmp_path, count, faults, canary):
    artifact, rng = tiny_artifact.copy_to(tmp_path), np.random.default_rng(faults.seed)
    names = ["card.json", "decoder.onnx", "encoder.onnx", "model.weights.h5"]
    outcomes = Outcomes(_loaded, canary)
    number = faults.number(count, count > FEW)
    _change_files(artifact, names, number, outcomes, rng)
    assert _loaded(artifact)
    outcomes.count(faults, "mutations of files, loaded", files=len(names))


@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_change_of_a_card_is_noticed(tmp_path, count, faults, canary):
    artifact, rng = tiny_artifact.copy_to(tmp_path), np.random.default_rng(faults.seed)
    card = files.read_json(artifact / "card.json")
    places, outcomes = list(mutations.places(card)), Outcomes(_verified, canary)
    number = faults.number(count, count != FEW)
    for i in range(number):  # the long run reaches every field many times
        place = places[i % len(places)] if count != FEW else places[rng.integers(len(places))]
        changed = json_text.render(mutations.mutate(card, place, rng))
        (artifact / "card.json").write_text(changed)
        outcomes.add(artifact, (place, changed))
    outcomes.count(faults, "mutations of card fields, verified", fields=min(number, len(places)))


@pytest.mark.parametrize(
    "run", [lambda: os.system("true"), lambda: pickle.loads(pickle.dumps(np.float32(1)))]
)
def test_the_canary_counts_code_that_is_executed(canary, run):
    run()
    assert not canary  # it does not watch
    with canary:
        run()
    assert canary.total()
