"""Changes of every file and every field of an artifact are noticed; none runs code."""

import fault_counts
import mutations
import numpy as np
import pytest
import tiny_artifact

from export import verify
from zoo.storage import files, json_text

FEW = 60
MANY = pytest.param(5_000, marks=pytest.mark.faults)


def _check(artifact, canary):
    """Returns how `verify` answers: "noticed" or "passed"; other errors than documented escape."""
    with canary:
        try:
            return "passed" if verify.verify(artifact).ok else "noticed"
        except (ValueError, FileNotFoundError) as error:
            assert str(error)
            return "noticed"


def _damage(content, others, rng):
    """Returns other bytes than `content`, changed in one of six ways, and the way's name."""
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


@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_change_of_a_file_is_noticed(tmp_path, count, faults):
    artifact, rng = tiny_artifact.copy_to(tmp_path), np.random.default_rng(faults.seed)
    contents = tiny_artifact.content(artifact)
    canary, names = fault_counts.Canary(), sorted(contents)
    number = faults.number(count, count != FEW)
    same, passed = 0, []
    for i in range(number):
        name = names[i % len(names)]
        damaged = _damage(contents[name], list(contents.values()), rng)
        (artifact / name).write_bytes(damaged)
        same += damaged == contents[name]
        if _check(artifact, canary) == "passed" and damaged != contents[name]:
            passed.append((name, damaged))
        (artifact / name).write_bytes(contents[name])
    faults.add(
        "mutations of files",
        injected=number - same,
        unchanged=same,
        undetected=len(passed),
        **{"code executed": canary.total()},
    )
    assert passed == [] and not canary
    assert verify.verify(artifact).ok


@pytest.mark.parametrize("count", [FEW, MANY])
def test_every_change_of_a_card_is_noticed(tmp_path, count, faults):
    artifact, rng = tiny_artifact.copy_to(tmp_path), np.random.default_rng(faults.seed)
    card = files.read_json(artifact / "card.json")
    places, canary, passed = list(mutations.places(card)), fault_counts.Canary(), []
    number = faults.number(count, count != FEW)
    for i in range(number):  # the long run reaches every field many times
        place = places[i % len(places)] if count != FEW else places[rng.integers(len(places))]
        changed = json_text.render(mutations.mutate(card, place, rng))
        (artifact / "card.json").write_text(changed)
        if _check(artifact, canary) == "passed":
            passed.append((place, changed))
    faults.add(
        "mutations of card fields",
        injected=number,
        fields=min(number, len(places)),
        undetected=len(passed),
        **{"code executed": canary.total()},
    )
    assert passed == [] and not canary
