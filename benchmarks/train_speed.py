"""Training speed of this project beside plain PyTorch: same networks, machine, batch and threads.

    pip install torch && python -m benchmarks.train_speed --out=train_speed.json

Every contender is a process of its own, all run in alternation, `--rounds` turns of `--seconds`
each after a warm-up; the table gives the median over turns. This project trains through `fit` as
`trainers.train` does, with its data pipeline and metrics; PyTorch runs a bare loop. Both draw one
posterior sample an image, with the rate in closed form, under Adam. The share is of the rate at
which this machine multiplies 2048 x 2048 matrices of the same type, measured in the same rounds,
by the arithmetic of `benchmarks.networks`. `other load` is what other processes used of the
machine in the worst turn, in cores: well above zero, repeat it on a quiet machine. A processor
without bfloat16 units emulates that type, many times slower than float32: `--dtypes=float32` there.
"""

import importlib.util
import sys

from benchmarks import matrix_product, networks
from benchmarks.rounds import Contender, arguments, compare, summary
from trainers import scripts
from trainers.environment import hardware, versions

BATCHES = {"mlp": 300, "gated_conv": 100}
DTYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


def contenders(network, images, policies):
    """Returns the contenders of one network, PyTorch's where it is installed."""
    common = {"network": network, "batch_size": BATCHES[network], "images": images}
    found = []
    steps = min(20, images // BATCHES[network])
    for policy, dtype in policies.items():
        found.append(
            Contender(f"matrix product, {dtype}", "benchmarks.matrix_product", {"dtype": dtype})
        )
        options = {**common, "dtype_policy": policy, "steps": steps}
        found.append(Contender(f"elbo-zoo, {dtype}", "benchmarks.zoo_training", options))
        if importlib.util.find_spec("torch"):
            for name, compiled in (("eager", False), ("torch.compile", True)):
                options = {**common, "dtype": dtype, "compiled": compiled}
                found.append(
                    Contender(f"PyTorch {name}, {dtype}", "benchmarks.torch_training", options)
                )
    return found


def measure(network, rounds, seconds, images, policies):
    """Returns rows for one network, and dtype -> the matrix rate that shares are of, in FLOP/s."""
    turns = compare(contenders(network, images, policies), rounds, seconds)
    peak = {
        dtype: summary(turns[f"matrix product, {dtype}"])["median"] * matrix_product.FLOPS
        for dtype in policies.values()
    }
    rows = []
    for name, taken in turns.items():
        dtype = name.rsplit(", ", 1)[1]
        if name.startswith("matrix"):
            continue
        found = summary(taken, BATCHES[network])
        share = found["median"] * networks.training_flops(network) / peak[dtype]
        rows.append({"network": network, "contender": name, **found, "share": share})
    for row in rows:
        dtype = row["contender"].rsplit(", ", 1)[1]
        for rival in ("eager", "torch.compile"):
            other = next((r for r in rows if r["contender"] == f"PyTorch {rival}, {dtype}"), None)
            row[f"over {rival}"] = row["median"] / other["median"] if other else None
    return rows, peak


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| network | contender | examples/s | least, most | over eager | over compile | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratios = [row["over eager"], row["over torch.compile"]]
        cells = [f"{ratio:.2f}" if ratio else "-" for ratio in ratios]
        lines.append(
            f"| {row['network']} | {row['contender']} | {row['median']:,.0f} | {row['min']:,.0f}, "
            f"{row['max']:,.0f} | {cells[0]} | {cells[1]} | {row['share']:.0%} |"
        )
    return "\n".join(lines)


def main():
    """Measures and prints; writes JSON where `--out` says."""
    parser = arguments(__doc__, seconds=4.0)
    parser.add_argument("--networks", default="mlp,gated_conv")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    flags = parser.parse_args()
    scripts.prepare_tensorflow()  # for all contenders, which inherit this process's environment
    policies = {key: dtype for key, dtype in DTYPES.items() if dtype in flags.dtypes.split(",")}
    rounds, seconds = (1, 0.1) if flags.tiny else (flags.rounds, flags.seconds)
    rows, peaks = [], {}
    for network in flags.networks.split(","):
        found, peak = measure(network, rounds, seconds, 20 * BATCHES[network], policies)
        rows += found
        peaks[network] = peak
    print(table(rows))
    load = max((row["other_load"] or 0 for row in rows), default=0)
    rates = ", ".join(f"{dtype} {rate / 1e9:,.0f} GFLOP/s" for dtype, rate in peak.items())
    print(f"\nMatrix products: {rates}. Other load at most {load:.2f} cores. {hardware()}.")
    if flags.out:
        from zoo.storage import files

        result = {"rows": rows, "matrix_product": peaks, "rounds": rounds, "seconds": seconds}
        files.write_json(flags.out, {**result, "hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
