"""Every artifact in every runtime, as a table: `python -m export.verify --all --matrix=FILE`."""

import platform
import sys

from export import runtimes, verify
from export.report import TOLERANCE, one_line
from zoo import files
from zoo.releases import catalogue

ABSENT = "not installed"
HEAD = """# Artifacts and runtimes

Written by `python -m export.verify --all --matrix=docs/verified.md`. Each cell: the largest error
of all numbers of the golden file, max |a - b| / max(1, |b|) with a of this runtime and b of Keras,
at two batch sizes; a model passes up to {tolerance:.0e} and with all its files whole. TensorFlow
reads the SavedModel; where an artifact was published without one, one made from its weights (*).

"""


def verify_all(path="", node_modules="", names=None):
    """Verifies all models at hand in all runtimes, prints the table, and writes it to `path`.

    A runtime that is not installed is left out, and said so; it is no failure.

    Args:
        path: A Markdown file, or "".
        node_modules: See `verify.verify`.
        names: Names, or None for all of the catalogue.

    Returns:
        The exit code: 0 if every model passed in every runtime that is installed, and one did.
    """
    names = catalogue.names() if names is None else names
    titles, reports = {}, {}
    for runtime in verify.RUNTIMES:
        titles[runtime] = runtime
        for name in names:
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
    text = HEAD.format(tolerance=TOLERANCE) + _table(names, titles, reports) + _where(reports)
    print(text)
    if path:
        files.atomic_write(path, text)
    return 0 if reports and all(report.ok for report in reports.values()) else 1


def _table(names, titles, reports):
    rows = [["model", *titles.values()], ["---"] * (1 + len(titles))]
    rows += [[name, *(_cell(reports.get((name, r))) for r in titles)] for name in names]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(report):
    if report is None:
        return "-"
    if not report.ok:
        return f"**FAILED**: {sum(check.ok is False for check in report.checks)} checks"
    return f"{report.max_error:.1e}{' *' if report.remade else ''}"


def _where(reports):
    checks = sum(check.ok is not None for report in reports.values() for check in report.checks)
    node, web = runtimes.NODE_PACKAGES["node"], runtimes.NODE_PACKAGES["web"]
    return (
        f"\n{checks:,} checks, on {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}. `node` is {node} and `web` is {web} as WebAssembly, both "
        "under Node.js.\n"
    )
