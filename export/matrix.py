"""Every artifact in every runtime, as a table: `python -m export.verify --all --matrix=FILE`."""

import platform
import re
import sys
from pathlib import Path

from export import runtimes, verify
from export.report import TOLERANCE, Check, Report, one_line
from trainers import environment
from zoo.arguments import check_names
from zoo.releases import catalogue
from zoo.storage import files
from zoo.storage.escape import printable

ABSENT = "not installed"
HEAD = """# Artifacts and runtimes

Written by `python -m export.verify --all --matrix=docs/verified.md`. Each cell: the largest error
of all numbers of the golden file, max |a - b| / max(1, |b|) with a of this runtime and b of Keras,
at two batch sizes; a model passes up to {tolerance:.0e} and with all its files whole. TensorFlow
reads the SavedModel; where an artifact was published without one, one made from its weights (*).

"""


def verify_all(path="", node_modules="", models=()):
    """Verifies models in all runtimes, prints the table, and writes it to `path`.

    A runtime that is not installed is left out, and said so; so is a released model that is
    neither here nor where ELBO_ZOO_MIRROR says. Neither is a failure.

    Args:
        path: A Markdown file, or "".
        node_modules: See `verify.verify`.
        models: Names of released models that alone are verified: the lines of the others are
            those of `path`. Empty for all models at hand.

    Returns:
        The exit code: 0 if every model passed in every runtime that is installed, and one did.

    Raises:
        ValueError: If a name is unknown, or `path` was written with other runtimes.
    """
    names = catalogue.names()
    check_names(models, names, "released models")
    head, kept, where = _read(path) if models else (None, {}, "")
    chosen = models or [name for name in names if _at_hand(name)]
    titles, reports = {}, {}
    for runtime in verify.RUNTIMES:
        reports[runtime], titles[runtime] = {}, f"{runtime}: {ABSENT}"
        for name, report in _verify(chosen, runtime, node_modules):
            reports[runtime][name] = report
            titles[runtime] = report.runtime or titles[runtime]  # "" of a damaged card
            if head is not None and report.runtime not in head:
                raise ValueError(f"Expected a table with {report.runtime}. Received: {path}")
    if head is not None and head != _head(titles):
        raise ValueError(f"Expected a table of {', '.join(titles.values())}. Received: {path}")
    lines = {**kept, **{name: _line(name, reports) for name in chosen}}
    text = HEAD.format(tolerance=TOLERANCE) + _table(lines, names, titles, _where(where, models))
    print(text)
    if path:
        files.atomic_write(path, text)
    made = [report for of_runtime in reports.values() for report in of_runtime.values()]
    return 0 if made and all(report.ok for report in made) else 1


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
            report = verify.verify(name, runtime, node_modules, rebuild=True)
        except ImportError as error:
            print(f"  {printable(one_line(error))}", file=sys.stderr)
            return
        except (OSError, ValueError) as error:  # a damaged card hides no other model
            report = Report(name, "", [Check("load", "card.json", False, one_line(error))])
        if not report.ok:
            print(report, file=sys.stderr)
        yield name, report


def _read(path):
    """Returns the head of an earlier table, name -> cells, and what was said of where."""
    text = Path(path).read_text()
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    if not rows or rows[0][:2] != _head({}):
        raise ValueError(f"Expected the table that `--all --matrix` writes. Received: {path}")
    where = re.search(r" checks, on (.*)\. `node` is ", text)
    return rows[0], {row[0]: row for row in rows[2:]}, where[1] if where else ""


def _where(earlier, models):
    """Returns the machine of a table, and that of some models beside it where it is another."""
    here = f"{platform.system()} {platform.machine()}, {environment.hardware()}, Python "
    here += platform.python_version()
    return here if earlier in ("", here) else f"{earlier}; {', '.join(models)} on {here}"


def _head(titles):
    return ("model", "checks", *titles.values())


def _line(name, reports):
    found = [of_runtime.get(name) for of_runtime in reports.values()]
    checks = sum(check.ok is not None for report in found if report for check in report.checks)
    return (name, str(checks), *map(_cell, found))


def _table(lines, names, titles, where):
    rows = [_head(titles), ["---"] * (2 + len(titles))]
    rows += [lines[name] for name in names if name in lines]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    checks = sum(int(row[1]) for row in rows[2:])
    node, web = runtimes.NODE_PACKAGES["node"], runtimes.NODE_PACKAGES["web"]
    return (
        f"{table}\n{checks:,} checks, on {where}. `node` is {node} and `web` is {web} as "
        "WebAssembly, both under Node.js.\n"
    )


def _cell(report):
    if report is None:
        return "-"
    if not report.ok:
        return f"**FAILED**: {sum(check.ok is False for check in report.checks)} checks"
    return f"{report.max_error:.1e}{' *' if report.remade else ''}"
