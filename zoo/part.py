"""The common root of encoders, decoders, likelihoods, marginals and objectives."""

import inspect
from typing import Any

import keras


class Part(keras.layers.Layer):
    """A Keras layer whose constructor arguments are its attributes, under the same names.

    That rule gives `get_config` for all parts at once, so a part can be saved, loaded and named
    in a config without writing any of it again. An argument may be another part, or a list or dict
    of parts. What a subclass hands on by `**kwargs` is saved too; to be named in a config it must
    be an argument of its own.

    A part that `adapts` has a weight that no gradient learns: `adapt` estimates it over the
    training set after training. See `zoo.VAE.adapt`.
    """

    adapts = False

    def __new__(cls, *arguments, **keywords):
        part = super().__new__(cls, *arguments, **keywords)
        # No attributes for Keras to track.
        object.__setattr__(part, "_given", tuple(keywords))
        object.__setattr__(part, "_estimates", [])  # each `Estimate` adds itself
        return part

    def adapt(self, images, model=None, seed=17):
        """Sets from `images` what no gradient learns. Nothing to do for most parts.

        Args:
            images: Images [N, H, W, C], or a data set with `float_images`.
            model: The `zoo.VAE` that this part is of.
            seed: Int.
        """

    def graphs(self, model):
        """Returns the `zoo.graph_spec.GraphSpec` of each graph that an artifact has of this part.

        Args:
            model: The `zoo.VAE` of this part.
        """
        return []

    def forget(self):
        """Takes back what `adapt` set: a training step has moved what it was estimated from."""
        for estimate in self._estimates:
            estimate.forget()

    def check_adapted(self):
        """Raises ValueError if this part adapts and `adapt` was not called since training."""
        for estimate in self._estimates:
            estimate.value()

    @classmethod
    def argument_names(cls):
        """Returns the constructor's own arguments, without those of `keras.layers.Layer`."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        return [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD]

    def handed_on(self):
        """Returns the names of the arguments that this part was given for a class above its own."""
        valid = {*self.argument_names(), *super().get_config()}
        return [name for name in self._given if name not in valid and hasattr(self, name)]

    def get_config(self):
        names = [*self.argument_names(), *self.handed_on()]
        return {**super().get_config(), **{n: _serialize(getattr(self, n)) for n in names}}

    @classmethod
    def from_config(cls, config):
        return cls(**{key: _deserialize(value) for key, value in config.items()})


def kind(part):
    """Returns the registered name of a part's class, or the class's own where it has none."""
    return vars(type(part)).get("registered_name", type(part).__name__)


def _serialize(value):
    if isinstance(value, (keras.layers.Layer, keras.initializers.Initializer)):
        return keras.saving.serialize_keras_object(value)
    if isinstance(value, (list, tuple)):
        return [_serialize(item) for item in value]
    if isinstance(value, dict):
        return {key: _serialize(item) for key, item in value.items()}
    return value


def _deserialize(value):
    if isinstance(value, dict) and "class_name" in value:
        return keras.saving.deserialize_keras_object(value)
    if isinstance(value, dict):
        return {key: _deserialize(item) for key, item in value.items()}
    return [_deserialize(item) for item in value] if isinstance(value, list) else value


def part_config(part: Any) -> dict[str, Any]:
    """Returns `{"name": registered name, **arguments}`, from which `registry.create` makes it anew.

    Raises:
        ValueError: If the class of `part`, or of a part inside it, has no registered name, or was
            given arguments that its own constructor does not name.
    """
    if "registered_name" not in vars(type(part)):
        raise ValueError(
            "Expected a part with a registered name (decorate its class with, say, "
            f"`@zoo.registry.ENCODERS.register('my_name')`). Received: {type(part).__name__}"
        )
    if part.handed_on():
        raise ValueError(
            f"Expected the arguments that {type(part).__name__}.__init__ names. "
            f"Received: {part.handed_on()}, handed on by **kwargs"
        )
    config = {"name": type(part).registered_name}
    for name in part.argument_names():
        value = getattr(part, name)
        config[name] = part_config(value) if isinstance(value, Part) else _serialize(value)
    return config
