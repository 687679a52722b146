"""Names of splits as people spell them: `Train`, `VAL`, `test_set`, `x_train`, `train2017`."""

import re

ALIASES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_ROLES = {alias: role for role, aliases in ALIASES.items() for alias in aliases}
_COLLECTIONS = ("set", "data", "dataset", "split", "folder")
_IMAGES = ("x", "image", "images", "img", "imgs")
_PICTURES = ("picture", "pictures", "photo", "photos")
_LABELS = ("y", "label", "labels")


def role(name):
    """Returns the split that a folder's name stands for, or None: `Test_Images` is "test"."""
    return _only_role(_words(name), (*_COLLECTIONS, *_IMAGES, *_PICTURES))


def mentions(name):
    """Returns the splits that are named by words of a folder's name: `seg_train` has "train"."""
    return {_ROLES[word] for word in _words(name) if word in _ROLES}


def array(name):
    """Returns what an array of an npz file is, by its name.

    Returns:
        ("images" or "labels", the split's name, or "all" where it names none), or None for others:
        `X_train` is ("images", "train"), `val_labels` ("labels", "validation").
    """
    words = _words(name)
    for kind, spellings in (("images", _IMAGES), ("labels", _LABELS)):
        if any(word in spellings for word in words):
            rest = [word for word in words if word not in spellings]
            split = _only_role(rest, _COLLECTIONS) if rest else "all"
            return split and (kind, split)
    return None


def _words(name):
    words = re.findall(r"[^\W\d_]+", name.casefold())
    # `trainset` is two words.
    return [part for word in words for part in (_apart(word) or (word,))]


def _apart(word):
    for ending in _COLLECTIONS:
        if word.endswith(ending) and word.removesuffix(ending) in _ROLES:
            return word.removesuffix(ending), ending
    return None


def _only_role(words, others):
    rest = [word for word in words if word not in others]
    return _ROLES.get(rest[0]) if len(rest) == 1 else None
