"""Checks HDF5 files of weights before Keras opens them: each holds all its own numbers.

An HDF5 file can name other files: by external links, virtual datasets and external storage. Keras
follows them in some versions, and so would put bytes of any local file into the weights. This check
does not depend on the version of Keras.
"""

import zipfile
import zlib
from pathlib import Path

# Groups within groups. A model of the zoo has about 15.
DEEPEST = 100
# Booleans are an enumeration (kind "b"); texts and references are none of these.
NUMBERS = "biuf"


def check(source, name=""):
    """Raises unless an HDF5 file is a tree of groups and datasets of numbers stored in the file.

    It refuses links to other files or by path, two paths to one object, virtual datasets, external
    storage, and filters (a compressed dataset may unpack to any size). It also refuses datasets
    whose numbers are not stored, datasets of anything but numbers, and more numbers than the file
    has bytes.

    Args:
        source: A path, or a file object.
        name: What to call it in messages; the path by default.

    Raises:
        ValueError: If it is no HDF5 file, or holds one of these; names the path inside the file.
    """
    import h5py

    name = name or str(source)
    try:
        with h5py.File(source, "r") as file:
            _check_tree(h5py, file, name)
    except (OSError, RuntimeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"Expected weights as HDF5 in {name}. Received: {error}") from error


def _check_tree(h5py, file, name):
    """Walks the groups without following any link, and without recursion."""
    seen, groups, total = set(), [(file["/"], "/", 0)], 0
    while groups:
        group, path, depth = groups.pop()
        if depth > DEEPEST:
            _refuse(name, path, f"groups nested deeper than {DEEPEST}")
        for key in list(group.id):
            where = f"{path.rstrip('/')}/{key.decode('utf-8', 'backslashreplace')}"
            if group.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
                _refuse(name, where, "a link to another place or file")
            identifier = h5py.h5o.open(group.id, key)
            address = h5py.h5o.get_info(identifier).addr
            if address in seen:
                _refuse(name, where, "a second path to an object")
            seen.add(address)
            if isinstance(identifier, h5py.h5g.GroupID):
                groups.append((h5py.Group(identifier), where, depth + 1))
            elif isinstance(identifier, h5py.h5d.DatasetID):
                total += _check_dataset(h5py, identifier, name, where)
            else:
                _refuse(name, where, "neither a group nor a dataset")
    if total > file.id.get_filesize():
        _refuse(name, "/", f"{total:,} bytes of numbers, more than the file has")


def _check_dataset(h5py, dataset, name, where):
    """Returns how many bytes of numbers a dataset says that it has."""
    creation = dataset.get_create_plist()
    if creation.get_layout() == h5py.h5d.VIRTUAL:
        _refuse(name, where, "a virtual dataset")
    if creation.get_external_count():
        _refuse(name, where, "external storage")
    if creation.get_nfilters():
        _refuse(name, where, "a filter; weights are stored as they are")
    if dataset.dtype.kind not in NUMBERS:
        _refuse(name, where, f"values of type {dataset.dtype}")
    space = dataset.get_space()
    size = space.get_simple_extent_npoints() * dataset.get_type().get_size()
    if dataset.get_storage_size() < size:
        _refuse(name, where, f"{size:,} bytes of numbers, of which it stores fewer")
    return size


def _refuse(name, where, reason):
    raise ValueError(
        f"Expected groups and datasets of numbers stored in {name} itself. "
        f"Received: {where!r}, {reason}"
    )


def check_weights(path):
    """Checks a file that Keras is to load weights from: `.weights.h5`, `.h5` or `.keras`.

    Raises:
        FileNotFoundError: If it is absent.
        ValueError: If `check` refuses it, or a `.keras` archive has names that lead out of it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a file of weights. Received: {str(path)!r}, absent")
    if path.suffix != ".keras":
        check(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                if not _is_inside(item.filename):
                    raise ValueError(
                        f"Expected names inside the archive {path}. Received: {item.filename!r}"
                    )
                if item.filename.endswith(".h5"):
                    with archive.open(item) as member:
                        check(member, f"{path}:{item.filename}")
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"Expected a Keras archive in {path}. Received: {error}") from error


def _is_inside(name):
    parts = name.replace("\\", "/").split("/")
    return ".." not in parts and parts[0] != "" and ":" not in name
