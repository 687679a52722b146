"""Registries of parts: the names in configs, cards and flags, and their classes."""

import difflib
import inspect


def nearest(name, valid):
    """Returns ` Did you mean "x"?` for the valid name closest to `name`, or an empty string."""
    matches = difflib.get_close_matches(str(name), [str(v) for v in valid], n=1, cutoff=0.5)
    return f' Did you mean "{matches[0]}"?' if matches else ""


class Registry:
    """The names of one room.

    Args:
        kind: A noun for the classes in messages, for example "encoder".
    """

    def __init__(self, kind):
        self.kind = kind
        self._a_kind = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        self._classes = {}
        self._roots = ()

    def register(self, name):
        """A class decorator: gives a part its name here and with Keras's own serialisation.

        A class that is defined again, by a notebook's cell or a config's file, takes its own place.

        Raises:
            ValueError: If the name is taken by another class.
        """

        def decorate(cls):
            import keras

            registered = self._classes.get(name, cls)
            if (registered.__module__, registered.__qualname__) != (
                cls.__module__,
                cls.__qualname__,
            ):
                raise ValueError(
                    f"Each {self.kind} needs a name of its own. Received: name={name!r}, "
                    f"which already means {registered.__name__}"
                )
            self._classes[name] = cls
            self._roots = (*self._roots, _root(cls))
            cls.registered_name = name
            # Keras has one list of names for all rooms, and forgets who had one before.
            if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
                return keras.saving.register_keras_serializable("zoo")(cls)
            return keras.saving.register_keras_serializable(f"zoo_{self.kind}", name)(cls)

        return decorate

    def names(self):
        """Returns the registered names, sorted."""
        return sorted(self._classes)

    def get(self, name):
        """Returns the class called `name`.

        Raises:
            ValueError: If there is none; the nearest valid name is offered.
        """
        if name not in self._classes:
            raise ValueError(
                f"Expected the name of {self._a_kind}, one of {self.names()}. "
                f"Received: name={name!r}.{nearest(name, self.names())}"
            )
        return self._classes[name]

    def create(self, spec):
        """Returns a part from an instance (as it is), a name, or `{"name": ..., **arguments}`.

        Raises:
            ValueError: If the name or an argument is unknown.
            TypeError: If `spec` is none of the three.
        """
        if isinstance(spec, self._roots):  # registered or not
            return spec
        if isinstance(spec, str):
            spec = {"name": spec}
        if not hasattr(spec, "keys") or "name" not in spec:
            raise TypeError(
                f"Expected {self._a_kind}, its name, or a mapping with the key `name`. "
                f"Received: {spec!r}"
            )
        arguments = {key: spec[key] for key in spec if key != "name"}
        cls = self.get(spec["name"])
        valid = [
            p for p in inspect.signature(cls.__init__).parameters if p not in ("self", "kwargs")
        ]
        for key in arguments:
            if key not in valid:
                raise ValueError(
                    f"Expected arguments of the {self.kind} {spec['name']!r} among {valid}. "
                    f"Received: {key}={arguments[key]!r}.{nearest(key, valid)}"
                )
        return cls(**{key: _plain(value) for key, value in arguments.items()})


def _root(cls):
    """Returns what all parts of a room inherit from: the class right below `Part`, or its own."""
    from zoo.part import Part

    below = [base for base in cls.__mro__ if issubclass(base, Part) and base is not Part]
    return below[-1] if below else cls


def _plain(value):
    """Turns config containers (ConfigDict, tuples) into the dicts and lists that parts keep."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


ENCODERS = Registry("encoder")
DECODERS = Registry("decoder")
LIKELIHOODS = Registry("likelihood")
MARGINALS = Registry("marginal")
OBJECTIVES = Registry("objective")
DIVERGENCES = Registry("divergence")
