"""Every artifact in every runtime, as a table: `python -m export.verify --all --matrix=FILE`."""

import dataclasses
import platform
import re
import sys
from pathlib import Path

from export import checks, runtimes
from export.report import TOLERANCE, Check, Report, one_line
from trainers import environment
from zoo.arguments import check_names
from zoo.releases import catalogue
from zoo.storage import files
from zoo.storage.escape import printable

PAGE = "docs/verified.md"
ABSENT = "not installed"
COLUMNS = ("model", "checks")
HEAD = """# Artifacts and runtimes

Written by `python -m export.verify --all --matrix=docs/verified.md`. Each cell is the largest
error of all numbers of the golden file at two batch sizes. The error is max |a - b| / max(1, |b|),
with a of this runtime and b of Keras. A model passes up to {tolerance:.0e} if its files are whole.
TensorFlow reads the SavedModel. Where an artifact has none, it is made from the weights (*).

"""


@dataclasses.dataclass
class Table:
    """A table of verified models.

    Attributes:
        titles: Runtime -> title of its column, its version included.
        rows: Model -> (number of checks, runtime -> cell).
        where: The machine that it was made on.
    """

    titles: dict
    rows: dict
    where: str


def verify_all(path="", node_modules="", models=(), columns=()):
    """Verifies models in all runtimes, prints the table, and writes it to `path`.

    A runtime that is not installed is left out, and standard error says so. The same goes for a
    released model that is neither here nor where ELBO_ZOO_MIRROR says. Neither is a failure.

    Args:
        path: A Markdown file, or "".
        node_modules: See `checks.verify`.
        models: Names of released models. Only they are verified, in the runtimes of the table in
            `path`, whose other lines stay. Empty for all local models.
        columns: Names of runtimes that the table in `path` lacks. Its models are verified in them
            alone, and its columns stay. Empty for all runtimes.

    Returns:
        The exit code: 0 if every model passed in every runtime that is installed, and one did.

    Raises:
        ValueError: If a name is unknown, `path` was written with other runtimes, or it has a
            column of `columns`.
    """
    names = catalogue.names()
    check_names(models, names, "released models")
    earlier = _read(path) if models or columns else Table({}, {}, "")
    _check_columns(columns, earlier, path)
    selected = columns or [name for name in earlier.titles if name in runtimes.names()]
    chosen = models or [n for n in names if (n in earlier.rows or not columns) and _at_hand(n)]
    titles, reports = {}, {}
    for runtime in selected or runtimes.names():
        reports[runtime], titles[runtime] = {}, f"{runtime}: {ABSENT}"
        for name, report in _verify(chosen, runtime, node_modules):
            reports[runtime][name] = report
            titles[runtime] = report.runtime or titles[runtime]  # "" of a damaged card
            if models and report.runtime not in earlier.titles.values():
                raise ValueError(f"Expected a table with {report.runtime}. Received: {path}")
    if models and earlier.titles != titles:
        raise ValueError(f"Expected a table of {', '.join(titles.values())}. Received: {path}")
    rows = {name: _row(name, reports) for name in chosen}
    if columns:
        rows = {name: _wider(earlier.rows[name], rows[name]) for name in chosen}
    where = _where(earlier.where, models or columns)
    table = Table({**earlier.titles, **titles}, {**earlier.rows, **rows}, where)
    text = HEAD.format(tolerance=TOLERANCE) + _text(table, names)
    print(text)
    if path:
        files.atomic_write(path, text)
    all_reports = [report for of_runtime in reports.values() for report in of_runtime.values()]
    return 0 if all_reports and all(report.ok for report in all_reports) else 1


def _check_columns(columns, earlier, path):
    """Raises for an unknown runtime, and for one whose checks a table counts already."""
    check_names(columns, runtimes.names(), "runtimes")
    for name in columns:
        if not earlier.titles.get(name, ABSENT).endswith(ABSENT):
            raise ValueError(
                f"Expected runtimes that the table lacks; a table with {name} is made anew without "
                f"--runtimes. Received: {path}"
            )


def _at_hand(name):
    try:
        catalogue.resolve(name)
    except FileNotFoundError as error:
        print(printable(one_line(error)), file=sys.stderr)
        return False
    except (OSError, ValueError):
        pass  # it is here and damaged, as its verification will say
    return True


def _verify(names, runtime, node_modules):
    """Yields (name, report) in this runtime; none, and says so, if it is not installed."""
    for name in names:
        print(f"{name} in {runtime}", file=sys.stderr)
        try:
            report = checks.verify(name, runtime, node_modules, rebuild=True)
        except ImportError as error:
            print(f"  {printable(one_line(error))}", file=sys.stderr)
            return
        except (OSError, ValueError) as error:  # a damaged card hides no other model
            report = Report(name, "", [Check("load", "card.json", False, one_line(error))])
        if not report.ok:
            print(report, file=sys.stderr)
        yield name, report


def _read(path):
    """Returns the `Table` of a file."""
    text = Path(path).read_text()
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    if not lines or lines[0][:2] != [*COLUMNS]:
        raise ValueError(f"Expected the table that `--all --matrix` writes. Received: {path}")
    titles = {re.split("[ :]", title)[0]: title for title in lines[0][2:]}
    rows = {name: (int(count), dict(zip(titles, cells))) for name, count, *cells in lines[2:]}
    where = re.search(r" checks, on (.*?)\.(?: `.*)?$", text, re.MULTILINE)
    return Table(titles, rows, where[1] if where else "")


def _where(earlier, added):
    """Returns the machine of a table, and the machine of added names where it is another."""
    machine = f"{platform.system()} {platform.machine()}, {environment.hardware()}, Python "
    machine += platform.python_version()
    return machine if earlier in ("", machine) else f"{earlier}; {', '.join(added)} on {machine}"


def _row(name, reports):
    """Returns the row of a model: its number of checks and runtime -> cell."""
    of_model = {runtime: of_runtime.get(name) for runtime, of_runtime in reports.items()}
    count = sum(
        check.ok is not None for report in of_model.values() if report for check in report.checks
    )
    return count, {runtime: _cell(report) for runtime, report in of_model.items()}


def _wider(row, added):
    """Returns a row with the checks and the cells of other runtimes added."""
    return row[0] + added[0], {**row[1], **added[1]}


def _text(table, names):
    """Returns a table as Markdown, its models in the order of `names`."""
    lines = [(*COLUMNS, *table.titles.values()), ["---"] * (2 + len(table.titles))]
    rows = {name: table.rows[name] for name in names if name in table.rows}
    for name, (count, cells) in rows.items():
        lines.append((name, str(count), *(cells.get(runtime, "-") for runtime in table.titles)))
    total = sum(count for count, _ in rows.values())
    known = [runtimes.get(name) for name in table.titles if name in runtimes.names()]
    notes = " ".join(["", *(runtime.note for runtime in known if runtime.note)])
    markdown = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{markdown}\n{total:,} checks, on {table.where}.{notes}\n"


def _cell(report):
    if report is None:
        return "-"
    if not report.ok:
        return f"**FAILED**: {sum(check.ok is False for check in report.checks)} checks"
    return f"{report.max_error:.1e}{' *' if report.remade else ''}"


def refresh(keep: bool = False) -> None:
    """Verifies every local model in every runtime, and writes the page.

    Args:
        keep: Whether to verify nothing. The page then stays as it is, as all of it is measured.

    Raises:
        RuntimeError: If a model fails in a runtime. The page is written, and says which.
    """
    if not keep and verify_all(PAGE):
        raise RuntimeError(f"Expected every model to pass. Received: a failure, see {PAGE}")
