"""Writes the tables of docs/reliability.md from what runs of faults and a soak measured.

    python -m pytest -m "faults and not slow" --fault-report=docs/faults.json
    python -m pytest -m faults tests/faults/test_mutations.py --fault-report=docs/faults-files.json
    python -m pytest -m faults tests/faults/test_fuzz.py --fault-report=docs/faults-fuzz.json
    python -m pytest -m faults tests/faults/test_mutations.py -k card --fault-count=9500 \\
        --fault-report=docs/faults-cards.json
    python -m pytest -m faults tests/faults/test_kills.py --fault-report=docs/faults-kills.json
    python -m benchmarks.soak --minutes=60 --out=docs/soak.json
    python -m benchmarks.reliability

Where two runs have a kind of fault, the one with more of them counts. Each table stands between two
comments of the page; the rest of the page stays.
"""

import sys
from pathlib import Path

from benchmarks import soak
from export import pages
from trainers import scripts
from trainers.wording import duration
from zoo.storage import files

COMMAND = "python -m benchmarks.reliability"
DOCS = Path(__file__).resolve().parents[1] / "docs"
REPORTS = (
    "faults.json",
    "faults-files.json",
    "faults-fuzz.json",
    "faults-cards.json",
    "faults-kills.json",
)
# Counts of what must not happen; all must be 0.
WRONG = ("different", "undetected", "other errors", "code executed", "not as promised")
# Kinds of faults that are summed: those whose names start so.
SUMS = ("kills", "kills of training", "mutations", "fuzzed inputs")


def faults_table(faults):
    """Returns the counts of faults as a Markdown table; what must not happen comes first."""
    lines = ["| fault | injected | outcome |", "|---|---|---|"]
    for kind, counts in sorted(faults.items()):
        rest = sorted(counts.items(), key=lambda item: (item[0] not in WRONG, item[0]))
        outcome = [_outcome(name, number) for name, number in rest if name != "injected"]
        lines.append(f"| {kind} | {counts.get('injected', 0):,} | {', '.join(outcome)} |")
    return "\n".join(lines)


def sums_table(faults):
    """Returns the sums over kinds of faults that start alike as a Markdown table."""
    lines = ["| faults, all together | injected | with a wrong end |", "|---|---|---|"]
    for start in SUMS:
        chosen = [counts for kind, counts in faults.items() if kind.startswith(start)]
        injected = sum(counts.get("injected", 0) for counts in chosen)
        wrong = sum(counts.get(name, 0) for counts in chosen for name in WRONG)
        lines.append(f"| {start} | {injected:,} | {wrong:,} |")
    return "\n".join(lines)


def _outcome(name, number):
    shown = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"
    if name.startswith("most "):
        return f"at most {shown} {name.removeprefix('most ')}"
    return f"{shown} {name}"


def faults_text(reports):
    """Returns what the page says of runs of faults; the largest count of a kind, once."""
    lines, faults = [], {}
    for report in reports:
        tests = ", ".join(f"{number:,} {name}" for name, number in sorted(report["tests"].items()))
        taken = duration(report["seconds"])
        lines.append(f"- `{report['command']}`: seed {report['seed']}, {taken}, tests {tests}.")
        for kind, counts in report["faults"].items():
            if counts.get("injected", 0) > faults.get(kind, {}).get("injected", -1):
                faults[kind] = counts
    tables = f"{sums_table(faults)}\n\n{faults_table(faults)}"
    return "\n".join([*lines, "", _machine(reports[0]), "", tables])


def _machine(report):
    versions = report["versions"]
    names = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras"}
    names["onnxruntime"] = "ONNX Runtime"
    shown = ", ".join(f"{shown} {versions[name]}" for name, shown in names.items())
    return f"{report['hardware']}, shared with other work; {shown}."


def soak_text(report):
    """Returns what the page says of a soak."""
    shortest = min(row["minutes"] for row in report["rows"])
    cut = f" This run had {shortest:g} minutes of each, not 60." if shortest < 60 else ""
    grown = [
        f"{row['work']} ({', '.join(names)})"
        for row in report["rows"]
        if (names := soak.leaks(row))
    ]
    ended = f" It failed, as these grew: {'; '.join(grown)}." if grown else " Nothing grew."
    return f"`{report['command']}`.{cut}{ended} {_machine(report)}\n\n{soak.table(report['rows'])}"


def write(page, faults, soaked):
    """Writes the tables of a page.

    Args:
        page: A Markdown file with the comments.
        faults: Reports of `pytest --fault-report`.
        soaked: What `benchmarks.soak --out` wrote.
    """
    pages.put(page, faults_text(faults), *_comments("faults"))
    pages.put(page, soak_text(soaked), *_comments("soak"))


def _comments(name):
    return f"<!-- {name}: {COMMAND} -->", f"<!-- end of {name} -->"


def main():
    """Reads the numbers and writes the page."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--page", default=DOCS / "reliability.md")
    flags = parser.parse_args()
    reports = [files.read_json(DOCS / name) for name in REPORTS]
    write(flags.page, reports, files.read_json(DOCS / "soak.json"))


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
