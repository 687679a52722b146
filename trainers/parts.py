"""The four parts in a config: their arguments with defaults, and the swap of a part for another.

`config.encoder.name = "dcgan"`, `config.update({"encoder": {"name": "dcgan", "width": 0.5}})` and
the flag `--config.encoder.name=dcgan` do the same, in a complete config; see `swapped`.
"""

import contextlib
import inspect

from ml_collections import ConfigDict

# Arguments of parts that are a word or a number.
WORD_OR_NUMBER = ("scale", "bandwidth")
# Arguments that come from another key of the config, or from the data.
_FROM_ELSEWHERE = ("latent_dim", "image_shape", "seed")


class Anything:
    """The type of a key that takes values of several types: a Python literal, or else a word."""


class OpenConfig(ConfigDict):
    """A `ConfigDict` some of whose keys take values of several types."""

    def takes_any(self, key):
        """Returns whether `key` takes a value of any type."""
        return key == "image_size"  # a side, or a height and a width

    def get_type(self, key):
        """Returns the type that a flag's value is read as."""
        present = super().get_type(key)
        return Anything if self.takes_any(key) else present

    def __setitem__(self, key, value):
        present = self.get(key)
        if isinstance(present, PartConfig) and not isinstance(value, PartConfig):
            value = part_config(plain(value), present.registry())
        if key in self and self.takes_any(key):
            with self.ignore_type():
                super().__setitem__(key, value)
        else:
            super().__setitem__(key, value)


class PartConfig(OpenConfig):
    """A part, `{"name": ..., **arguments}`: another name brings its own arguments."""

    _kind = ""  # of its registry: "encoder"

    def takes_any(self, key):
        """Returns whether `key` takes a value of any type."""
        return key in WORD_OR_NUMBER or self[key] is None

    def __setitem__(self, key, value):
        if key == "name" and value != self.get("name", value):
            self._swap(value)
        else:
            super().__setitem__(key, value)

    def registry(self):
        """Returns the `zoo.registry.Registry` of the part's name."""
        return _registries()[self._kind]

    def _swap(self, name):
        registry = self.registry()
        spec = swapped(plain(self), name, registry)
        with self.unlocked():
            for key in self.keys():
                del self[key]
            _fill(self, spec, registry)

    def update(self, *other, **kwargs):
        """Updates as `ConfigDict.update` does, the name first: the others are its arguments."""
        values = dict(kwargs)
        for spec in other:  # at most one: a part's name, or its arguments
            values = {**({"name": spec} if isinstance(spec, str) else dict(spec)), **kwargs}
        if "name" in values:
            self["name"] = values["name"]
        super().update(values)

    def update_from_flattened_dict(self, flattened_dict, strip_prefix=""):
        """Updates as `ConfigDict.update_from_flattened_dict` does, the name first."""
        key = f"{strip_prefix}name"
        if key in flattened_dict:
            self["name"] = flattened_dict[key]
        super().update_from_flattened_dict(flattened_dict, strip_prefix)


_CLASSES = {
    kind: type(f"{kind.capitalize()}Config", (PartConfig,), {"_kind": kind})
    for kind in ("encoder", "decoder", "likelihood", "marginal", "objective", "divergence")
}


def part_config(spec, registry):
    """Returns a `PartConfig` of a part, with all its arguments and those of the parts in it.

    Args:
        spec: The part's name, or `{"name": ..., **arguments}`.
        registry: The `zoo.registry.Registry` that knows the name.
    """
    return _fill(_CLASSES[registry.kind](), with_defaults(spec, registry), registry)


def _fill(config, spec, registry):
    """Puts the arguments of a complete `spec` into an empty, unlocked `PartConfig`."""
    inner = _inner(registry)
    for key, value in spec.items():
        is_part = key in inner and isinstance(value, dict)
        config[key] = part_config(value, inner[key]) if is_part else with_tuples(value)
    return config


def swapped(spec, name, registry):
    """Returns the part that takes the place of another, complete.

    The new part has its own defaults. What the config set to another value than the old part's
    default stays, where the new part has an argument of that name.

    Args:
        spec: The old part, `{"name": ..., **arguments}`.
        name: The new part's name.
        registry: The `zoo.registry.Registry` of both.

    Raises:
        ValueError: If `name` is unknown; the nearest name is offered.
    """
    new = with_defaults(name, registry)
    old = with_tuples(with_defaults(spec["name"], registry))
    stays = {
        key: value
        for key, value in with_tuples(spec).items()
        if key != "name" and key in new and not (key in old and value == old[key])
    }
    return with_defaults({"name": name, **stays}, registry)


def with_defaults(spec, registry):
    """Returns a part as a dict with all its arguments; None stands for one that must be set."""
    spec = {"name": spec} if isinstance(spec, str) else spec
    defaults = {
        p.name: None if p.default is p.empty else p.default
        for p in _parameters(registry.get(spec["name"]))
    }
    spec = {**defaults, **spec}
    for key, value in spec.items():
        # A flag of a number that happens to be whole takes other numbers too.
        if isinstance(defaults.get(key), float) and type(value) is int:
            spec[key] = float(value)
    for key, inner in _inner(registry).items():
        if key in spec:
            spec[key] = with_defaults(spec[key], inner)
    return spec


def _parameters(cls):
    """Returns the parameters of a part's constructor that a config gives."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return [
        p
        for p in parameters
        if p.name not in ("self", *_FROM_ELSEWHERE) and p.kind is not p.VAR_KEYWORD
    ]


def rooms():
    """Returns `{"encoder": registry, ...}` of the four rooms, with all parts registered."""
    import zoo

    zoo.load_parts()
    from zoo.vae import ROOMS

    return ROOMS


def _inner(registry):
    """Returns the registries of arguments that are parts themselves."""
    from zoo.registry import DIVERGENCES, LIKELIHOODS

    return {"likelihood": LIKELIHOODS, "base": registry, "divergence": DIVERGENCES}


def _registries():
    inner = _inner(None)
    return {**rooms(), "likelihood": inner["likelihood"], "divergence": inner["divergence"]}


def model_config(config, image_shape):
    """Returns the mapping for `zoo.build`: the four rooms with sizes and seed put in.

    Args:
        config: A run's config.
        image_shape: (H, W, C) of its data.
    """
    specs = {room: with_numbers(plain(config[room])) for room in rooms()}
    for room in ("encoder", "decoder", "marginal"):
        specs[room]["latent_dim"] = config["latent_dim"]
    specs["decoder"]["image_shape"] = list(image_shape)
    for room, registry in rooms().items():
        cls = registry.get(specs[room]["name"])
        _check_set(specs[room], room, registry)
        if "seed" in cls.argument_names():
            specs[room]["seed"] = config["seed"]
    return specs


def _check_set(spec, path, registry):
    """Raises ValueError if an argument without a default is None."""
    for parameter in _parameters(registry.get(spec["name"])):
        if parameter.default is parameter.empty and spec.get(parameter.name) is None:
            key = f"{path}.{parameter.name}"
            raise ValueError(
                f"Expected a value of `{key}`, which {spec['name']!r} has no default for: "
                f"--config.{key}=VALUE. Received: {key}=None"
            )
    for key, inner in _inner(registry).items():
        if isinstance(spec.get(key), dict):
            _check_set(spec[key], f"{path}.{key}", inner)


def with_numbers(spec):
    """Returns a part's arguments, those that are a word or a number as numbers where they are.

    Runs of earlier versions kept a number of such an argument as text.
    """
    result = {}
    for key, value in spec.items():
        if isinstance(value, dict):
            value = with_numbers(value)
        elif key in WORD_OR_NUMBER and isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = float(value)
        result[key] = value
    return result


def plain(value):
    """Returns a config as nested dicts and lists, as JSON keeps it."""
    if hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def flat(config, prefix=""):
    """Returns `{"data.name": "digits", ...}`."""
    result = {}
    for key, value in plain(config).items():
        if isinstance(value, dict):
            result.update(flat(value, f"{prefix}{key}."))
        else:
            result[f"{prefix}{key}"] = value
    return result


def settings(config):
    """Returns `{"data.name": "digits", ...}` as `flat` does, without keys that are empty."""
    return {key: value for key, value in flat(config).items() if value not in ("", {}, None)}


def with_tuples(value):
    """Returns lists as tuples, which a flag can set: `--config.encoder.hidden_units="(5, 5)"`."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, (list, tuple)) else value
