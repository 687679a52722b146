"""Seconds and memory against examples, latents, samples, image side, channels, width, processes.

    python -m benchmarks.growth

Each point is a process of its own: it compiles, then measures, and its memory is the most that it
ever held. Writes docs/growth.json, the curves in docs/growth.png and the table in docs/speed.md.
Takes about five minutes on two cores.
"""

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import growth_work
from export import pages
from trainers import scripts
from trainers.environment import hardware, versions
from zoo.storage import files

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN = "<!-- growth: python -m benchmarks.growth -->"
END = "<!-- end of growth -->"
# A slope of logarithms up to which growth counts as linear.
LINEAR = 1.15
BLUE, ORANGE = "#1F6FB2", "#D9772B"


def measure(axis, values):
    """Returns a row for each value of an axis: `value`, `seconds`, `megabytes`."""
    rows = []
    for value in values:
        count = value if axis == "processes" else 1
        command = [sys.executable, "-m", "benchmarks.growth_work", axis, str(value)]
        workers = [_started(command) for _ in range(count)]
        for worker in workers:  # they compile first, and measure together
            worker.stdout.readline()
        start = time.perf_counter()
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.close()
        found = [json.loads(worker.stdout.read()) for worker in workers]
        together = time.perf_counter() - start
        if any(worker.wait() for worker in workers):
            raise RuntimeError(f"Expected a measurement. Received: an error at {axis}={value}")
        seconds = together if axis == "processes" else found[0]["seconds"]
        megabytes = sum(row["megabytes"] for row in found)
        rows.append({"value": value, "seconds": seconds, "megabytes": megabytes})
    return rows


def _started(command):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}, **pipes)


def slope(rows, key):
    """Returns d log(key) / d log(value) between the last two rows: 1 where growth is linear."""
    before, last = rows[-2:]
    return math.log(last[key] / before[key]) / math.log(last["value"] / before["value"])


def table(result):
    """Returns the measurements as a Markdown table, and what is not linear and why."""
    lines = [
        "| against | values | seconds | megabytes | slope of seconds | slope of memory |",
        "|---|---|---|---|---|---|",
    ]
    for axis, rows in result.items():
        cells = [", ".join(f"{row['value']:,}" for row in rows)]
        cells.append(", ".join(f"{row['seconds']:.3g}" for row in rows))
        cells.append(", ".join(f"{row['megabytes']:,.0f}" for row in rows))
        cells += [f"{slope(rows, key):.2f}" for key in ("seconds", "megabytes")]
        lines.append(f"| {axis} | " + " | ".join(cells) + " |")
    above = [axis for axis, rows in result.items() if slope(rows, "seconds") > LINEAR]
    lines.append("\nThe work of each row, and how it should grow:\n")
    lines += [f"- **{axis}**: {growth_work.AXES[axis].why}" for axis in result]
    text = ", ".join(above) if above else "none"
    lines.append(f"\nAbove linear (slope over {LINEAR}) between the last two values: {text}.")
    return "\n".join(lines)


def draw(result, path):
    """Writes the curves: seconds and megabytes of each axis, on logarithmic scales."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    columns = 4
    height = -(-len(result) // columns)
    size = (13, 3.2 * height)
    figure, grid = pyplot.subplots(height, columns, figsize=size, layout="constrained")
    for axes in grid.flat[len(result) :]:
        axes.set_visible(False)
    for axes, (axis, rows) in zip(grid.flat, result.items()):
        values, seconds, megabytes = (
            [row[key] for row in rows] for key in ("value", "seconds", "megabytes")
        )
        memory = axes.twinx()
        straight = [seconds[-1] * value / values[-1] for value in values]
        lines = [
            *axes.loglog(values, seconds, "o-", color=BLUE, label="seconds"),
            *axes.loglog(values, straight, ":", color="#808080", label="linear growth to the last"),
            *memory.plot(values, megabytes, "s--", color=ORANGE, label="megabytes"),
        ]
        axes.set_ylim(min(seconds) / 1.5, max(seconds) * 1.5)
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        memory.set_ylim(0, 1.15 * max(megabytes))
        axes.tick_params(axis="y", colors=BLUE)
        memory.tick_params(axis="y", colors=ORANGE)
        axes.minorticks_off()
        axes.set_xticks(values, [f"{value:,}" for value in values], fontsize=8)
        axes.set_title(growth_work.AXES[axis].title, fontsize=10)
    figure.legend(handles=lines, loc="outside lower center", ncols=3)
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    pyplot.close(figure)


def main():
    """Measures, draws, and writes the table."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--axes", default=",".join(growth_work.AXES), help="which ones, by comma")
    parser.add_argument("--docs", default=str(DOCS), help="where to write; empty: print alone")
    parser.add_argument("--tiny", action="store_true", help="two values each, to see it work")
    flags = parser.parse_args()
    scripts.prepare_tensorflow()
    result = {}
    for axis in flags.axes.split(","):
        values = growth_work.AXES[axis].values
        result[axis] = measure(axis, values[:2] if flags.tiny else values)
        print(axis, json.dumps(result[axis]), flush=True)
    picture = "![Seconds and memory against seven sizes](growth.png)"
    text = f"{picture}\n\n{table(result)}\n\n{hardware()}."
    print(f"\n{text}")
    if flags.docs:
        folder = Path(flags.docs)
        about = {"hardware": hardware(), "versions": versions()}
        files.write_json(folder / "growth.json", {"rows": result, **about})
        draw(result, folder / "growth.png")
        pages.put(folder / "speed.md", text, BEGIN, END)


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
