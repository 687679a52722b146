"""Compares the speed of training with other libraries: same networks, machine, batch and threads.

    pip install -e ".[train,jax,benchmark]"
    python -m benchmarks.train_speed --out=docs/speed-training.json

Every contender of `benchmarks.training_contenders` is a process of its own. All run in
alternation, `--rounds` turns of `--seconds` each after a warm-up; the tables give medians over
turns. This project trains through `fit` as `trainers.train` does, with its data pipeline and
metrics. All draw one posterior sample an image, with the rate in closed form, under Adam. The share
is of the rate at which this machine multiplies 2048 x 2048 matrices of the same type, measured in
the same rounds, by the arithmetic of `benchmarks.networks`. A ratio is the median over rounds, with
the least and the greatest. `other load` is what other processes used of the machine in the worst
turn, in cores: well above zero, repeat it on a quiet machine. A processor without bfloat16 units
emulates that type, many times slower than float32: `--dtypes=float32` there.
"""

import importlib.metadata
import statistics
import sys

from benchmarks import matrix_product, networks
from benchmarks.rounds import arguments, compare, summary
from benchmarks.training_contenders import BATCHES, MATRIX, OURS, POLICIES, STEPS, entries
from trainers import scripts
from trainers.environment import hardware, versions

PEERS = ("torch", "pythae")


def measure(network, dtype, rounds, seconds):
    """Returns the rows of one network and type of number: rates of each contender, a turn each.

    Args:
        network: "mlp" or "gated_conv".
        dtype: "float32" or "bfloat16".
        rounds: Turns of each contender.
        seconds: Length of a turn.
    """
    size, steps = BATCHES[network], STEPS if network == "mlp" else 4
    taking_part = entries(network, dtype, steps * size, steps)
    turns = compare([entry.start() for entry in taking_part], rounds, seconds)
    peak = summary(turns[MATRIX])["median"] * matrix_product.FLOPS
    rows = []
    for entry in taking_part:
        if entry.role == MATRIX:
            continue
        result = summary(turns[entry.name], size)
        rows.append(
            {
                **{"network": network, "dtype": dtype, "batch_size": size},
                **{"contender": entry.name, "role": entry.role},
                **result,
                "rates": [t["steps"] * size / t["seconds"] for t in turns[entry.name]],
                "share": result["median"] * networks.training_flops(network) / peak,
                "matrix_product": peak,
            }
        )
    return rows


def ratios(rows):
    """Returns a row for each ratio of ours to another contender, a ratio a round.

    The other contenders are those of the same network and type, and for the type "best" the
    faster type of each of the two.
    """
    result = []
    for network in dict.fromkeys(row["network"] for row in rows):
        ours = [row for row in rows if row["network"] == network]
        groups = {dtype: [r for r in ours if r["dtype"] == dtype] for dtype in POLICIES}
        groups["best"] = list(_fastest(ours).values())
        for dtype, group in groups.items():
            pairs = [(a, b) for a in group if a["role"] == OURS for b in group if b is not a]
            result += [
                {"network": network, "dtype": dtype, **_ratio(a, b)}
                for a, b in pairs
                if b["role"] != OURS
            ]
    return result


def _fastest(rows):
    """Returns contender -> its row of the faster type, where it was measured in both."""
    names = [row["contender"] for row in rows]
    rows = [row for row in rows if names.count(row["contender"]) > 1]
    rows = sorted(rows, key=lambda row: row["median"])
    return {row["contender"]: row for row in rows}


def _ratio(ours, other):
    values = [a / b for a, b in zip(ours["rates"], other["rates"])]
    return {
        "ours": ours["contender"],
        "other": other["contender"],
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }


def table(rows):
    """Returns the rates as a Markdown table."""
    lines = [
        "| network, batch | type | contender | examples/s | least, most | share |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        bold = "**" if row["role"] == OURS else ""
        lines.append(
            f"| {row['network']}, {row['batch_size']} | {row['dtype']} | "
            f"{bold}{row['contender']}{bold} | {bold}{row['median']:,.0f}{bold} | "
            f"{row['min']:,.0f}, {row['max']:,.0f} | {row['share']:.0%} |"
        )
    return "\n".join(lines)


def ratio_table(rows):
    """Returns the ratios as a Markdown table: a line for each other contender."""
    lines = [
        "| network | type | contender | over | ratio | least, most |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['dtype']} | {row['ours']} | {row['other']} | "
            f"{row['median']:.2f} | {row['min']:.2f}, {row['max']:.2f} |"
        )
    return "\n".join(lines)


def conditions(report):
    """Returns one line: matrix products, load by others, machine and versions of a report."""
    peaks = {row["dtype"]: row["matrix_product"] for row in report["rows"]}
    rates = ", ".join(f"{dtype} {rate / 1e9:,.0f} GFLOP/s" for dtype, rate in peaks.items())
    load = max((row["other_load"] or 0 for row in report["rows"]), default=0)
    names = ("tensorflow", "keras", "jax", *PEERS)
    shown = [f"{n} {report['versions'][n]}" for n in names if n in report["versions"]]
    return (
        f"Matrix products: {rates}. Other load at most {load:.2f} cores. {report['hardware']}; "
        f"{', '.join(shown)}."
    )


def run(chosen, dtypes, rounds, seconds):
    """Returns the report of networks and types: what `--out` writes."""
    rows = []
    for network in chosen:
        for dtype in dtypes:
            rows += measure(network, dtype, rounds, seconds)
            print(table(rows), flush=True)
    peers = {}
    for package in PEERS:
        try:
            peers[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "command": f"python -m benchmarks.train_speed --rounds={rounds} --seconds={seconds:g}",
        **{"rounds": rounds, "seconds": seconds, "rows": rows, "ratios": ratios(rows)},
        **{"hardware": hardware(), "versions": {**versions(), **peers}},
    }


def main():
    """Measures and prints; writes JSON where `--out` says."""
    parser = arguments(__doc__, seconds=3.0)
    parser.add_argument("--networks", default="mlp,gated_conv")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    flags = parser.parse_args()
    scripts.prepare_tensorflow()  # for all contenders, which inherit this process's environment
    rounds, seconds = (1, 0.1) if flags.tiny else (flags.rounds, flags.seconds)
    dtypes = [dtype for dtype in POLICIES if dtype in flags.dtypes.split(",")]
    report = run(flags.networks.split(","), dtypes, rounds, seconds)
    print(f"\n{ratio_table(report['ratios'])}\n\n{conditions(report)}")
    if flags.out:
        from zoo.storage import files

        files.write_json(flags.out, report)


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
