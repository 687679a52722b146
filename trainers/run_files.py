"""Reads the JSON files of a run strictly: `config.json`, `evaluation.json`, `meta.json`."""

from pathlib import Path

from zoo.releases.card_keys import METRICS
from zoo.storage import files, json_text, schema
from zoo.storage.schema import COUNT, NUMBER, SHA256, SIZE, Keys, Rule

CONFIG, EVALUATION, META = "config.json", "evaluation.json", "meta.json"

_NAMED = Keys({"name": str})
_SHAPE = Rule(
    "[H, W, C], positive ints",
    lambda v: isinstance(v, list) and len(v) == 3 and all(map(SIZE.test, v)),
)
CONFIG_KEYS = Keys(
    {
        "config": Keys(
            {
                **dict.fromkeys(("encoder", "decoder", "marginal", "objective", "data"), _NAMED),
                "train": dict,
                "evaluation": dict,
                "latent_dim": SIZE,
                "seed": int,
            },
            {"cut": str, "paper_run": dict},
        ),
        "image_shape": _SHAPE,
        "command": str,
        "hardware": str,
        "versions": {str: str},
    },
    {
        "num_examples": {str: COUNT},
        "fingerprint": {str: dict},
        "is_limited": bool,
        "terms": {str: Keys({"unit": str, "text": str, "per": str})},
    },
)
EVALUATION_KEYS = Keys(
    {"metrics": METRICS, "step": COUNT, "split": str, "num_examples": COUNT},
    {
        "data": dict,
        "seed": int,
        "epochs": float,
        "seconds": NUMBER,
        "command": str,
        "hardware": str,
        "versions": {str: str},
        "unfinished": Keys({"settings": str, "measured": [str]}),
    },
)
# What evaluating a released model reads of its card.
RELEASED_KEYS = Keys(
    {
        "run_config": Keys(
            {
                "data": _NAMED,
                "evaluation": Keys({"metrics": [str], "num_samples": SIZE, "nll_examples": COUNT}),
                "seed": int,
            }
        ),
        "step": COUNT,
    }
)


def _is_value(value):
    """Returns whether a value of the history is a number, or the text of one that JSON lacks."""
    return type(value) in (int, float) or value in ("inf", "-inf", "nan")


META_KEYS = Keys(
    {
        "step": COUNT,
        "history": [{str: Rule("a number, 'inf', '-inf' or 'nan'", _is_value)}],
        "sha256": {str: SHA256},
    },
    {
        "seconds": Rule("a number of at least 0", lambda v: type(v) in (int, float) and v >= 0),
        json_text.SEAL: SHA256,
    },
)


def read_config(folder):
    """Returns the content of a run's `config.json`.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is not JSON, or a key is absent or holds something else; names both.
    """
    return _read(Path(folder) / CONFIG, CONFIG_KEYS)


def read_evaluation(folder):
    """Returns the content of a run's `evaluation.json`, or None where there is none.

    Raises:
        ValueError: As `read_config`.
    """
    path = Path(folder) / EVALUATION
    return _read(path, EVALUATION_KEYS) if path.is_file() else None


def read_meta(folder, required):
    """Returns the content of a checkpoint's `meta.json`.

    Args:
        folder: The checkpoint's folder, `step-XXXXXXXX`.
        required: Names of files that must have a hash there.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: As `read_config`; and if its content is not what its own hash says, a file has
            no hash, or the step is not the folder's.
    """
    path = Path(folder) / META
    meta = _read(path, META_KEYS)
    # Earlier versions wrote no hash of the content, and these keys alone.
    unknown = sorted(set(meta) - {*META_KEYS.required, *META_KEYS.optional})
    if json_text.SEAL not in meta and unknown:
        raise ValueError(f"Expected {json_text.SEAL} in {path}. Received: {unknown[0]!r}")
    json_text.check_seal(meta, path)
    missing = [name for name in required if name not in meta["sha256"]]
    if missing:
        raise ValueError(
            f"Expected the hashes of {list(required)} in {path}. "
            f"Received: sha256={schema.shortened(meta['sha256'])}"
        )
    if Path(folder).name.split("-")[1:2] != [f"{meta['step']:08d}"]:
        raise ValueError(f"Expected the step of {folder} in {path}. Received: step={meta['step']}")
    return meta


def _read(path, keys):
    value = files.read_json(path)
    schema.check(value, keys, path)
    return value
