"""Changes of JSON values, one at a time, as an editor or a forger would make them."""

import copy

# What a value of one type is replaced by: other values of its type, then values of other types.
_OTHERS = {
    bool: [False, True, None, 0],
    int: [0, -1, 1, 2**40, 1.5, "7", None, True],
    float: [0.0, -1.0, 1e30, 7, "0.5", None],
    str: ["", "other", "\x1b[31m", "<b>", "../x", 3, None, []],
    type(None): [0, "other", {}],
    list: [[], [0], {}, None, "other"],
    dict: [{}, {"other": 0}, [], None, "other"],
}


def places(value, path=()):
    """Yields the path of every value inside a JSON value, a tuple of keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def mutate(value, path, rng):
    """Returns a copy of `value` in which one place is changed, removed, renamed or doubled."""
    changed = copy.deepcopy(value)
    *parents, key = path
    parent = changed
    for step in parents:
        parent = parent[step]
    before = parent[key]
    kind = rng.choice(["change"] * 6 + ["remove", "rename", "add"])
    if kind == "change":
        others = [o for o in _OTHERS[type(before)] if repr(o) != repr(before)]
        others += [before + 1] if type(before) is int else []
        others += [before * (1 + 1e-12) or 1e-300] if type(before) is float else []
        others += [before + "x"] if type(before) is str else []
        others = [o for o in others if repr(o) != repr(before)]
        parent[key] = others[rng.integers(len(others))]
    elif kind == "remove":
        del parent[key]
    elif kind == "rename" and isinstance(parent, dict):
        parent[f"{key}x"] = parent.pop(key)
    elif isinstance(parent, dict):
        parent[f"{key} 2"] = copy.deepcopy(before)
    else:
        parent.insert(key, copy.deepcopy(before))
    return changed
