"""Writes the tables of training speed in docs/speed.md and README.md from the measured report.

    python -m benchmarks.train_speed --out=docs/speed-training.json
    python -m benchmarks.speed_page

Each table stands between two comments; the rest of a page stays.
"""

import sys
from pathlib import Path

from benchmarks import train_speed
from benchmarks.training_contenders import LIMIT, OURS, PEER
from export import pages
from trainers import scripts
from zoo.storage import files

COMMAND = "python -m benchmarks.speed_page"
ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "speed-training.json"
NETWORKS = {"mlp": "dense", "gated_conv": "gated convolutions"}


def details(report):
    """Returns what docs/speed.md shows: rates, ratios and conditions."""
    return "\n\n".join(
        [
            f"`{report['command']}`. {train_speed.conditions(report)}",
            train_speed.table(report["rows"]),
            "A ratio is the median over rounds; the type `best` has the faster type of each.",
            train_speed.ratio_table(report["ratios"]),
        ]
    )


def overview(report):
    """Returns what README.md shows: our fastest contender, the fastest peer and the limit."""
    lines = ["| training, examples/s | elbo-zoo | fastest peer | by hand |", "|---|---|---|---|"]
    kinds = dict.fromkeys((row["network"], row["dtype"]) for row in report["rows"])
    for network, dtype in kinds:
        own = [r for r in report["rows"] if (r["network"], r["dtype"]) == (network, dtype)]
        cells = [_fastest(own, role) for role in (OURS, PEER, LIMIT)]
        lines.append(f"| {NETWORKS[network]}, {dtype} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _fastest(rows, role):
    rows = sorted((row for row in rows if row["role"] == role), key=lambda row: row["median"])
    if not rows:
        return ""
    rate, name = f"{rows[-1]['median']:,.0f}", rows[-1]["contender"]
    if role == PEER:
        return f"{rate} ({name})"
    if role == LIMIT:  # "one XLA program by hand, FRAMEWORK"
        return f"{rate} ({name.rpartition(', ')[2]})"
    framework = name.partition(" on ")[2]  # "elbo-zoo" or "elbo-zoo on JAX"
    return f"**{rate}**" + (f" ({framework})" if framework else "")


def write(folder, report):
    """Writes the tables of `docs/speed.md` and `README.md` in `folder`."""
    begin, end = f"<!-- training: {COMMAND} -->", "<!-- end of training -->"
    pages.put(Path(folder) / "docs" / "speed.md", details(report), begin, end)
    readme = Path(folder) / "README.md"
    if begin in readme.read_text(encoding="utf-8"):
        pages.put(readme, overview(report), begin, end)


def main():
    """Reads the report and writes the pages."""
    scripts.Parser(__doc__).parse_args()
    write(ROOT, files.read_json(REPORT))


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
