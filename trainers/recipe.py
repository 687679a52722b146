"""Declares a paper's runs in a config file: families, scales, and values of the paper's run."""

import dataclasses
from collections.abc import Callable, Mapping

from ml_collections import ConfigDict

from trainers import cuts, settings
from trainers.config import TINY, complete, default_config
from zoo.registry import nearest

Change = Mapping | Callable
FAMILY, SCALE = "family", "scale"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The function `get_config` of a config file.

        get_config = Recipe("infovae", base=base, families=FAMILIES, scales=SCALES)
        get_config("mmd,tiny", ["--config.latent_dim=2"])

    A change of a config is a function that sets its keys, or a mapping such as
    `{"train.epochs": 3, "encoder": {"name": "dcgan"}}`. A config is made in this order: the base,
    the family and other options, the user's flags, what is derived, the scale. A flag wins over
    what a scale sets, and what a scale derives follows the flag. `config.paper_run` keeps the
    values of the paper's run, from which `trainers.cuts` computes how the run differs from it.

    Args:
        paper: The paper's name, "" for none.
        base: What all families share: a change, or a tuple of changes.
        families: dict name -> change; the first is the default.
        options: dict kind -> dict word -> change, of other choices than the family. The first word
            of each kind is the default.
        derived: dict key -> function of the config that returns its value: what follows from the
            data and the options. It is computed after the user's flags, and sets no key that a
            flag sets. A part without such an argument is left as it is.
        scales: dict name -> mapping, or function of the config that returns a mapping. The full
            scale is the one without a name. `tiny` is always there; what is given for it comes on
            top of `trainers.config.TINY`.
        paper_run: A mapping, or a function of the config with the user's flags that returns one:
            what the paper's run has where this project's full scale has something else. A value
            may be words.
        axes: Keys that the paper itself varies. Another value that a flag sets is no difference
            from the paper's run.

    Raises:
        ValueError: When called, if an option, a key or a part is unknown; offers the nearest.
    """

    paper: str = ""
    base: Change | tuple = ()
    families: Mapping = dataclasses.field(default_factory=dict)
    options: Mapping = dataclasses.field(default_factory=dict)
    derived: Mapping = dataclasses.field(default_factory=dict)
    scales: Mapping = dataclasses.field(default_factory=dict)
    paper_run: Change = dataclasses.field(default_factory=dict)
    axes: tuple = ()

    def __call__(self, options: str = "", flags: list | tuple = ()) -> ConfigDict:
        """Returns the finished config, locked.

        Args:
            options: A family, a scale and other options, in any order, with commas between them.
            flags: Arguments `--config.key=value`, as on a command line.
        """
        chosen = self._chosen(options, flags)
        config = self._full(chosen)
        full = cuts.reference(config)
        fixed = settings.set_flags(config, flags)
        settings.set_values(config, self.derived, fixed, lenient=True)
        reference = cuts.reference(config)
        declared = self.paper_run(config) if callable(self.paper_run) else dict(self.paper_run)
        for scale in self._scale(chosen[SCALE]):
            values = scale(config) if callable(scale) else scale
            settings.set_values(config, values, fixed, lenient=True)
        if self.paper:
            varied = {key: reference[key] for key in self.axes if key in reference}
            papers = {**full, **varied, **declared, **{k: varied[k] for k in varied if k in fixed}}
        else:  # a flag is no difference from a run that nobody published
            after = cuts.reference(config)
            papers = {k: v for k, v in reference.items() if k in after and after[k] != v}
        config.paper_run = cuts.nested(papers)
        return config.lock()

    def on(self, **values) -> "Recipe":
        """Returns the same recipe on other data: `get_config.on(name="fashion_mnist")`.

        Args:
            **values: Keys of `config.data`.
        """
        base = self.base if isinstance(self.base, tuple) else (self.base,)
        data = {f"data.{key}": value for key, value in values.items()}
        return dataclasses.replace(self, base=(*base, data))

    def kinds(self) -> dict:
        """Returns dict kind -> its options, the default first."""
        scales = ("", "tiny", *(name for name in self.scales if name != "tiny"))
        families = {FAMILY: tuple(self.families)} if self.families else {}
        options = {kind: tuple(words) for kind, words in self.options.items()}
        return {**families, **options, SCALE: scales}

    def _chosen(self, options, flags):
        """Returns dict kind -> option, of the colon's options and the flag `--config.family`."""
        chosen = parse_options(options, self.kinds())
        family = dict(settings.pairs(flags)).get(FAMILY)
        if self.families and family is not None:
            if family not in self.families:
                raise ValueError(
                    f"Expected a family among {list(self.families)}. "
                    f"Received: --config.family={family}.{nearest(family, self.families)}"
                )
            if chosen.get(FAMILY, family) != family:
                raise ValueError(
                    f"Expected one family. Received: {chosen[FAMILY]!r} and "
                    f"--config.family={family}"
                )
            chosen[FAMILY] = family
        return {kind: chosen.get(kind, names[0]) for kind, names in self.kinds().items()}

    def _full(self, chosen):
        """Returns the complete config at full scale, without flags."""
        config = complete(default_config())
        config.paper = self.paper
        if self.families:
            with config.unlocked():
                config.family = chosen[FAMILY]
        base = self.base if isinstance(self.base, tuple) else (self.base,)
        changes = [*base, self.families.get(chosen.get(FAMILY), {})]
        changes += [choices[chosen[kind]] for kind, choices in self.options.items()]
        for change in changes:
            if callable(change):
                change(config)
            else:
                settings.set_values(config, change)
        return config

    def _scale(self, name):
        """Returns the changes of a scale, in their order."""
        first = [TINY] if name == "tiny" else []
        return first + [self.scales[name]] if name in self.scales else first


def same_as(key: str) -> Callable:
    """Returns a value for a scale: that of another key.

        {"train.epochs": 4, "train.checkpoint_every": same_as("train.epochs")}

    Args:
        key: A key with one dot, "train.epochs".
    """
    room, name = key.split(".")
    return lambda config: config[room][name]


def parse_options(text: str, kinds: Mapping) -> dict:
    """Returns dict kind -> option of the kinds that `text` has an option of.

        parse_options("mmd,tiny", {"family": ("elbo", "mmd"), "scale": ("", "tiny")})

    Args:
        text: Options with commas between them, in any order.
        kinds: dict kind -> its options.

    Raises:
        ValueError: If an option is of no kind, or there are two of a kind.
    """
    chosen = {}
    for word in filter(None, text.split(",")):
        kind = next((kind for kind, words in kinds.items() if word in words), None)
        if kind is None:
            every = [word for words in kinds.values() for word in words]
            valid = "; ".join(f"{kind} {[w for w in ws if w]}" for kind, ws in kinds.items())
            raise ValueError(
                f"Expected options of these kinds: {valid}. "
                f"Received: {word!r}.{nearest(word, every)}"
            )
        if kind in chosen:
            raise ValueError(f"Expected one {kind}. Received: {chosen[kind]!r} and {word!r}")
        chosen[kind] = word
    return chosen
