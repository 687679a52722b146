"""How a run differs from its paper's run: a list of `Cut`, computed from the finished config.

A config keeps in `paper_run` the values that the paper's run has for the keys that count. The
differences are computed from it, and turned into text, here alone.
"""

import dataclasses
import fractions
import re

from trainers.parts import flat, plain

# The keys that count, and the rooms whose parts do, in the order of the text. Other keys are the
# paper's own axes (the seed, the latents, the objective's weights), or say how a run is watched,
# saved and evaluated.
ROOMS = ("encoder", "decoder", "marginal", "objective")
ORDER = (
    "train.epochs",
    *("data.name", "data.binarisation", "data.image_size", "data.channels"),
    *("data.crop", "data.fit", "data.rotations", "data.flips", "data.shifts"),
    *("data.train_split", "data.limit", "train.batch_size"),
    *("optimizer.name", "optimizer.learning_rate", "optimizer.beta_1", "optimizer.beta_2"),
    *("optimizer.epsilon", "optimizer.schedule", "optimizer.constant_share"),
    *ROOMS,
    *("data.pixel_scale", "data.test_split", "data.test_limit", "train.dtype_policy"),
)
# Arguments of parts that count: which part it is, and how large its networks are.
SIZES = (
    *("name", "width", "depth", "filters", "kernel_size", "hidden_units"),
    *("num_resnets", "num_flows", "num_pseudo_inputs"),
)
# What a run without a paper is compared with.
WHOLE = {"data.limit": 0, "train.dtype_policy": "float32"}
_LABELS = {
    "train.batch_size": "batches of",
    "optimizer.learning_rate": "a learning rate of",
    "data.train_split": "trained on",
    "data.test_split": "tested on",
}
_SIZES = {"num_resnets": "residual layers", "num_pseudo_inputs": "pseudo-inputs"}


@dataclasses.dataclass(frozen=True)
class Cut:
    """A difference of a run from its paper's run.

    Args:
        key: The key of the config, "train.epochs".
        ours: The run's value.
        papers: The paper's value.
    """

    key: str
    ours: object
    papers: object


def counts(key):
    """Returns whether a run with another value of `key` is not the paper's run."""
    words = key.split(".")
    return words[-1] in SIZES if words[0] in ROOMS else key in ORDER


def reference(config):
    """Returns dict key -> value of a config's keys that count."""
    return {key: value for key, value in flat(config).items() if counts(key)}


def nested(values):
    """Returns `{"train": {"epochs": 3}}` of `{"train.epochs": 3}`."""
    result = {}
    for key, value in values.items():
        *path, last = key.split(".")
        inner = result
        for word in path:
            inner = inner.setdefault(word, {})
        inner[last] = value
    return result


def differences(config):
    """Returns the `Cut`s of a finished config, in the order of their text.

    Sizes of a part that was swapped for another are not compared.

    Args:
        config: A ConfigDict, or the `config` of a run's `config.json`.
    """
    papers = {**WHOLE, **reference(config.get("paper_run", {}))}
    ours = flat(config)
    result = []
    for key in sorted(papers, key=_place):
        if key not in ours or _is_swapped(key, ours, papers):
            continue
        value, paper = plain(ours[key]), plain(papers[key])
        if value != paper and not (key in ("data.limit", "data.test_limit") and not value):
            result.append(Cut(key, value, paper))
    return result


def _is_swapped(key, ours, papers):
    """Returns whether a key is of a part that the run has another part in the place of."""
    words = key.split(".")
    if words[0] not in ROOMS:
        return False
    names = [".".join([*words[:i], "name"]) for i in range(1, len(words))]
    return any(name != key and name in papers and ours.get(name) != papers[name] for name in names)


def _place(key):
    """Returns where a key's difference stands in the text."""
    room = key.split(".")[0]
    return ORDER.index(room if room in ROOMS else key), key


def phrases(origin):
    """Returns how a run differs from its paper's, each difference in words.

    Args:
        origin: What the run's `config.json` holds, or `{"config": config}`. A run of an earlier
            version has no `paper_run`: it keeps its text in `cut`.

    Returns:
        A tuple of str, such as `("15 of 200 epochs", "trained in bfloat16")`.
    """
    config = origin["config"]
    own = config.get("cut", "")
    cuts = differences(config)
    if not origin.get("is_limited", True):  # the data has no more examples than the limit
        cuts = [cut for cut in cuts if cut.key != "data.limit"]
    if "paper_run" not in config:
        policy = config.get("train", {}).get("dtype_policy", "")
        if policy.removeprefix("mixed_") in own:
            cuts = [cut for cut in cuts if cut.key != "train.dtype_policy"]
    parts = {}
    for cut in cuts:  # parts with the same difference share its words
        room, _, last = cut.key.rpartition(".")
        same = (last, str(cut.ours), str(cut.papers)) if _is_size(cut) else cut.key
        parts.setdefault(same, []).append(_words(room))
    texts = dict.fromkeys(_text(cut, parts, origin) for cut in cuts)
    return tuple(filter(None, (own, *texts)))


def text(*groups):
    """Returns the phrases of one or several runs as one text, each phrase once.

        text(("2 of 80 epochs", "trained in bfloat16"), ("2 of 80 epochs",))

    Args:
        *groups: Tuples of phrases, from `phrases`.
    """
    return "; ".join(dict.fromkeys(phrase for group in groups for phrase in group if phrase))


def _words(key):
    """Returns "decoder likelihood" of "decoder.base.likelihood"."""
    return key.replace(".base", "").replace(".", " ")


def _is_size(cut):
    return cut.key.split(".")[0] in ROOMS and not cut.key.endswith(".name")


def _text(cut, parts, origin):
    """Returns the words of one difference."""
    if cut.key == "train.epochs":
        if _is_less(cut):
            return f"{cut.ours:,} of {cut.papers:,} epochs"
        return f"{cut.ours:,} epochs instead of {_shown(cut.papers)}"
    if cut.key == "data.limit":
        return _limit(cut, origin)
    if cut.key == "data.test_limit":
        return f"tested on {cut.ours:,} images alone"
    if cut.key == "train.dtype_policy":
        return f"trained in {cut.ours.removeprefix('mixed_')}"
    if _is_size(cut):
        return _size(cut, parts)
    label = _LABELS.get(cut.key) or _words(cut.key.removesuffix(".name"))
    instead = "" if cut.papers in ("", 0) else f" instead of {_shown(cut.papers)}"
    return f"{label} {_shown(cut.ours) or 'the data as it is'}{instead}"


def _limit(cut, origin):
    if cut.papers:
        return f"{cut.ours:,} of {_shown(cut.papers)} training images"
    # Runs of earlier versions took the first examples and noted no rule.
    if origin.get("limit_rule", "first" if "command" in origin else "drawn") == "drawn":
        return f"{cut.ours:,} drawn training examples alone"
    return f"the first {cut.ours:,} training examples alone"


def _size(cut, parts):
    last = cut.key.rpartition(".")[2]
    rooms = list(dict.fromkeys(parts[last, str(cut.ours), str(cut.papers)]))
    name = " and ".join(filter(None, [", ".join(rooms[:-1]), rooms[-1]]))
    if last == "width" and _is_less(cut):
        share = fractions.Fraction(cut.ours / cut.papers).limit_denominator(1000)
        return f"{name} of {share} of {'its' if len(rooms) == 1 else 'their'} width"
    word = _SIZES.get(last) or last.removeprefix("num_").replace("_", " ")
    return f"{name} with {word} {_shown(cut.ours)} instead of {_shown(cut.papers)}"


def _is_less(cut):
    return all(type(v) in (int, float) for v in (cut.ours, cut.papers)) and cut.ours < cut.papers


def _shown(value):
    """Returns a value as text; of data in a folder the last name, and no place of this machine."""
    if isinstance(value, str) and re.match(r"\w+:.*/", value):
        kind, _, path = value.partition(":")
        return f"{kind}:{path.rstrip('/').rpartition('/')[2]}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if type(value) is int else str(value)
