"""The objective room: the loss of the training."""

from zoo.rooms import import_room

__all__ = import_room(__name__, globals())  # a new part is a new module here
