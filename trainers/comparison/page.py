"""Writes a comparison: `README.md`, `compare.html`, `compare.csv`, and pictures."""

import base64
from html import escape
from pathlib import Path

import numpy as np

from trainers import environment, plots
from trainers import history as histories
from trainers.comparison import ranking
from trainers.experiments import figures
from trainers.experiments.verdicts import ERRORS
from trainers.report_style import CSS
from zoo.storage import files

SAMPLES = 16  # of each objective
PLANE, DRAWN = "rate_distortion.png", "samples.png"
CAPTIONS = {
    PLANE: "Rate and distortion on the test set: mean over seeds, with standard errors.",
    DRAWN: "Mean images of draws from the marginal, of the first run of each objective.",
}
RULE = (
    "Each number is the mean over seeds with its standard error. A rank in brackets is 1 + the "
    f"number of objectives that are better by more than {ERRORS} standard errors of the "
    "difference. Objectives with rank 1 are in bold. Rate, distortion, log det Cov and active "
    "units describe a model and have no best value."
)


def write(comparison, folder: Path, command: str) -> list[Path]:
    """Writes the page and the table of a comparison into a folder.

    Args:
        comparison: A `comparing.Comparison`.
        folder: Made if absent.
        command: The command that made it.

    Returns:
        The paths of all files.
    """
    pictures = {PLANE: plane(comparison)}
    drawn = samples(comparison)
    if drawn is not None:
        pictures[DRAWN] = drawn
    elif (Path(folder) / DRAWN).is_file():  # the runs are there without their weights
        pictures[DRAWN] = None
    contents = {n: plots.png_bytes(p) for n, p in pictures.items() if p is not None}
    for name in pictures.keys() - contents.keys():
        contents[name] = (Path(folder) / name).read_bytes()
    contents["compare.csv"] = histories.as_csv(rows(comparison))
    contents["README.md"] = markdown(comparison, command, pictures)
    contents["compare.html"] = html(comparison, command, {n: contents[n] for n in pictures})
    for name, content in contents.items():
        files.atomic_write(Path(folder) / name, content)
    return [Path(folder) / name for name in contents]


def rows(comparison) -> list[dict]:
    """Returns a dict for each objective: its seeds, and value, error and rank of each column."""
    result = []
    for label, group in comparison.runs.by(lambda run: run.label).items():
        row = {"objective": label, "finished": len(group.finished), "runs": len(group)}
        for name, cells in comparison.columns.items():
            cell = cells[label]
            row |= {name: cell.mean, f"{name}_stderr": cell.stderr, f"{name}_rank": cell.rank}
        failed = [run.stored.error for run in group.failed]
        result.append({**row, "error": failed[0] if failed else ""})
    return result


def markdown(comparison, command: str, pictures) -> str:
    """Returns the page as Markdown."""
    heads, body = _table(comparison)
    lines = ["# Objectives compared", "", *_facts(comparison), "", "```sh", command, "```", ""]
    lines += [RULE, "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for cells in body:
        texts = [f"**{text}**" if is_first else text for text, is_first in cells]
        lines.append(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |")
    lines += ["", "## Ranking", "", *(f"- {line}" for line in _verdicts(comparison)), ""]
    notes = _notes(comparison)
    if notes:
        lines += ["## Not compared", "", *(f"- {note}" for note in notes), ""]
    for name in pictures:
        lines += [f"![{CAPTIONS[name]}]({name})", "", CAPTIONS[name], ""]
    return "\n".join(lines)


def html(comparison, command: str, pictures: dict[str, bytes]) -> str:
    """Returns the page as HTML, which needs no other file."""
    heads, body = _table(comparison)
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = [
        "<tr>"
        + "".join(
            f"<td>{'<b>' if is_first else ''}{escape(text)}{'</b>' if is_first else ''}</td>"
            for text, is_first in cells
        )
        + "</tr>"
        for cells in body
    ]
    table = (
        f'<div class="frame"><table class="compact"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
    sections = [
        ("Table", f"<p>{escape(RULE)}</p>{table}"),
        ("Ranking", _list(_verdicts(comparison))),
    ]
    if notes := _notes(comparison):
        sections.append(("Not compared", _list(notes)))
    for name, png in pictures.items():
        source = base64.b64encode(png).decode("ascii")
        image = (
            f'<img style="max-width:100%;height:auto" alt="" src="data:image/png;base64,{source}">'
        )
        figure = f"<figure>{image}<figcaption>{escape(CAPTIONS[name])}</figcaption></figure>"
        sections.append((name.partition(".")[0].replace("_", " ").capitalize(), figure))
    sections.append(("How to repeat it", f"<pre>{escape(command)}</pre>"))
    content = "".join(f"<section><h2>{h}</h2>{text}</section>" for h, text in sections)
    facts = "".join(f'<p class="muted">{escape(line)}</p>' for line in _facts(comparison) if line)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Objectives compared</title><style>{CSS}</style></head><body><main>"
        f"<header><h1>Objectives compared</h1>{facts}</header>{content}</main></body></html>\n"
    )


def plane(comparison):
    """Returns a figure of the rate-distortion plane, a point with errors for each objective."""
    figure, axes = figures.sheet(1, 1, 6.4, 4.6)
    rates, distortions = (comparison.columns.get(k, {}) for k in ("rate", "distortion"))
    marks = "osD^vP*Xph"
    for i, (label, rate) in enumerate(rates.items()):
        distortion = distortions.get(label)
        if rate.mean is None or distortion is None or distortion.mean is None:
            continue
        look = {"color": plots.CLASSES[i % len(plots.CLASSES)], "marker": marks[i % len(marks)]}
        axes[0, 0].errorbar(
            rate.mean,
            distortion.mean,
            distortion.stderr or 0,
            rate.stderr or 0,
            linestyle="",
            capsize=2,
            label=label,
            **look,
        )
    axes[0, 0].set(xlabel="rate R (nats)", ylabel="distortion D (nats)")
    if axes[0, 0].get_legend_handles_labels()[0]:
        figure.legend(loc="outside right upper")
    return figure


def samples(comparison):
    """Returns a figure with a row of samples for each objective; None without weights."""
    drawn = []
    for label, group in comparison.runs.by(lambda run: run.label).items():
        run = next((run for run in group.finished if run.folder is not None), None)
        if run is None:
            continue
        try:
            model = run.load().model
        except FileNotFoundError:  # its numbers alone are there
            continue
        images = np.asarray(model.sample(SAMPLES, seed=run["seed"]))
        drawn.append((label, np.clip(images / run.get("data.pixel_scale", 1.0), 0, 1)))
    return figures.image_rows(drawn) if drawn else None


def _table(comparison):
    """Returns headings, and for each objective a list of (text, whether its rank is 1)."""
    shown = [c for c in ranking.COLUMNS if c.name in comparison.columns]
    body = []
    for label, group in comparison.runs.by(lambda run: run.label).items():
        name = f"{label} (custom)" if label == comparison.custom else label
        cells = [(name, False), (f"{len(group.finished)} of {len(group)}", False)]
        for column in shown:
            cell = comparison.columns[column.name][label]
            rank = f" ({cell.rank})" if cell.rank else ""
            cells.append((cell.text() + rank, cell.rank == 1))
        body.append(cells)
    return ["objective", "runs", *(column.title for column in shown)], body


def _verdicts(comparison):
    """Returns a line on the best objectives of each column that has a best value."""
    shown = [c for c in ranking.COLUMNS if c.better and c.name in comparison.columns]
    cells = comparison.columns
    return [f"{c.title} ({c.better}): {ranking.verdict(cells[c.name])}" for c in shown]


def _notes(comparison):
    """Returns a line on each objective that is left out, and on each run that failed."""
    notes = [f"`{name}`: {reason}." for name, reason in comparison.left_out.items()]
    for run in comparison.runs.failed:
        notes.append(f"`{run.label}`, seed {run['seed']}, failed: {run.stored.error}")
    return notes


def _facts(comparison):
    """Returns sentences on the data, the networks, the budget and what is scaled down."""
    config = comparison.runs[0].config
    seeds = sorted({run["seed"] for run in comparison.runs})
    rooms = " and ".join(f"{room} `{config[room]['name']}`" for room in ("encoder", "decoder"))
    facts = [
        f"Data `{config['data']['name']}`, {rooms}, {config['latent_dim']} latents, "
        f"{config['train']['epochs']} epochs, batches of {config['train']['batch_size']}, "
        f"seeds {', '.join(map(str, seeds))}. {environment.hardware()}.",
    ]
    if comparison.runs.cut:
        facts += ["", f"Scaled down: {comparison.runs.cut}."]
    return facts


def _list(lines):
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
