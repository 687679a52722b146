"""Pictures of a ledger: the rate-distortion plane, its frontier, and what each part does there.

    -ELBO = R + D: lines of one ELBO fall at 45 degrees where D stands over R.

A model is on the frontier if no other has both a lower rate and a lower distortion.
"""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from trainers.plots import INK, MUTED, STYLE, png_bytes
from trainers.sweeps import ledger, records
from zoo import files

# Okabe and Ito's colours, one an encoder and decoder; a shape a marginal.
NETWORKS = {"--": "#0072B2", "+-": "#56B4E9", "-+": "#D55E00", "++": "#E69F00"}
MARGINALS = {"-": "o", "+": "s", "v": "^"}
LETTERS = {"-": "#0072B2", "+": "#D55E00", "v": "#009E73"}
NEUTRAL = "#0072B2"  # of runs that are of no family
ROOMS = ("encoder", "decoder", "marginal")
MEANINGS = {
    "encoder": {"-": "- gated convolutions", "+": "+ with IAF"},
    "decoder": {"-": "- deconvolutions", "+": "+ PixelCNN++"},
    "marginal": {"-": "- N(0, I)", "+": "+ MAF", "v": "v VampPrior"},
}


def write(workdir):
    """Writes a sweep's ledger from its runs' folders, and its pictures from the ledger.

    A ledger kept without its runs is drawn as it is.

    Returns:
        The paths of the pictures; none before the first run is finished.

    Raises:
        FileNotFoundError: If there is neither a run nor a ledger.
    """
    found = records.read_all(workdir)
    is_kept = (Path(workdir) / ledger.NAME).is_file()
    if any((Path(workdir) / record.spec.name).is_dir() for record in found) or not is_kept:
        ledger.write(workdir)
    rows = finished(ledger.read(workdir))
    if not rows:
        return []
    pictures = {"rate_distortion.png": overview(rows)}
    if any(_family(row) for row in rows):
        pictures["rate_distortion_by_part.png"] = by_part(rows)
    paths = []
    for name, figure in pictures.items():
        paths.append(Path(workdir) / name)
        files.atomic_write(paths[-1], png_bytes(figure))
    return paths


def finished(rows):
    """Returns the rows that have a rate and a distortion."""
    return [r for r in rows if r.get("rate") is not None and r.get("distortion") is not None]


def pareto_frontier(rates, distortions):
    """Returns the indices of the points that none dominates, by rising rate.

    A point dominates another if its rate and its distortion are no higher, and one is lower. Of
    equal points the first stays.

    Args:
        rates: [N].
        distortions: [N].
    """
    chosen, best = [], np.inf
    for i in np.lexsort((distortions, rates)):
        if distortions[i] < best:
            chosen.append(int(i))
            best = distortions[i]
    return chosen


@matplotlib.rc_context(STYLE)
def overview(rows):
    """Draws D over R, and -ELBO over R: colours for networks, shapes for marginals.

    Args:
        rows: Of a ledger, each with `family` (or None), `rate` and `distortion`.

    Returns:
        A `Figure` of 9 by 4.6 inches.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for panel, total in ((left, False), (right, True)):
        _panel(panel, rows, total, _colour_of_networks, _shape)
    left.set_title("Distortion")
    right.set_title("-ELBO = rate + distortion")
    figure.legend(handles=_legend(rows), loc="outside lower center", ncols=5, handletextpad=0.3)
    return figure


@matplotlib.rc_context(STYLE)
def by_part(rows):
    """Draws both planes three times: coloured by encoder, by decoder and by marginal.

    Args:
        rows: Of a ledger; those without a family are left out.

    Returns:
        A `Figure` of 10.5 by 6.6 inches.

    Reference:
        `broken_elbo`, Figure 7 (a, b, c) and Figure 3 of the main paper.
    """
    rows = [row for row in rows if _family(row)]
    figure = Figure(figsize=(10.5, 6.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey="row")
    for place, room in enumerate(ROOMS):
        for panel, total in zip(panels[:, place], (False, True)):
            _panel(panel, rows, total, lambda row, at=place: LETTERS[_family(row)[at]])
            panel.set_xlabel(panel.get_xlabel() if total else "")
            panel.set_ylabel(panel.get_ylabel() if place == 0 else "")
        top = panels[0, place]
        top.set_title(f"by {room}")
        letters = [m for m in MEANINGS[room] if any(_family(r)[place] == m for r in rows)]
        handles = [_mark(LETTERS[m], "o", MEANINGS[room][m]) for m in letters]
        box = {"frameon": True, "framealpha": 0.9, "edgecolor": "white"}
        top.legend(handles=handles, loc="best", handletextpad=0.3, **box)
    figure.legend(handles=_lines(), loc="outside lower center", ncols=2)
    return figure


def _panel(panel, rows, total, colour, shape=lambda row: "o"):
    """Draws one plane: D or R + D over R, the frontier, and lines of one ELBO."""
    rates = np.array([row["rate"] for row in rows], float)
    distortions = np.array([row["distortion"] for row in rows], float)
    heights = rates + distortions if total else distortions
    for row, rate, height in zip(rows, rates, heights):
        panel.scatter(
            rate, height, s=34, color=colour(row), marker=shape(row), edgecolors="white",
            linewidths=0.6, alpha=0.95, zorder=3,
        )  # fmt: skip
    edge = pareto_frontier(rates, distortions)
    panel.plot(rates[edge], heights[edge], color=INK, linewidth=1.1, zorder=2)
    for axis, values in ((panel.set_xlim, rates), (panel.set_ylim, heights)):
        space = 0.06 * (np.ptp(values) or 1.0)
        axis(values.min() - space, values.max() + space)
    panel.set(xlabel="rate R (nats)", ylabel="-ELBO (nats)" if total else "distortion D (nats)")
    if not total:
        _lines_of_one_elbo(panel, rates + distortions)


def _lines_of_one_elbo(panel, losses):
    """Draws R + D = c for round c over the range of -ELBO; names each where it meets the left."""
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    levels = MaxNLocator(nbins=7).tick_values(losses.min(), max(losses.max(), losses.min() + 1))
    for level in levels:
        panel.plot(
            [left, right], [level - left, level - right], color=MUTED, linewidth=0.7,
            linestyle=":", zorder=1, scalex=False, scaley=False,
        )  # fmt: skip
        at = np.clip(level - bottom, left, right)  # where the line leaves by the bottom or right
        height = level - at
        if bottom <= height < top:
            panel.annotate(
                f"{level:g}", (at, height), xytext=(-2, 4), textcoords="offset points",
                ha="right", fontsize=7, color=MUTED,
            )  # fmt: skip


def _family(row):
    family = row.get("family") or ""
    fits = len(family) == 3 and family[:2] in NETWORKS and family[2] in MARGINALS
    return family if fits else ""


def _colour_of_networks(row):
    return NETWORKS.get(_family(row)[:2], NEUTRAL)


def _shape(row):
    return MARGINALS.get(_family(row)[2:], "o")


def _mark(colour, shape, label):
    return Line2D([], [], linestyle="", marker=shape, markersize=6, color=colour, label=label)


def _legend(rows):
    families = {_family(row) for row in rows}
    networks = [
        _mark(colour, "o", f"encoder {pair[0]}, decoder {pair[1]}")
        for pair, colour in NETWORKS.items()
        if any(f[:2] == pair for f in families)
    ]
    marginals = [
        _mark(MUTED, shape, f"marginal {MEANINGS['marginal'][letter]}")
        for letter, shape in MARGINALS.items()
        if any(f[2:] == letter for f in families)
    ]
    empty = Line2D([], [], linestyle="", label=" ")  # a group begins at the top of its column
    padded = [group + [empty] * (len(group) % 2) for group in (networks, marginals)]
    return [*padded[0], *padded[1], *_lines()]


def _lines():
    return [
        Line2D([], [], color=INK, linewidth=1.1, label="frontier"),
        Line2D([], [], color=MUTED, linewidth=0.9, linestyle=":", label="one -ELBO, in nats"),
    ]
