"""Finds every figure and table of the papers, by name."""

import importlib
import pkgutil

from trainers.experiments import papers as packages
from trainers.experiments.study import Item
from zoo.registry import nearest

# Papers that are not yet a module of `papers`: each a package here with `items.ITEMS`.
TITLES = {
    "broken_elbo": {
        "toy": "Toy model: true joint, ELBO optimum, target-rate optimum",
        "rd_mnist": "Rate-distortion curve of the twelve families, static MNIST",
        "rd_omniglot": "Rate-distortion curve of the twelve families, Omniglot",
        "fig5": "Reconstructions and generations of the twelve families at beta 1",
        "fig6": "Reconstructions and generations along the frontier, static MNIST",
        "fig7": "Omniglot: D against R, -ELBO against R, by encoder, decoder and marginal",
        "fig8": "Family -+v across beta, Omniglot",
        "fig9": "Reconstructions and generations along the frontier, Omniglot",
    },
}


def papers():
    """Returns the names of all papers, in alphabetical order: the modules of `papers`."""
    return sorted({*(module.name for module in pkgutil.iter_modules(packages.__path__)), *TITLES})


def items(paper):
    """Returns `{name: Item}` of every figure and table of a paper, in the paper's order.

    Raises:
        ValueError: If there is no such paper; the nearest is named.
    """
    _check("paper", paper, papers())
    if paper not in TITLES:
        return importlib.import_module(f"{packages.__name__}.{paper}").study.items
    module = importlib.import_module(f"trainers.experiments.{paper}.items")
    return {
        name: Item(paper, name, title, module.ITEMS[name][1], module.ITEMS[name][0])
        for name, title in TITLES[paper].items()
    }


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


def _check(what, name, valid):
    if name not in valid:
        raise ValueError(
            f"Expected the {what} to be one of {list(valid)}. "
            f"Received: {what}={name!r}.{nearest(name, valid)}"
        )
