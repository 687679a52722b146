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
from trainers.sweeps.channels import MEANINGS, channels, family_of, mark
from zoo.storage import files

LETTERS = {"-": "#0072B2", "+": "#D55E00", "v": "#009E73"}
LEGEND_LETTERS = 122  # that fit a legend's line, 4 of them for each mark
ROOMS = ("encoder", "decoder", "marginal")


def write(workdir):
    """Writes a sweep's ledger from its runs' folders, and its pictures from the ledger.

    A ledger kept without its runs is drawn as it is.

    Returns:
        The paths of the pictures; none before the first run is finished.

    Raises:
        FileNotFoundError: If there is neither a run nor a ledger.
    """
    run_records = records.read_all(workdir)
    is_kept = (Path(workdir) / ledger.NAME).is_file()
    if any((Path(workdir) / record.spec.name).is_dir() for record in run_records) or not is_kept:
        ledger.write(workdir)
    rows = finished(ledger.read(workdir))
    if not rows:
        return []
    pictures = {"rate_distortion.png": overview(rows)}
    if any(family_of(row) for row in rows):
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
    """Draws D over R, and -ELBO over R; `channels` says how the runs are distinguished.

    Args:
        rows: Rows of a ledger, each with `rate`, `distortion` and the keys that were swept.

    Returns:
        A `Figure` 9 inches wide, 4.6 inches high with a legend of two rows.
    """
    look = channels(rows)
    handles, columns = _legend(look.handles)
    height = 4.6 + 0.19 * max(0, -(-len(handles) // columns) - 2)
    figure = Figure(figsize=(9, height), layout="constrained")
    left, right = figure.subplots(1, 2)
    for panel, total in ((left, False), (right, True)):
        _panel(panel, rows, total, look.colour, look.shape, look.text)
    left.set_title("Distortion")
    right.set_title("-ELBO = rate + distortion")
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handletextpad=0.3)
    return figure


@matplotlib.rc_context(STYLE)
def by_part(rows):
    """Draws both planes three times: coloured by encoder, by decoder and by marginal.

    Args:
        rows: Rows of a ledger; those without a family are left out.

    Returns:
        A `Figure` of 10.5 by 6.6 inches.

    Reference:
        `broken_elbo`, Figure 7 (a, b, c) and Figure 3 of the main paper.
    """
    rows = [row for row in rows if family_of(row)]
    figure = Figure(figsize=(10.5, 6.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey="row")
    for place, room in enumerate(ROOMS):
        for panel, total in zip(panels[:, place], (False, True)):
            _panel(panel, rows, total, lambda row, at=place: LETTERS[family_of(row)[at]])
            panel.set_xlabel(panel.get_xlabel() if total else "")
            panel.set_ylabel(panel.get_ylabel() if place == 0 else "")
        top = panels[0, place]
        top.set_title(f"by {room}")
        letters = [m for m in MEANINGS[room] if any(family_of(r)[place] == m for r in rows)]
        handles = [mark(LETTERS[m], "o", MEANINGS[room][m]) for m in letters]
        box = {"frameon": True, "framealpha": 0.9, "edgecolor": "white"}
        top.legend(handles=handles, loc="best", handletextpad=0.3, **box)
    figure.legend(handles=_lines(), loc="outside lower center", ncols=2)
    return figure


def _panel(panel, rows, total, colour, shape=lambda row: "o", text=lambda row: ""):
    """Draws one plane: D or R + D over R, the frontier, and lines of one ELBO."""
    rates = np.array([row["rate"] for row in rows], float)
    distortions = np.array([row["distortion"] for row in rows], float)
    heights = rates + distortions if total else distortions
    for row, rate, height in zip(rows, rates, heights):
        panel.scatter(
            rate, height, s=34, color=colour(row), marker=shape(row), edgecolors="white",
            linewidths=0.6, alpha=0.95, zorder=3,
        )  # fmt: skip
        if text(row):
            panel.annotate(
                text(row), (rate, height), xytext=(4, 3), textcoords="offset points",
                fontsize=6.5, color=INK, zorder=4,
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


def _legend(groups):
    """Returns the handles of a legend and its number of columns, so that it fits the figure.

    Each group begins at the top of a column.
    """
    groups = [*groups, _lines()]
    empty = Line2D([], [], linestyle="", label=" ")
    for height in range(2, 3 + sum(map(len, groups))):
        padded = [h for group in groups for h in [*group, *[empty] * (-len(group) % height)]]
        columns = [padded[i : i + height] for i in range(0, len(padded), height)]
        letters = sum(4 + max(len(h.get_label()) for h in column) for column in columns)
        if letters <= LEGEND_LETTERS:
            break
    return padded, len(columns)


def _lines():
    return [
        Line2D([], [], color=INK, linewidth=1.1, label="frontier"),
        Line2D([], [], color=MUTED, linewidth=0.9, linestyle=":", label="one -ELBO, in nats"),
    ]
