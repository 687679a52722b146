"""Speed after training: log-likelihoods, encoding, sampling pixels, and the start of commands.

    pip install torch && python -m benchmarks.evaluation_speed --out=evaluation_speed.json

Contenders are processes of their own, run in alternation; medians over turns. A command's seconds
are those of the clock, and of the processor (user and system), of a fresh process. Takes about
five minutes on two cores.
"""

import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time

from benchmarks import encode_speed, family_speed, likelihoods
from benchmarks.rounds import Contender, arguments, compare, summary
from trainers import scripts
from trainers.environment import hardware, versions

CONFIG = "configs/quickstart.py"


def measure_nll(network, rounds, seconds):
    """Returns rows: runtime, decodes a second, and how many times those of a PyTorch loop."""
    runtimes = ["keras", "light", *(["pytorch"] if importlib.util.find_spec("torch") else [])]
    contenders = [
        Contender(name, "benchmarks.likelihoods", {"network": network, "runtime": name})
        for name in runtimes
    ]
    rows = []
    for name, turns in compare(contenders, rounds, seconds).items():
        found = summary(turns, likelihoods.decodes(network))
        rows.append({"work": f"NLL, {network}", "runtime": name, **found})
    return _with_ratios(rows, "pytorch")


def measure_encoding(rounds, seconds):
    """Returns rows of the gated convolutions' encoder, batches of 256."""
    turns = compare(encode_speed.contenders("gated_conv", 256), rounds, seconds)
    rows = [
        {"work": "encode gated_conv, batch 256", "runtime": name, **summary(taken, 256)}
        for name, taken in turns.items()
    ]
    return _with_ratios(rows, "tensorflow")


def _with_ratios(rows, rival):
    reference = next((row["median"] for row in rows if row["runtime"] == rival), None)
    return [
        {**row, "rival": rival, "ratio": row["median"] / reference if reference else None}
        for row in rows
    ]


def measure_start(option=""):
    """Returns rows: the quickstart's two commands, seconds of the clock and of the processor."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run = ["--workdir", os.path.join(folder, "run")]
        commands = {
            "quickstart, command to report": ["trainers.train", f"--config={CONFIG}{option}", *run],
            "publish": ["export.publish", "--name=quickstart", *run],
        }
        for name, (module, *flags) in commands.items():
            before, start = _children_seconds(), time.perf_counter()
            command = [sys.executable, "-m", module, *flags]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            used = _children_seconds() - before
            rows.append({"command": name, "seconds": seconds, "processor_seconds": used})
    return rows


def _children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(rows):
    """Returns the rows of contenders as a Markdown table."""
    lines = ["| work | runtime | a second | least, most | ratio |", "|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row['ratio']:.2f} x {row['rival']}" if row["ratio"] else "-"
        lines.append(
            f"| {row['work']} | {row['runtime']} | {row['median']:,.0f} | {row['min']:,.0f}, "
            f"{row['max']:,.0f} | {ratio} |"
        )
    return "\n".join(lines)


def start_table(rows):
    """Returns the rows of commands as a Markdown table."""
    lines = ["| command | seconds | seconds of the processor |", "|---|---|---|"]
    lines += [
        f"| {r['command']} | {r['seconds']:.1f} | {r['processor_seconds']:.1f} |" for r in rows
    ]
    return "\n".join(lines)


def main():
    """Measures and prints; writes JSON where `--out` says."""
    flags = arguments(__doc__, seconds=3.0).parse_args()
    scripts.prepare_tensorflow()
    rounds, seconds = (1, 0.05) if flags.tiny else (flags.rounds, flags.seconds)
    starts = measure_start(":tiny" if flags.tiny else "")
    print(start_table(starts), flush=True)
    rows = measure_encoding(rounds, seconds)
    for network in likelihoods.SIZES:
        rows += measure_nll(network, rounds, seconds)
    print(f"\n{table(rows)}", flush=True)
    sampling = family_speed.measure_draws((16, 64), 4 if flags.tiny else 64)
    print(f"\n{family_speed.draws_table(sampling)}")
    load = max(row["other_load"] or 0 for row in rows)
    print(f"\nOther load at most {load:.2f} cores. {hardware()}.")
    if flags.out:
        from zoo.storage import files

        result = {"rows": rows, "starts": starts, "sampling": sampling}
        files.write_json(flags.out, {**result, "hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
