"""Runs an item and keeps its result: `result.json`, pictures, small files; whole or not at all."""

import math
import shlex
import shutil
import time
from pathlib import Path

from trainers import environment, plots, stopping
from trainers.experiments import catalogue
from trainers.experiments.study import SCALES, Context
from trainers.wording import with_error
from zoo.arguments import positive_int
from zoo.registry import nearest
from zoo.storage import files

RESULT = "result.json"


@stopping.resumable()
def reproduce(
    paper,
    name,
    workdir,
    scale="full",
    out=None,
    runs=None,
    seed=17,
    overwrite=False,
    progress=True,
    substitute="",
    retry_failed=False,
    repeats=None,
    executor=None,
):
    """Runs one item of a paper and writes its result.

    Args:
        paper: For example "broken_elbo".
        name: The name of the item, for example "fig5".
        workdir: A folder for the result and for the runs that the item trains.
        scale: "tiny" (to see that it works), "reduced", or "full".
        out: Where to publish the result as well, in `out/PAPER/ITEM/`; or None.
        runs: A folder of runs that all items share: a run that is there is not trained again, one
            that is missing is trained there. In a folder of tables (`runs.csv`), only numbers are
            there, and what is missing is trained in `workdir`.
        seed: Int, the first of the item's seeds.
        overwrite: Whether a result of a smaller scale may replace a result of a larger scale.
        progress: Whether to draw progress bars.
        substitute: Data set in place of one that is absent, for items that can do so; or "".
        retry_failed: Whether to go on with runs that failed before.
        repeats: The most runs of a setting that differ in their seed alone; None for as many as
            the scale has.
        executor: An `executors.Executor` that trains the runs; processes of this machine by
            default.

    Returns:
        What `result.json` holds.

    Raises:
        ValueError: If a name is unknown, `repeats` no positive int, a `substitute` given to an item
            that takes none, or a fuller result there already.
    """
    item = catalogue.item(paper, name)
    _check_substitute(item, substitute)
    if scale not in SCALES:
        raise ValueError(
            f"Expected a scale among {list(SCALES)}. "
            f"Received: scale={scale!r}.{nearest(scale, SCALES)}"
        )
    repeats = None if repeats is None else positive_int("repeats", repeats)
    workdir = Path(workdir)
    published = Path(out) / paper / name if out else None
    for folder in (workdir, published):
        if folder is not None and not overwrite:
            _check_no_fuller(folder, item, scale, repeats, substitute)
    workdir.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    runs = runs and Path(runs)
    context = Context(
        scale, workdir, runs, seed, progress, substitute, retry_failed, repeats, executor
    )
    outcome = item.function(context)
    seconds = time.perf_counter() - start
    result = _result(item, context, outcome, seconds)
    contents = {f"{n}.png": plots.png_bytes(p) for n, p in outcome.pictures.items()}
    contents.update(outcome.files)
    for file, content in contents.items():
        files.atomic_write(workdir / file, content)
    files.write_json(workdir / RESULT, result)  # last: where it is, all of it is
    if published is not None:
        with files.atomic_folder(published) as folder:
            for file in (*contents, RESULT):
                shutil.copyfile(workdir / file, folder / file)
    return result


def _check_substitute(item, substitute):
    if substitute and not item.substitute:
        raise ValueError(
            f"Expected --substitute with one of {catalogue.substituted()} alone. "
            f"Received: substitute={substitute!r}, {item.paper} {item.name}"
        )
    if substitute and substitute not in item.substitute:
        raise ValueError(
            f"Expected a substitute among {list(item.substitute)}. "
            f"Received: substitute={substitute!r}.{nearest(substitute, item.substitute)}"
        )


def _result(item, context, outcome, seconds):
    has_runs = context.runs is not None
    request = (context.scale, context.seed, has_runs, context.substitute, context.repeats)
    return {
        "paper": item.paper,
        "item": item.name,
        "title": item.title,
        "shows": item.shows,
        "scale": context.scale,
        "repeats": context.repeats,
        "cut": outcome.cut,
        "command": command(item.paper, item.name, *request),
        "seconds": round(seconds, 1),
        "hardware": environment.hardware(),
        "versions": environment.versions(),
        "rows": outcome.rows,
        "pictures": [f"{name}.png" for name in outcome.pictures],
    }


def command(paper, name, scale, seed=17, has_runs=False, substitute="", repeats=None):
    """Returns the command of an item, with DIR for every folder of one machine."""
    arguments = ["python", "-m", "trainers.reproduce", f"--paper={paper}", f"--item={name}"]
    arguments += [f"--scale={scale}", *([f"--seed={seed}"] if seed != 17 else [])]
    arguments += [f"--substitute={substitute}"] if substitute else []
    arguments += [f"--repeats={repeats}"] if repeats else []
    arguments += [*(["--runs=RUNS"] if has_runs else []), "--workdir=DIR"]
    return shlex.join(arguments)


def table(result):
    """Returns the rows of a result as lines for a terminal."""
    lines = [f"{result['title']} ({result['scale']}, {result['seconds']:g} s)"]
    for row in result["rows"]:
        paper = "" if row["paper"] is None else f"  (paper {row['paper']:g})"
        number = with_error(row["ours"], row["stderr"])
        lines.append(f"  {row['name']:32s} {row['metric']:22s} {number}{paper}")
    return "\n".join(lines)


def read(folder):
    """Returns the result in a folder, or None where there is none."""
    path = Path(folder) / RESULT
    return files.read_json(path) if path.is_file() else None


def _check_no_fuller(folder, item, scale, repeats, substitute):
    earlier = read(folder)
    if earlier is None:
        return
    if (earlier["paper"], earlier["item"]) != (item.paper, item.name):
        raise ValueError(
            f"Expected a folder of {item.paper} {item.name}, or a new one. Received: "
            f"{str(folder)!r}, which holds {earlier['paper']} {earlier['item']}"
        )
    other_data = "--substitute=" in earlier["command"]
    most = _fullness(earlier["scale"], earlier.get("repeats"), other_data)
    if most > _fullness(scale, repeats, substitute):
        raise ValueError(
            f"A result of scale {earlier['scale']!r} is there, repeats {earlier.get('repeats')}"
            f"{', on other data' if other_data else ''}; --overwrite replaces it. Received: "
            f"scale={scale!r}, repeats={repeats}, substitute={substitute!r}, folder={str(folder)!r}"
        )


def _fullness(scale, repeats, substitute):
    """Returns a key that sorts results by how much of the paper's experiment they are."""
    return SCALES.index(scale), repeats or math.inf, not substitute
