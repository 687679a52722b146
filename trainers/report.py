"""One self-contained HTML page for a run: its numbers, curves, pictures, and how to repeat it.

The page needs no network, no script and no other file; it follows the reader's light or dark
scheme and the width of the screen.
"""

import base64
import io
import json
import math
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from trainers import plots
from zoo import files

ROOMS = ("encoder", "decoder", "marginal", "objective")
# Metric -> what a reader needs to judge it. An entry's own "description" goes first.
METRICS = {
    "rate": "KL from the posterior to the marginal: what the code costs.",
    "distortion": "Expected -log p(x|z): what the reconstruction misses. Lower is better.",
    "elbo": "-(rate + distortion), a lower bound on log p(x). Higher is better.",
    "nll": "-log p(x), estimated from above by importance sampling. Lower is better.",
    "active_units": "Latent units whose posterior mean varies with the image.",
    "mmd": "Squared distance of all codes from the marginal; near 0 where they agree.",
    "log_det_cov": "log det Cov of the codes: 0 for N(0, I), above it too wide.",
    "generative_lower": "E: lower bound on the information of latents in generated images.",
    "generative_upper": "G: upper bound on it, by a density q(x) fitted to generated images.",
    "u": "E[log p(x|z) - log q(x)] on data; less the cross entropy it is minus the distortion.",
    "cross_entropy": "-E[log q(x)] of the data, q fitted to generated images. S is this less H.",
    "linear_probe": "Test accuracy of logistic regression on the codes. Higher is better.",
    "log_evidence": "log p(x) of the decoder taken as linear around each code, exactly.",
    "evidence_gap": "That less the ELBO, as the decoder's Jacobian and the scales predict it.",
    "variance_penalty": "What one posterior variance for all images would cost, likewise.",
    "nll_ais": "-log p(x), estimated from above by annealed importance sampling. Lower is better.",
    "reconstruction_l2": "Squared error of an image's mean reconstruction. Lower is better.",
    "class_cross_entropy": "KL of the data's classes from the generated ones; 0 where they agree.",
    "frechet_classifier": "Distance of generated images from the data, by features of a classifier "
    "trained on the data: not an FID. Lower is better.",
    "frechet_inception": "The same by features of InceptionV3 (FID). Lower is better.",
    "generated_nll": "-log density of the data at generated images. Lower is better.",
    "knn_probe": "Test accuracy of the nearest training codes. Higher is better.",
    "svm_1000": "Test accuracy of an SVM on the codes of 1000 labels. Higher is better.",
    "svm_100": "Test accuracy of an SVM on the codes of 100 labels. Higher is better.",
}
# Names of variants, and what is said of them behind the sentence of the name without.
VARIANT = re.compile(r"(.*?)(_transductive)?(?:_(noise|mask)_([0-9.]+))?", re.DOTALL)
TRANSDUCTIVE = "Codes are standardised by all inputs."
CORRUPTIONS = {
    "noise": "Test images have Gaussian noise of standard deviation {}.",
    "mask": "A share {} of the test images' pixels is set to 0.",
}
# Keys of a metric that say how it was measured -> their words.
MEASURED = {
    "num_samples": "samples an example: {}",
    "num_examples": "examples: {}",
    "num_train": "trained on: {}",
    "num_fit": "generated images q(x) was fitted to: {}",
    "latent_dim": "latent units: {}",
    "threshold": "threshold: {}",
    "exact": "without the expansion to second order: {:.4g}",
    "per_dimension": "a latent: {:.4g}",
    "bandwidth": "bandwidth: {:.4g}",
    "num_chains": "chains: {}",
    "num_temperatures": "temperatures: {}",
    "num_leapfrog_steps": "leapfrog steps: {}",
    "num_generated": "generated images: {}",
    "images": "generated images are {}",
    "num_neighbours": "neighbours: {}",
    "classifier_accuracy": "test accuracy of the classifier: {:.4g}",
}
MAGNIFIED = 640  # CSS pixels that small pictures are magnified to, by whole factors
EXPECTED_PICTURES = ("reconstructions", "samples", "latent")
CSS = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1f2933;--muted:#55616d;
--line:#dfe3e8;--accent:#0067a3}
@media (prefers-color-scheme:dark){:root{--page:#13171c;--card:#1c2229;--ink:#e6eaee;
--muted:#a3aeb9;--line:#343d47;--accent:#6cbcf0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 16px 56px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:0 0 .7rem}
h3{font-size:1rem;margin:1.1rem 0 .3rem}
p{margin:.3rem 0 .7rem}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:20px 22px;margin-top:18px}
.muted,small,figcaption,dt{color:var(--muted)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(215px,1fr));gap:14px 24px;margin:0}
dt{font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}dd b{font-weight:600}
dd small{display:block;line-height:1.45}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:9px 14px 9px 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-size:.85rem;font-weight:500;padding-top:0}
tbody th{font-weight:600;overflow-wrap:anywhere}
th small{display:block;font-weight:400;line-height:1.4}
.number{white-space:nowrap;font-variant-numeric:tabular-nums}
table.compact th,table.compact td{padding:4px 14px 4px 0;font-size:.9rem;font-weight:400;
overflow-wrap:anywhere}
table.compact th{width:38%;color:var(--muted)}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(290px,1fr));gap:14px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:18px;
align-items:start;margin-top:18px}
.pictures section{margin:0;min-width:0}
figure{margin:0}figcaption{font-size:.9rem;margin-top:10px}
img{display:block;max-width:100%;height:auto;background:#fff;border-radius:8px}
.panels img{width:100%}
.pixels{image-rendering:pixelated;border-radius:0}
.frame{background:#fff;border-radius:8px;padding:8px}
pre{margin:0;padding:12px 14px;background:var(--page);border:1px solid var(--line);
border-radius:8px;overflow-x:auto;font:13px/1.5 ui-monospace,monospace}
summary{cursor:pointer;color:var(--accent);font-weight:600;padding:4px 0}
@media (max-width:560px){main{padding:18px 10px 40px}section{padding:16px 14px}
h1{font-size:1.4rem}dl{grid-template-columns:repeat(2,1fr)}
table.metrics thead{display:none}table.metrics tr{display:flex;flex-wrap:wrap;gap:0 10px}
table.metrics th{flex:1 0 100%;padding:9px 0 2px}
table.metrics td{border:0;padding:0 0 9px}}
@media print{section{break-inside:avoid}}
"""


def write_report(
    workdir,
    *,
    title,
    config,
    history=None,
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
        _section("Training", _training(_columns(history))),
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
        parts.append(f"binarisation {data['binarisation']}")
    if "seed" in config:
        parts.append(f"seed {config['seed']}")
    parts.append(f"trained in {duration(seconds)}" if seconds is not None else "no run time noted")
    if evaluation.get("num_examples"):
        split = evaluation.get("split", "test")
        parts.append(f"measured on {evaluation['num_examples']:,} examples of {split}")
    return _missing(" · ".join(parts))


def duration(seconds):
    """Returns seconds in words: `8.4 s`, `3 min 05 s`, `2 h 07 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


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


def with_error(value, stderr=None):
    """Returns `86.34 ± 0.12`: two digits of the standard error, or five of a value without one."""
    if value is None:
        return "not available"
    if stderr is None or not math.isfinite(value) or not math.isfinite(stderr):
        return f"{value:.5g}" if isinstance(value, float) else str(value)
    if stderr == 0:
        return f"{value:.5g} ± 0"
    digits = max(0, 1 - math.floor(math.log10(stderr)))
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


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
    details = [text.format(entry[key]) for key, text in MEASURED.items() if entry.get(key)]
    words = [
        entry.get("description") or describe(name),
        ", ".join(details),
        entry.get("note"),
    ]
    notes = "".join(f"<small>{escape(str(text))}</small>" for text in words if text)
    exact = "" if value is None else f' title="{escape(repr(value))}"'
    return (
        f'<tr><th scope="row">{escape(plots.readable(name))}{notes}</th>'
        f'<td class="number"{exact}>{escape(with_error(value, stderr))}</td>'
        f"<td>{escape(str(entry.get('unit', '')))}</td></tr>"
    )


def describe(name):
    """Returns what a metric is, from `METRICS`, and what is done otherwise for a variant."""
    base, transductive, corruption, strength = VARIANT.fullmatch(name).groups()
    words = [METRICS.get(base, ""), TRANSDUCTIVE if transductive else ""]
    words.append(CORRUPTIONS[corruption].format(strength) if corruption else "")
    return " ".join(word for word in words if word)


def _training(history):
    names = plots.curve_names(history)
    if not names or not any(len(values) for values in history.values()):
        return _missing("This run left no training history.")
    panels = []
    for name in names:
        picture = plots.png_bytes(plots.curves(history, [name]))
        panels.append(_image(picture, f"Curve of {plots.readable(name)} by epoch", 360))
    note = "" if any(name.startswith("val_") for name in history) else "No split was held out."
    return (
        (_missing(note) if note else "")
        + f'<div class="panels">{"".join(panels)}</div>\n'
        + f"<details><summary>Numbers of the last epoch</summary>{_last(history, names)}</details>"
    )


def _last(history, names):
    """Returns the last epoch's numbers as a table: the curves for those who cannot see them."""
    rows = "".join(
        f'<tr><th scope="row">{escape(plots.readable(name))}</th>'
        f"<td>{_number(history.get(name))}</td><td>{_number(history.get(f'val_{name}'))}</td></tr>"
        for name in names
    )
    head = "".join(f'<th scope="col">{t}</th>' for t in ("term", "training", "validation"))
    return f'<table class="compact"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


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
