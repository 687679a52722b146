"""Data sources, one module each: a module declares `SOURCE`, and its kind is the module's name.

Nothing else has to be registered: names, messages and help come from the modules of this folder.
"""

import functools
import importlib
import inspect
import os
import pkgutil
import re
from types import MappingProxyType

from trainers.data.opened import OpenedSource
from trainers.data.source import Request, Source
from zoo.registry import nearest

_PATHS = ("/", "~", "./", "../")  # how a path begins that no name of a data set looks like


@functools.lru_cache(maxsize=1)
def all_sources() -> MappingProxyType[str, Source]:
    """Returns {kind: `Source`} of the modules of this folder, sorted by kind."""
    sources = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        source = getattr(importlib.import_module(f"{__name__}.{module.name}"), "SOURCE", None)
        if not isinstance(source, Source) or source.kind != module.name:
            raise TypeError(
                f"Expected {__name__}.{module.name} to declare SOURCE, a Source of the kind "
                f"{module.name!r}. Received: SOURCE={source!r}"
            )
        sources[source.kind] = source
    return MappingProxyType(sources)


def spellings(paths_only: bool = False) -> str:
    """Returns how names are written: "digits, folder:PATH, idx:PATH, npz:PATH or a TFDS name".

    Args:
        paths_only: Whether sources that do not recognise a path are left out.
    """
    sources = [s for s in all_sources().values() if s.recognises or not paths_only]
    sources.sort(key=lambda source: bool(source.any_name))  # such a name comes last
    texts = [source.spelling for source in sources]
    return " or ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def help_text() -> str:
    """Returns one line for each source: how its names are written, and what it reads."""
    return "\n".join(f"{source.spelling}: {source.text}" for source in all_sources().values())


def page() -> str:
    """Returns what `docs/data.md` says of each source.

    That is its text, and what the docstring of its `open` says between the first paragraph and the
    arguments or errors.
    """
    parts = []
    for source in all_sources().values():
        docstring = inspect.cleandoc(source.open.__doc__ or "")
        details = re.split(r"^(?:Args|Raises):", docstring, flags=re.MULTILINE)[0]
        text = source.text[:1].upper() + source.text[1:]
        parts += [f"### `{source.spelling}`", text, *details.strip().split("\n\n")[1:]]
    return "\n\n".join(parts)


def open_source(
    name,
    data_dir=None,
    size=None,
    channels=None,
    download=True,
    cut=(0.1, 0.1, 17),
    crop=None,
    fit="crop",
) -> OpenedSource:
    """Returns the `OpenedSource` of a name.

    Args:
        name: A name or a path, as `trainers.data.load` takes it.
        data_dir: Folder of TensorFlow Datasets; None means its default.
        size: (H, W) in pixels, or None for the stored size.
        channels: 1, 3, or None for the stored number.
        download: Whether data may be downloaded.
        cut: (validation_fraction, test_fraction, seed), for data without splits of its own.
        crop: Side in pixels of the middle square that is taken before resizing, or None.
        fit: "crop" or "pad", as of `Preparation`.

    Raises:
        ValueError: If there is no such source or data set.
        FileNotFoundError: If the name is a path and nothing is there.
    """
    if not name or not isinstance(name, str):
        raise ValueError(f"Expected the name of a data set. Received: name={name!r}")
    source, path = _resolve(name)
    return source.open(
        Request(
            name=path if source.any_name else name,
            path=path,
            data_dir=data_dir,
            size=size,
            channels=channels,
            download=download,
            crop=crop,
            fit=fit,
            cut=cut,
            spellings=spellings(),
            exact_names=tuple(kind for kind, other in all_sources().items() if other.is_exact),
        )
    )


def _resolve(name):
    """Returns the source of a name, and the path in that name."""
    sources = all_sources()
    kind, colon, path = name.partition(":")
    if colon and kind in sources and sources[kind].argument:
        return sources[kind], os.path.expanduser(path)
    if colon and kind in sources and sources[kind].any_name:  # its kind in front, to be plain
        return sources[kind], path
    if name in sources and sources[name].is_exact:
        return sources[name], name
    whole = os.path.expanduser(name)
    if _looks_like_a_path(name, whole):
        return _recognised(name, whole), whole
    if path.startswith(_PATHS):  # no version of a data set of TensorFlow Datasets
        kinds = [kind for kind, source in sources.items() if source.argument]
        raise ValueError(f"Expected {spellings()}. Received: name={name!r}.{nearest(kind, kinds)}")
    return next(source for source in sources.values() if source.any_name), name


def _looks_like_a_path(name, path):
    endings = tuple(ending for source in all_sources().values() for ending in source.endings)
    return os.path.isabs(path) or name.startswith(".") or os.path.basename(path).endswith(endings)


def _recognised(name, path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"Expected a folder or a file that exists. Received: name={name!r}")
    candidates = [source for source in all_sources().values() if source.recognises]
    for source in sorted(candidates, key=lambda source: -source.priority):
        if source.recognises(path):
            return source
    raise ValueError(
        f"Expected {spellings(paths_only=True)}; the kind cannot be told. Received: name={name!r}"
    )
