"""Guards a redesign: the same results, scoreboard, artifacts and tiny runs before and after.

    python tests/guard.py kept                       # results that can be made from committed runs
    python tests/guard.py scoreboard
    python tests/guard.py artifacts                  # every released model loads and verifies
    python tests/guard.py tiny --snapshot=DIR [--papers=vimae,bilbo] [--jobs=2]

`kept` makes each result again whose runs are committed, and compares its rows with the committed
ones. `tiny` runs every figure and table of the papers at the tiny scale. The first call keeps the
rows in DIR; later calls on the same machine compare theirs with them, number by number. The exit
code is 1 if anything differs.
"""

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import app, flags

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
# (paper, item, scale, folder of committed runs: of their files, or of `runs.csv`).
KEPT = [
    ("bilbo", "fig8", "full", "bilbo"),
    ("bilbo", "apart", "full", "bilbo"),
    ("broken_elbo", "rd_mnist", "reduced", "broken_elbo"),
    ("broken_elbo", "rd_omniglot", "reduced", "broken_elbo"),
    ("broken_elbo", "off_rate_zero", "reduced", "broken_elbo"),
    ("mu_vae", "fig2", "full", "mu_vae"),
    ("mu_vae", "fig8", "full", "mu_vae"),
    ("mu_vae", "table1", "full", "mu_vae"),
]
# Items without the data that they need, or with runs of another kind.
SUBSTITUTES = {("vimae", "fig4"): "cifar10", ("vimae", "table5"): "cifar10"}
CELEBA = {("bilbo", "fig7"), ("bilbo", "fig16"), ("bilbo", "fig17")}

_SNAPSHOT = flags.DEFINE_string("snapshot", None, "Folder of the rows of tiny runs.")
_PAPERS = flags.DEFINE_list("papers", None, "Papers of the tiny runs; the default is all.")
_JOBS = flags.DEFINE_integer("jobs", 2, "Papers that run at the same time.")


def reproduce(paper, item, scale, workdir, *options):
    """Runs an item in a process of its own; returns its rows, or the last line of its error."""
    command = [sys.executable, "-m", "trainers.reproduce", f"--paper={paper}", f"--item={item}"]
    command += [f"--scale={scale}", f"--workdir={workdir}", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    path = Path(workdir) / "result.json"
    if done.returncode or not path.is_file():
        lines = (done.stderr.strip() or done.stdout.strip() or "no result").splitlines()
        return lines[-1]
    return json.loads(path.read_text())["rows"]


def compare(name, expected, received):
    """Prints every row that differs; returns (rows compared, rows different)."""
    if isinstance(expected, str) or isinstance(received, str):
        same = expected == received
        print(f"{name}: {'same error' if same else f'EXPECTED {expected} RECEIVED {received}'}")
        return 1, int(not same)
    different = [(a, b) for a, b in zip(expected, received) if a != b]
    count = max(len(expected), len(received))
    bad = len(different) + abs(len(expected) - len(received))
    print(f"{name}: {count} rows, {bad} different", flush=True)
    for a, b in different[:5]:
        print(f"  expected {a}\n  received {b}")
    return count, bad


def kept():
    """Compares the results of committed runs with results made from them again."""
    totals = []
    with tempfile.TemporaryDirectory() as scratch:
        for paper, item, scale, folder in KEPT:
            runs, workdir = Path(scratch, "runs"), Path(scratch, f"{paper}_{item}")
            shutil.rmtree(runs, ignore_errors=True)
            is_archive = (RESULTS / folder / "runs.csv").is_file()
            if is_archive:  # the tables alone
                runs.mkdir()
                for table in ("runs.csv", "history.csv"):
                    shutil.copy(RESULTS / folder / table, runs)
            else:
                shutil.copytree(RESULTS / folder, runs)
            received = reproduce(paper, item, scale, workdir, f"--runs={runs}")
            committed = json.loads((RESULTS / paper / item / "result.json").read_text())["rows"]
            totals.append(compare(f"{paper} {item}", committed, received))
    return totals


def scoreboard():
    """Compares the committed scoreboard, line by line, with one made again."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "results")
        shutil.copytree(RESULTS, out, ignore=shutil.ignore_patterns("runs", "*.png"))
        command = [sys.executable, "-m", "trainers.reproduce", "--scoreboard", f"--out={out}"]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        lines = [
            path.read_text().splitlines() for path in (RESULTS / "README.md", out / "README.md")
        ]
    return [compare("scoreboard", *[[{"line": line} for line in text] for text in lines])]


def artifacts():
    """Loads every released model in Keras and verifies it in ONNX Runtime."""
    import zoo
    from export import verify

    totals = []
    for name in _names():
        zoo.load(name)
        report = verify.verify(ROOT / "artifacts" / name, "onnxruntime")
        totals.append((1, int(not report.ok)))
        print(f"{name}: {'verified' if report.ok else report}", flush=True)
    return totals


def _names():
    return sorted(path.parent.name for path in (ROOT / "artifacts").glob("*/card.json"))


def tiny():
    """Compares the rows of tiny runs with those of the snapshot, or keeps them as one."""
    snapshot = Path(_SNAPSHOT.value)
    snapshot.mkdir(parents=True, exist_ok=True)
    from trainers.experiments import catalogue

    papers = _PAPERS.value or catalogue.papers()
    with concurrent.futures.ThreadPoolExecutor(_JOBS.value) as pool:
        return [total for totals in pool.map(_tiny_paper, papers) for total in totals]


def _tiny_paper(paper):
    from trainers.experiments import catalogue

    totals = []
    with tempfile.TemporaryDirectory() as scratch:
        for item in catalogue.items(paper):
            key = (paper, item)
            if key in CELEBA:
                continue
            options = [f"--substitute={SUBSTITUTES[key]}"] if key in SUBSTITUTES else []
            options.append(f"--runs={scratch}/runs")
            rows = reproduce(paper, item, "tiny", Path(scratch, item), *options)
            rows = rows if isinstance(rows, str) else [_lasting(row) for row in rows]
            path = Path(_SNAPSHOT.value, f"{paper}_{item}.json")
            if path.is_file():
                expected = json.loads(path.read_text())
                if not isinstance(expected, str):
                    expected = [_lasting(row) for row in expected]
                totals.append(compare(f"{paper} {item}", expected, rows))
            else:
                path.write_text(json.dumps(rows, indent=1))
                print(f"{paper} {item}: kept {rows if isinstance(rows, str) else len(rows)}")
    return totals


def _lasting(row):
    """Leaves out of a row what is a time, and out of its name the seed, which `seeds` has."""
    ours = None if "second" in row["metric"] else row["ours"]
    return {**row, "name": re.sub(r"_seed=\d+$", "", row["name"]), "ours": ours}


def main(arguments):
    kinds = {"kept": kept, "scoreboard": scoreboard, "artifacts": artifacts, "tiny": tiny}
    totals = [total for name in arguments[1:] for total in kinds[name]()]
    compared, different = (sum(column) for column in zip(*totals)) if totals else (0, 0)
    print(f"{compared} compared, {different} different")
    return int(different > 0)


if __name__ == "__main__":
    app.run(main)
