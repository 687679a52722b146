"""Chooses how a sweep's points differ in pictures: a colour, a shape or a text for each key.

A family has a colour for its encoder and decoder and a shape for its marginal. In other sweeps, the
key with most values gets the colours. The other keys get the shapes, one for each combination of
their values. Further keys are written next to the points. The legend names keys that nothing
distinguishes.
"""

import dataclasses
from collections.abc import Callable

import matplotlib
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from trainers.plots import MUTED
from trainers.sweeps import ledger

# Okabe and Ito's colours, one an encoder and decoder; a shape a marginal.
NETWORKS = {"--": "#0072B2", "+-": "#56B4E9", "-+": "#D55E00", "++": "#E69F00"}
MARGINALS = {"-": "o", "+": "s", "v": "^"}
MEANINGS = {
    "encoder": {"-": "- gated convolutions", "+": "+ with IAF"},
    "decoder": {"-": "- deconvolutions", "+": "+ PixelCNN++"},
    "marginal": {"-": "- N(0, I)", "+": "+ MAF", "v": "v VampPrior"},
}
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#E69F00"),
    *("#CC79A7", "#56B4E9", "#000000", "#B0A000"),
)
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_TEXTS = 40  # points with texts; more would cover each other
MOST_IN_LEGEND = 8  # of the values of a number


@dataclasses.dataclass(frozen=True)
class Channels:
    """How rows of a ledger are drawn.

    Args:
        colour: Row -> colour.
        shape: Row -> Matplotlib's marker.
        text: Row -> the text next to its point, or "".
        handles: What the legend shows, in groups.
    """

    colour: Callable
    shape: Callable
    text: Callable
    handles: list


def channels(rows):
    """Returns the `Channels` that distinguish the rows of a ledger by what was swept."""
    keys = ledger.swept(rows)
    if any(family_of(row) for row in rows):
        colour = lambda row: NETWORKS.get(family_of(row)[:2], COLOURS[0])  # noqa: E731
        shape = lambda row: MARGINALS.get(family_of(row)[2:], "o")  # noqa: E731
        handles, rest = family_handles(rows), [key for key in keys if key != "family"]
    else:
        colour, shape, handles, rest = _of_keys(rows, keys)
    written = [key for key in rest if key != "seed"]
    if len(rows) > MOST_TEXTS:
        written = []
    hidden = [key for key in rest if key not in written]
    groups = list(handles)
    if written:
        groups.append([_words(f"beside a point: {', '.join(written)}")])
    if hidden:
        groups.append([_words(f"not distinguished: {', '.join(hidden)}")])
    return Channels(colour, shape, lambda row: ", ".join(shown(row[k]) for k in written), groups)


def _of_keys(rows, keys):
    """Returns colours and shapes by the swept keys, their handles, and the keys that are left."""
    order = sorted(keys, key=lambda key: (key == "seed", -len(values(rows, key))))
    colours, shapes, handles = {}, {}, []
    first = order[0] if order else None
    if first:
        colours = _colours(values(rows, first))
        chosen = _some(list(colours)) if is_number(rows, first) else list(colours)
        handles += [mark(colours[v], "o", f"{first} = {shown(v)}") for v in chosen]
    colour_count = len(handles)
    second = []
    for key in order[1:]:
        if key != "seed" and len(_combinations(rows, [*second, key])) <= len(SHAPES):
            second.append(key)
    if second:
        shapes = dict(zip(_combinations(rows, second), SHAPES))
        for combination, shape in shapes.items():
            pairs = [f"{key} = {shown(value)}" for key, value in zip(second, combination)]
            handles.append(mark(MUTED, shape, ", ".join(pairs)))
    groups = [group for group in (handles[:colour_count], handles[colour_count:]) if group]
    rest = [key for key in keys if key not in (first, *second)]
    return (
        lambda row: colours[row.get(first)] if first else COLOURS[0],
        lambda row: shapes[tuple(row.get(key) for key in second)] if second else "o",
        groups,
        rest,
    )


def _combinations(rows, keys):
    """Returns the different combinations of values of some keys, in rising order."""
    ranks = [{value: i for i, value in enumerate(values(rows, key))} for key in keys]
    distinct = {tuple(row.get(key) for key in keys) for row in rows}
    return sorted(distinct, key=lambda c: [rank[value] for rank, value in zip(ranks, c)])


def _colours(ordered):
    """Returns value -> colour: distinct ones for a few words, from dark to light otherwise."""
    numbers = all(isinstance(value, (int, float)) for value in ordered)
    if not numbers and len(ordered) <= len(COLOURS):
        return dict(zip(ordered, COLOURS))
    scale = matplotlib.colormaps["viridis"]
    last = max(len(ordered) - 1, 1)
    return {value: to_hex(scale(0.92 * i / last)) for i, value in enumerate(ordered)}


def _some(ordered):
    """Returns at most `MOST_IN_LEGEND` of the values, evenly spaced, the ends included."""
    count = min(len(ordered), MOST_IN_LEGEND)
    return [ordered[i * (len(ordered) - 1) // max(count - 1, 1)] for i in range(count)]


def values(rows, key):
    """Returns the different values of a key, numbers in rising order."""
    distinct = dict.fromkeys(row.get(key) for row in rows)
    return sorted(distinct, key=lambda v: (isinstance(v, str), v is None, 0 if v is None else v))


def is_number(rows, key):
    """Returns whether all values of a key are numbers."""
    return all(isinstance(value, (int, float)) for value in values(rows, key))


def shown(value):
    """Returns a value as it is written: `2` for 2.0, `none` for no value."""
    return "none" if value is None else value if isinstance(value, str) else f"{value:g}"


def family_of(row):
    """Returns the three letters of a row's family, or ""."""
    family = row.get("family") or ""
    fits = len(family) == 3 and family[:2] in NETWORKS and family[2] in MARGINALS
    return family if fits else ""


def family_handles(rows):
    """Returns the handles of the networks and of the marginals that the rows have."""
    families = {family_of(row) for row in rows}
    networks = [
        mark(colour, "o", f"encoder {pair[0]}, decoder {pair[1]}")
        for pair, colour in NETWORKS.items()
        if any(f[:2] == pair for f in families)
    ]
    marginals = [
        mark(MUTED, shape, f"marginal {MEANINGS['marginal'][letter]}")
        for letter, shape in MARGINALS.items()
        if any(f[2:] == letter for f in families)
    ]
    return [networks, marginals]


def mark(colour, shape, label):
    """Returns a legend's handle of one point."""
    return Line2D([], [], linestyle="", marker=shape, markersize=6, color=colour, label=label)


def _words(text):
    return Line2D([], [], linestyle="", label=text)
