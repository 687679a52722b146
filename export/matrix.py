"""Every artifact in every runtime, as a table: `python -m export.verify --all --matrix=FILE`."""

import platform
import sys
from pathlib import Path

from export import runtimes, verify
from export.report import TOLERANCE, one_line
from zoo import files
from zoo.registry import nearest
from zoo.releases import catalogue

ABSENT = "not installed"
HEAD = """# Artifacts and runtimes

Written by `python -m export.verify --all --matrix=docs/verified.md`. Each cell: the largest error
of all numbers of the golden file, max |a - b| / max(1, |b|) with a of this runtime and b of Keras,
at two batch sizes; a model passes up to {tolerance:.0e} and with all its files whole. TensorFlow
reads the SavedModel; where an artifact was published without one, one made from its weights (*).

"""


def verify_all(path="", node_modules="", models=()):
    """Verifies models in all runtimes, prints the table, and writes it to `path`.

    A runtime that is not installed is left out, and said so; it is no failure.

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
    for name in models:
        if name not in names:
            raise ValueError(f"Expected released models. Received: {name!r}.{nearest(name, names)}")
    earlier = Path(path).read_text() if models else ""
    titles, reports = {}, {}
    for runtime in verify.RUNTIMES:
        titles[runtime] = runtime
        for name in models or names:
            print(f"{name} in {runtime}", file=sys.stderr)
            try:
                report = verify.verify(name, runtime, node_modules, rebuild=True)
            except ImportError as error:
                print(f"  {one_line(error)}", file=sys.stderr)
                titles[runtime] = f"{runtime}: {ABSENT}"
                break
            titles[runtime] = report.runtime
            reports[name, runtime] = report
            if not report.ok:
                print(report, file=sys.stderr)
    lines = {name: _line(name, titles, reports) for name in models or names}
    if models:
        lines = {**_kept(earlier, titles, path), **lines}
    text = HEAD.format(tolerance=TOLERANCE) + _table(lines, names, titles)
    print(text)
    if path:
        files.atomic_write(path, text)
    return 0 if reports and all(report.ok for report in reports.values()) else 1


def _kept(text, titles, path):
    """Returns name -> cells of an earlier table, which must be of these runtimes."""
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    head = _head(titles)
    if head not in rows:
        raise ValueError(f"Expected a table of {', '.join(head[2:])}. Received: {path}")
    return {row[0]: row for row in rows[rows.index(head) + 2 :]}


def _head(titles):
    return ("model", "checks", *titles.values())


def _line(name, titles, reports):
    found = [reports.get((name, runtime)) for runtime in titles]
    checks = sum(check.ok is not None for report in found if report for check in report.checks)
    return (name, str(checks), *map(_cell, found))


def _table(lines, names, titles):
    rows = [_head(titles), ["---"] * (2 + len(titles))]
    rows += [lines[name] for name in names if name in lines]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    checks = sum(int(row[1]) for row in rows[2:])
    node, web = runtimes.NODE_PACKAGES["node"], runtimes.NODE_PACKAGES["web"]
    return (
        f"{table}\n{checks:,} checks, on {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}. `node` is {node} and `web` is {web} as WebAssembly, both "
        "under Node.js.\n"
    )


def _cell(report):
    if report is None:
        return "-"
    if not report.ok:
        return f"**FAILED**: {sum(check.ok is False for check in report.checks)} checks"
    return f"{report.max_error:.1e}{' *' if report.remade else ''}"
