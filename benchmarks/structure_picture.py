"""Draws the rooms of the code and what they import, for `benchmarks.structure`."""

import os

from zoo.storage import files

# Package -> fill of its rooms.
FILLS = {"zoo": "#D6E6F5", "trainers": "#FBE3CE", "export": "#D9EFDC", "configs": "#EFE6F6"}
# Titles of the rooms that are files directly in a package; see `benchmarks.structure.rooms`.
TITLES = {
    "zoo:": "zoo, foundations",
    "zoo": "zoo, the model",
    "trainers:": "trainers, one run",
    "trainers": "trainers, commands",
    "export:": "export, one graph",
    "export": "export, commands",
}
WIDTH, HEIGHT = 1.62, 0.62


def positions(heights: dict[str, int]) -> dict[str, tuple[float, float]]:
    """Returns room -> (x, y): rooms of one height side by side, packages from left to right."""
    order = list(FILLS)
    result = {}
    for height in sorted(set(heights.values())):
        row = sorted(
            (room for room, h in heights.items() if h == height),
            key=lambda room: (order.index(_package(room)), room),
        )
        for index, room in enumerate(row):
            result[room] = ((index - (len(row) - 1) / 2) * 1.25 * WIDTH, 1.08 * height)
    return result


def _package(room: str) -> str:
    return room.rstrip(":").partition(".")[0]


def draw(graph: dict[str, dict], heights: dict[str, int], sizes: dict[str, int], path: str) -> None:
    """Writes the picture: a box a room with its lines of code, an arrow where files import.

    Args:
        graph: Room -> {room that it imports: number of files}.
        heights: Room -> the row that it stands in, 0 at the bottom.
        sizes: Room -> lines of code.
        path: A PNG or SVG file.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.patches import FancyBboxPatch

    places = positions(heights)
    width = 2 * max(abs(x) for x, _ in places.values()) + 1.3 * WIDTH
    height = max(y for _, y in places.values()) + 2 * HEIGHT
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    for room, targets in graph.items():
        for target, count in targets.items():
            _arrow(axes, places[room], places[target], count)
    for room, (x, y) in places.items():
        box = FancyBboxPatch(
            (x - WIDTH / 2, y - HEIGHT / 2),
            WIDTH,
            HEIGHT,
            boxstyle="round,pad=0.02,rounding_size=0.08",
            facecolor=FILLS[_package(room)],
            edgecolor="#444444",
            linewidth=0.8,
            zorder=3,
        )
        axes.add_patch(box)
        axes.text(
            x,
            y + 0.1,
            TITLES.get(room, room.replace(".", "/")),
            ha="center",
            va="center",
            fontsize=9,
            zorder=4,
        )
        text = f"{sizes[room]:,} lines"
        axes.text(
            x, y - 0.15, text, ha="center", va="center", fontsize=7, color="#555555", zorder=4
        )
    axes.set_xlim(-width / 2, width / 2)
    axes.set_ylim(-HEIGHT, height - HEIGHT)
    axes.axis("off")
    with files.atomic_path(path) as temporary:
        kind = os.path.splitext(path)[1][1:]
        figure.savefig(
            temporary, format=kind, dpi=110, metadata={"Software": None} if kind == "png" else None
        )
    pyplot.close(figure)


def _arrow(axes, start, end, count):
    """Draws an arrow, broader where more files import; a circle of rooms is bent and red."""
    upward = end[1] >= start[1]
    axes.annotate(
        "",
        xy=(end[0], end[1] + (HEIGHT / 2 if end[1] < start[1] else 0)),
        xytext=(start[0], start[1] - (HEIGHT / 2 if end[1] < start[1] else 0)),
        arrowprops={
            "arrowstyle": "-|>",
            "linewidth": 0.5 + 0.12 * min(count, 15),
            "color": "#B03A2E" if upward else "#7A8794",
            "alpha": 0.75,
            "shrinkA": 0,
            "shrinkB": 2,
            "connectionstyle": f"arc3,rad={0.35 if upward else 0.04}",
        },
        zorder=2,
    )
