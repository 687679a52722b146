"""Lets Keras load models of the zoo before their classes are imported, without importing Keras.

Keras finds the class of a saved object in one table of names. `announce` fills it with stand-ins,
each of which imports the zoo's parts when Keras first makes an object of it.
"""

import importlib
import sys


class StandIn:
    """Stands in Keras's table for a class that is not imported yet.

    Args:
        name: The registered name, for example "zoo>VAE".
        load: Imports the class, which then takes its own place in the table.
    """

    def __init__(self, name, load):
        self.name = name
        self.load = load

    def from_config(self, config):
        """Returns the object of the class itself."""
        import keras

        self.load()
        # Not `get_registered_object`, which may ask a copy of the table that was made before.
        cls = keras.saving.get_custom_objects()[self.name]
        if cls is self:
            raise TypeError(f"Expected a class that can be saved. Received: {self.name!r}, a base")
        return cls.from_config(config)


class _AfterKeras:
    """A finder that leaves Keras's import as it is, and calls `then` once it has ended."""

    def __init__(self, then):
        self.then = then

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader:
    """The loader of Keras; after its module has run, what was waiting for it runs."""

    def __init__(self, loader, finder):
        self._loader, self._finder = loader, finder

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._finder in sys.meta_path:  # gone once Keras is there; kept if its import failed
            sys.meta_path.remove(self._finder)
            self._finder.then()


def announce(classes, load):
    """Puts stand-ins into Keras's table: now if Keras is imported, else when it is.

    Args:
        classes: Returns the names of classes, registered with the package "zoo". It is called when
            Keras is there.
        load: Imports them all.
    """

    def fill():
        table = importlib.import_module("keras").saving.get_custom_objects()
        for name in classes():
            table.setdefault(f"zoo>{name}", StandIn(f"zoo>{name}", load))

    if sys.modules.get("keras") is not None:
        fill()
    elif "keras" not in sys.modules:  # None there keeps Keras from being imported
        sys.meta_path.insert(0, _AfterKeras(fill))
