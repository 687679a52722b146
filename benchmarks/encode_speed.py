"""Encoding speed: the exported encoders in ONNX Runtime, TensorFlow and, where installed, PyTorch.

    pip install torch && python -m benchmarks.encode_speed --out=encode_speed.json

Batches of 1 and of 256 images of 28 x 28 in float32, from NumPy array to NumPy array. Contenders
are processes of their own, run in alternation; the table gives medians over turns.
"""

import importlib.util
import sys

from benchmarks.rounds import Contender, arguments, compare, summary
from trainers import scripts
from trainers.environment import hardware, versions

BATCHES = (1, 256)
NETWORKS = ("mlp", "small_conv", "gated_conv")


def contenders(network, batch_size):
    """Returns the contenders of one network at one batch size."""
    runtimes = ["onnxruntime", "tensorflow"]
    if importlib.util.find_spec("torch"):
        runtimes.append("pytorch")
    return [
        Contender(
            runtime,
            "benchmarks.encoding",
            {"network": network, "runtime": runtime, "batch_size": batch_size},
        )
        for runtime in runtimes
    ]


def measure(rounds, seconds):
    """Returns rows: network, batch size, runtime, images per second, milliseconds a batch."""
    rows = []
    for network in NETWORKS:
        for batch_size in BATCHES:
            turns = compare(contenders(network, batch_size), rounds, seconds)
            for name, taken in turns.items():
                found = summary(taken, batch_size)
                where = {"network": network, "batch_size": batch_size, "runtime": name}
                rows.append({**where, **found, "milliseconds": 1e3 * batch_size / found["median"]})
    return rows


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| encoder | batch | runtime | images/s | least, most | ms a batch |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['batch_size']} | {row['runtime']} | {row['median']:,.0f} "
            f"| {row['min']:,.0f}, {row['max']:,.0f} | {row['milliseconds']:.3g} |"
        )
    return "\n".join(lines)


def main():
    """Measures and prints; writes JSON where `--out` says."""
    scripts.prepare_tensorflow()
    flags = arguments(__doc__, seconds=1.0).parse_args()
    rows = measure(*((1, 0.05) if flags.tiny else (flags.rounds, flags.seconds)))
    print(table(rows))
    load = max(row["other_load"] or 0 for row in rows)
    print(f"\nOther load at most {load:.2f} cores. {hardware()}.")
    if flags.out:
        from zoo.storage import files

        files.write_json(flags.out, {"rows": rows, "hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
