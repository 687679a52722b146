"""One self-contained HTML page for a run: its metrics, curves, pictures, and its command.

The page needs no network, no script and no other file; it follows the reader's light or dark
scheme and the width of the screen.
"""

import base64
import io
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from trainers import plots
from trainers.report_style import CSS
from trainers.wording import duration, with_error
from zoo.evaluation import metric as registry
from zoo.storage import files

ROOMS = ("encoder", "decoder", "marginal", "objective")
MAGNIFIED = 640  # CSS pixels that small pictures are magnified to, by whole factors
EXPECTED_PICTURES = ("reconstructions", "samples", "latent")


def write_report(
    workdir,
    *,
    title,
    config,
    history=None,
    terms=None,
    evaluation=None,
    pictures=None,
    versions=None,
    command="",
    seconds=None,
    hardware="",
    cut="",
):
    """Writes `report.html` into a run's folder, whole or not at all.

    A part that a run has not left is replaced by a sentence that says so. All text is escaped.

    Args:
        workdir: The run's folder.
        title: The run in a few words.
        config: The whole config, nested.
        history: dict name -> list with a value an epoch, or a list of rows, as `metrics.csv` has.
        terms: dict name -> {"unit", "text", "per"} of the history's terms, as `config.json` has.
        evaluation: What `evaluation.json` holds, with `metrics`: name -> {"value", "stderr", ...}.
        pictures: dict name -> a `Figure`, a uint8 array or the bytes of a PNG; or a pair
            (picture, caption). They keep their order.
        versions: dict package -> version.
        command: The command that made the run.
        seconds: Time of training.
        hardware: What it ran on.
        cut: What was shortened (epochs, data), as text or a list of texts; or empty.

    Returns:
        The path of the page.

    Raises:
        TypeError: If a picture is of another kind.
    """
    config, evaluation = _plain(config or {}), evaluation or {}
    body = [
        f"<header><h1>{escape(str(title))}</h1>{_data_line(config, evaluation, seconds)}</header>",
        _section("Model", _model(config)),
        _section("Metrics", _metrics(evaluation)),
        _section("Training", _training(_columns(history), terms or {})),
        _pictures(pictures or {}),
        _section("How to repeat it", _provenance(command, hardware, cut, versions or {})),
        _section("Config", _config(config)),
    ]
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(str(title))}</title>\n<style>{CSS}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )
    path = Path(workdir) / "report.html"
    files.atomic_write(path, page)
    return path


def _section(heading, content):
    return f"<section>\n<h2>{escape(heading)}</h2>\n{content}\n</section>"


def _missing(sentence):
    return f'<p class="muted">{escape(sentence)}</p>'


def _plain(value):
    """Returns nested mappings (a ConfigDict among them) as dicts with text keys."""
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _columns(history):
    """Returns rows, or columns, as a dict of columns of equal length."""
    if not history or isinstance(history, Mapping):
        return dict(history or {})
    names = dict.fromkeys(name for row in history for name in row)
    return {name: [row.get(name) for row in history] for name in names}


def _data_line(config, evaluation, seconds):
    data = config.get("data")
    name = data.get("name") if isinstance(data, dict) else data
    parts = [f"data {name}"] if name else []
    if isinstance(data, dict) and data.get("binarisation"):
        measured = evaluation.get("data", {}).get("binarisation")
        parts.append(f"binarisation {measured or data['binarisation']}")
    if "seed" in config:
        parts.append(f"seed {config['seed']}")
    parts.append(f"trained in {duration(seconds)}" if seconds is not None else "no run time noted")
    if evaluation.get("num_examples"):
        split = evaluation.get("split", "test")
        parts.append(f"measured on {evaluation['num_examples']:,} examples of {split}")
    return _missing(" · ".join(parts))


def _model(config):
    """Returns the four rooms: each part's name, and its arguments beneath."""
    items = []
    for room in ROOMS:
        part = config.get(room)
        if not part:
            continue
        part = part if isinstance(part, dict) else {"name": part}
        rest = ", ".join(f"{key} {_value(v)}" for key, v in part.items() if key != "name")
        name = plots.readable(str(part.get("name", "unnamed")))
        detail = f"<small>{escape(rest)}</small>" if rest else ""
        items.append(f"<div><dt>{room}</dt><dd><b>{escape(name)}</b>{detail}</dd></div>")
    return f"<dl>{''.join(items)}</dl>" if items else _missing("The config names no model.")


def _value(value):
    """Returns a config's value as text."""
    if isinstance(value, dict):
        rest = ", ".join(f"{k} {_value(v)}" for k, v in value.items() if k != "name")
        name = str(value.get("name", ""))
        return f"{name} ({rest})" if name and rest else name or rest
    return value if isinstance(value, str) and value else json.dumps(value, default=str)


def _metrics(evaluation):
    metrics = evaluation.get("metrics")
    if not metrics:
        return _missing("This run has not been evaluated.")
    rows = "\n".join(_metric(name, entry) for name, entry in metrics.items())
    head = "".join(
        f'<th scope="col">{text}</th>' for text in ("metric", "value ± standard error", "unit")
    )
    head = f'<table class="metrics">\n<thead><tr>{head}</tr></thead>'
    return f"{head}\n<tbody>\n{rows}\n</tbody>\n</table>"


def _metric(name, entry):
    """Returns a row of the table: a metric, what it means, how it was measured, its number."""
    entry = entry if isinstance(entry, Mapping) else {"value": entry}
    value, stderr = entry.get("value"), entry.get("stderr")
    texts = registry.details().items()
    details = [text.format(entry[key]) for key, text in texts if entry.get(key)]
    items = [
        entry.get("description") or registry.describe(name),
        ", ".join(details),
        entry.get("note"),
    ]
    notes = "".join(f"<small>{escape(str(text))}</small>" for text in items if text)
    exact = "" if value is None else f' title="{escape(repr(value))}"'
    return (
        f'<tr><th scope="row">{escape(plots.readable(name))}{notes}</th>'
        f'<td class="number"{exact}>{escape(with_error(value, stderr))}</td>'
        f"<td>{escape(str(entry.get('unit', '')))}</td></tr>"
    )


def _training(history, terms):
    names = plots.curve_names(history)
    if not names or not any(len(values) for values in history.values()):
        return _missing("This run left no training history.")
    units = {name: term["unit"] for name, term in terms.items()}
    panels = []
    for name in names:
        picture = plots.png_bytes(plots.curves(history, [name], units=units))
        panels.append(_image(picture, f"Curve of {plots.readable(name)} by epoch", 360))
    note = "" if any(name.startswith("val_") for name in history) else "No split was held out."
    return (
        (_missing(note) if note else "")
        + f'<div class="panels">{"".join(panels)}</div>\n'
        + "<details><summary>Values of the last epoch</summary>"
        + f"{_last(history, names, terms)}</details>"
    )


def _last(history, names, terms):
    """Returns the last epoch's values as a table: the curves for those who cannot see them."""
    rows = "".join(
        f'<tr><th scope="row">{escape(plots.readable(name))}{_meaning(terms, name)}</th>'
        f"<td>{_number(history.get(name))}</td><td>{_number(history.get(f'val_{name}'))}</td>"
        f"<td>{escape(terms.get(name, {}).get('unit', ''))}</td></tr>"
        for name in names
    )
    head = "".join(f'<th scope="col">{t}</th>' for t in ("term", "training", "validation", "unit"))
    return f'<table class="compact"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _meaning(terms, name):
    text = terms.get(name, {}).get("text", "")
    return f"<small>{escape(text)}</small>" if text else ""


def _number(values):
    return "-" if not values or values[-1] is None else f"{values[-1]:.6g}"


def _pictures(pictures):
    cards = []
    for name, entry in pictures.items():
        picture, caption = entry if isinstance(entry, tuple) else (entry, "")
        heading = plots.readable(name).capitalize()
        cards.append(_section(heading, _figure(picture, str(caption or ""), heading)))
    absent = [name for name in EXPECTED_PICTURES if name not in pictures]
    if absent:
        text = f"This run left no pictures of: {', '.join(absent)}."
        cards.append(_section("Not pictured", _missing(text)))
    return f'<div class="pictures">\n{"".join(cards)}\n</div>'


def _figure(picture, caption, heading):
    """Returns a picture with its caption; small pixel grids are magnified by a whole factor."""
    if isinstance(picture, bytes):
        png = picture
    elif isinstance(picture, Figure | np.ndarray):
        png = plots.png_bytes(picture)
    else:
        received = type(picture).__name__
        raise TypeError(f"Expected a Figure, a uint8 array or PNG bytes. Received: {received}")
    if isinstance(picture, Figure):
        image = _image(png, caption or heading, round(picture.get_figwidth() * plots.CSS_DPI))
    else:
        width = Image.open(io.BytesIO(png)).width
        kind = "pixels" if width <= MAGNIFIED // 2 else "plot"  # a shrunk grid is smoothed
        image = _image(png, caption or heading, width * max(1, MAGNIFIED // width), kind)
    note = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><div class="frame">{image}</div>{note}</figure>'


def _image(png, alt, width, kind="plot"):
    """Returns an `img` that carries its own bytes, `width` CSS pixels wide where there is room."""
    pixels = Image.open(io.BytesIO(png))
    height = round(pixels.height * width / pixels.width)
    source = base64.b64encode(png).decode("ascii")
    return (
        f'<img class="{kind}" src="data:image/png;base64,{source}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}">'
    )


def _provenance(command, hardware, cut, versions):
    cut = [cut] if isinstance(cut, str) else list(cut)
    shortened = "; ".join(str(text) for text in cut if text)
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    facts = (
        ("Hardware", hardware or "Not noted."),
        ("Versions", listed or "Not noted."),
        ("Shortened", shortened or "Nothing noted."),
    )
    items = "".join(f"<h3>{name}</h3><p>{escape(str(text))}</p>" for name, text in facts)
    line = f"<pre>{escape(command)}</pre>" if command else _missing("No command was noted.")
    return line + items


def _config(config):
    if not config:
        return _missing("No config was noted.")
    text = json.dumps(config, indent=2, ensure_ascii=False, default=str)
    return f"<details><summary>All keys</summary><pre>{escape(text)}</pre></details>"
