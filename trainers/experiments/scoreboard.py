"""Writes `results/README.md`: one line for each figure and table of the papers."""

from pathlib import Path

from trainers.experiments import catalogue, reproducing
from trainers.wording import with_error
from zoo.storage import files

HEAD = """# Results

One line for each figure and table of the five papers, written from the results' own files by
`python -m trainers.reproduce --scoreboard`. Numbers are ours ± standard error, with the paper's
where it gives one; bounds and costs are in nats. Each folder holds `result.json` (command, seeds,
data, and hardware, time and versions of its last call, which trains only what is missing) and the
pictures.
"""
NUMBERS = 4  # the most with a number of the paper on a line; the folder has all


def write(out="results"):
    """Writes the scoreboard of the results under `out`.

    Returns:
        Its path.
    """
    lines = [HEAD]
    for paper in catalogue.papers():
        known = catalogue.items(paper)
        results = {name: reproducing.read(Path(out) / paper / name) for name in known}
        done = sum(result is not None for result in results.values())
        lines += [f"## {paper}: {done} of {len(known)}", ""]
        lines += [
            "| item | what | scale | cut | ours and the paper's |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(known[name], result) for name, result in results.items()]
        lines.append("")
    path = Path(out) / "README.md"
    files.atomic_write(path, "\n".join(lines))
    return path


def _line(item, result):
    if result is None:
        cells = (item.name, item.title, "not run yet", "", "")
    else:
        link = f"[{item.name}]({item.paper}/{item.name}/)"
        cells = (link, item.title, result["scale"], result["cut"], _numbers(result))
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _numbers(result):
    compared = [row for row in result["rows"] if row["paper"] is not None]
    shown = [
        f"{row['name']}, {row['metric']}: {with_error(row['ours'], row['stderr'])} "
        f"(paper {row['paper']:g})"
        for row in compared[:NUMBERS]
    ]
    if len(compared) > NUMBERS:
        shown.append(f"{len(compared) - NUMBERS} more")
    return "; ".join(shown) or "the paper's text gives no number"


def _cell(text):
    """Escapes what would end a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
