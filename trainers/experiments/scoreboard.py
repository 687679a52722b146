"""Writes `results/README.md`, one line for each figure and table of the papers, and the verdicts.

`results/verdicts.md` has a line for each number and each conclusion of a paper, with ours.
"""

from pathlib import Path

from trainers.experiments import catalogue, reproducing, verdicts
from trainers.wording import with_error
from zoo.storage import files

HEAD = """# Results

One line for each figure and table of the five papers, written from the results' own files by
`python -m trainers.reproduce --scoreboard`. Numbers are ours ± standard error, with the paper's
where it gives one; bounds and costs are in nats. Each folder holds `result.json` (command, seeds,
data, and hardware, time and versions of its last call, which trains only what is missing) and the
pictures. "Differs" says how the runs differ from the paper's; it is empty where they do not. The
verdict counts the numbers of the paper that agree, that have the paper's order, and that disagree.
Then it counts the conclusions that hold, that fail, that are open and that are judged by eye.
[verdicts.md](verdicts.md) has the rule, each number and each conclusion.
[PLAN.md](PLAN.md) says what the runs that are still reduced would cost.
"""
NUMBERS = 4  # the most with a number of the paper on a line; the folder has all


def write(out="results"):
    """Writes the scoreboard of the results under `out`, and its verdicts.

    Returns:
        The path of the scoreboard.
    """
    lines, details = [HEAD], [f"# Verdicts\n\n{verdicts.__doc__.strip()}\n"]
    for paper in catalogue.papers():
        known = catalogue.items(paper)
        results = {name: reproducing.read(Path(out) / paper / name) for name in known}
        judged = {name: _judged(known[name], result) for name, result in results.items()}
        done = sum(result is not None for result in results.values())
        lines += [f"## {paper}: {done} of {len(known)}", "", _summary(judged.values()), ""]
        lines += [
            "| item | what | scale | differs | verdict | ours and the paper's |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(known[name], result, judged[name]) for name, result in results.items()]
        lines.append("")
        details += _details(paper, judged)
    files.atomic_write(Path(out) / "verdicts.md", "\n".join(details))
    path = Path(out) / "README.md"
    files.atomic_write(path, "\n".join(lines))
    return path


def _judged(item, result):
    """Returns `(rows with their verdicts, claims with theirs)` of an item."""
    if result is None:
        not_run = verdicts.Verdict(verdicts.OPEN, "the item was not run")
        return [], [(claim, not_run) for claim in item.claims]
    rows = verdicts.of_rows(result["rows"], item.unlike)
    return rows, [(claim, claim.verdict(result["rows"])) for claim in item.claims]


def _summary(judged):
    """Returns the verdicts of a paper in a sentence."""
    judged = list(judged)
    numbers = verdicts.count(verdict for rows, _ in judged for _, verdict in rows)
    claims = verdicts.count(verdict for _, claims in judged for _, verdict in claims)
    return (
        f"Numbers: {numbers or 'none measured'}. Conclusions: {claims or 'none stated as a rule'}."
    )


def _line(item, result, judged):
    verdict = "; ".join(filter(None, (verdicts.count(v for _, v in part) for part in judged)))
    if result is None:
        cells = (item.name, item.title, "not run yet", "", verdict, "")
    else:
        link = f"[{item.name}]({item.paper}/{item.name}/)"
        cells = (link, item.title, result["scale"], result["cut"], verdict, _numbers(result))
    return _row(*cells)


def _details(paper, judged):
    """Returns the lines of a paper in `verdicts.md`."""
    numbers = [
        "| item | row | metric | ours | paper | verdict | why |",
        "|---|---|---|---|---|---|---|",
    ]
    conclusions = ["| item | conclusion | verdict | why |", "|---|---|---|---|"]
    for name, (rows, claims) in judged.items():
        for row, verdict in rows:
            ours = with_error(row["ours"], row["stderr"])
            cells = (name, row["name"], row["metric"], ours, f"{row['paper']:g}")
            numbers.append(_row(*cells, verdict.kind, verdict.reason))
        conclusions += [_row(name, claim.text, v.kind, v.reason) for claim, v in claims]
    tables = [table for table in (numbers, conclusions) if len(table) > 2]
    return [f"## {paper}", "", *(line for table in tables for line in (*table, ""))]


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


def _row(*cells):
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(text):
    """Escapes what would end a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
