"""Finds every figure and table of the papers, by name."""

import importlib
import pkgutil

from trainers.experiments import papers as packages
from zoo.registry import nearest


def papers():
    """Returns the names of all papers, in alphabetical order: the modules of `papers`."""
    return sorted(module.name for module in pkgutil.iter_modules(packages.__path__))


def items(paper):
    """Returns `{name: Item}` of every figure and table of a paper, in the paper's order.

    Raises:
        ValueError: If there is no such paper; the nearest is named.
    """
    _check("paper", paper, papers())
    return importlib.import_module(f"{packages.__name__}.{paper}").study.items


def item(paper, name):
    """Returns an `Item` by the name of its paper and its own.

    Raises:
        ValueError: If there is no such paper, or it has no item of that name; the nearest is named.
    """
    known = items(paper)
    _check("item", name, known)
    return known[name]


def listing(paper=None):
    """Returns a line for each item of `paper`, or of all papers, for a terminal."""
    lines = []
    for name in [paper] if paper else papers():
        lines.append(name)
        lines += [f"  {item.name:12s} {item.title}" for item in items(name).values()]
    return "\n".join(lines)


def substituted():
    """Returns (paper, item) of all items that may run on other data than the paper's."""
    return [(p, name) for p in papers() for name, item in items(p).items() if item.substitute]


def _check(kind, name, valid):
    if name not in valid:
        raise ValueError(
            f"Expected the {kind} to be one of {list(valid)}. "
            f"Received: {kind}={name!r}.{nearest(name, valid)}"
        )
