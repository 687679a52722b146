"""Says which ratios of training speed fell since the committed report, by more than the spread.

    python -m benchmarks.guard

It runs `benchmarks.train_speed` once again and compares its ratios with those of
`docs/speed-training.json`: ratios to others that ran in the same rounds say more of a change than
rates do, on another machine or under another load. A ratio fell if its median is below the
committed one by more than half of the two ranges over rounds together. The exit status is 1 then.
"""

import sys
from pathlib import Path

from benchmarks import train_speed
from benchmarks.rounds import arguments
from trainers import scripts
from zoo.storage import files

REPORT = Path(__file__).resolve().parents[1] / "docs" / "speed-training.json"
KEY = ("network", "dtype", "ours", "other")


def compared(committed, measured):
    """Returns a row for each ratio that both reports have.

    Args:
        committed: The `ratios` of the committed report.
        measured: The `ratios` of the new one.

    Returns:
        The key, `before`, `now`, `spread` and whether it `fell`.
    """
    now = {tuple(row[name] for name in KEY): row for row in measured}
    rows = []
    for before in committed:
        key = tuple(before[name] for name in KEY)
        if key not in now:
            continue
        spread = sum(row["max"] - row["min"] for row in (before, now[key])) / 2
        rows.append(
            {
                **dict(zip(KEY, key)),
                **{"before": before["median"], "now": now[key]["median"], "spread": spread},
                "fell": before["median"] - now[key]["median"] > spread,
            }
        )
    return rows


def table(rows):
    """Returns the comparison as a Markdown table."""
    lines = [
        "| network | type | contender | over | committed | now | spread | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {' | '.join(row[name] for name in KEY)} | {row['before']:.2f} | {row['now']:.2f} | "
        f"{row['spread']:.2f} | {'fell' if row['fell'] else ''} |"
        for row in rows
    ]
    return "\n".join(lines)


def main():
    """Measures, compares and prints; returns the exit status."""
    parser = arguments(__doc__, seconds=2.0)
    parser.add_argument("--report", default=REPORT, help="the committed report")
    parser.add_argument("--networks", default="mlp,gated_conv")
    flags = parser.parse_args()
    scripts.prepare_tensorflow()
    committed = files.read_json(flags.report)
    chosen = flags.networks.split(",")
    ratios = [row for row in committed["ratios"] if row["network"] in chosen]
    dtypes = [d for d in train_speed.POLICIES if any(row["dtype"] == d for row in ratios)]
    rounds, seconds = (1, 0.1) if flags.tiny else (flags.rounds, flags.seconds)
    report = train_speed.run(chosen, dtypes, rounds, seconds)
    if flags.out:
        files.write_json(flags.out, report)
    rows = compared(ratios, report["ratios"])
    fallen = [row for row in rows if row["fell"]]
    print(f"\n{table(rows)}\n\n{len(fallen)} of {len(rows)} ratios fell by more than the spread.")
    return bool(fallen)


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
