"""Speed on one GPU, next to PyTorch: training, sampling and NLL of four networks.

    pip install torch && python -m benchmarks.gpu --out=gpu.json

Every contender is a process of its own; all take turns. This project runs on JAX. The shares are
of the rates at which the device multiplies large matrices in bfloat16 and in TF32, measured in the
same rounds, by the arithmetic of `benchmarks.networks`. `--tiny` runs small networks anywhere. The
table goes to docs/gpu.md with `--page`.
"""

import importlib.util
import sys
from pathlib import Path

from benchmarks import gpu_matrix, networks
from benchmarks.rounds import Contender, arguments, compare, summary
from export import pages
from trainers import scripts
from trainers.environment import hardware, versions

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gpu.md"
BEGIN, END = "<!-- gpu: python -m benchmarks.gpu --page -->", "<!-- end of gpu -->"
BATCHES = {"mlp": 4096, "gated_conv": 512, "dcgan": 512, "pixelcnn": 128}
TASKS = ("train", "sample", "nll")
DTYPES = {"bfloat16": "bf16", "float32": "tf32"}
SAMPLES = 16  # latents an image, of NLL
JAX = {"KERAS_BACKEND": "jax", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def contenders(network, task, dtype, tiny):
    """Returns the contenders of a network and task; PyTorch's where it is installed.

    PyTorch draws no images of a PixelCNN: it has nothing but one pass for each pixel.
    """
    batch = 4 if tiny else BATCHES[network]
    options = {"network": network, "task": task, "batch_size": batch, "dtype": dtype, "tiny": tiny}
    options["samples"] = 2 if tiny else SAMPLES
    result = [Contender("elbo-zoo", "benchmarks.gpu_zoo", options, JAX)]
    if importlib.util.find_spec("torch") and (network, task) != ("pixelcnn", "sample"):
        for name, compiled in (("PyTorch eager", False), ("PyTorch compile", True)):
            more = {**options, "compiled": compiled}
            result.append(Contender(name, "benchmarks.gpu_torch", more))
    return result


def flops(network, task):
    """Returns the floating-point operations an image of a task."""
    encoder, decoder = networks.halves(network)
    if task == "train":
        return 2 * networks.PASSES_PER_STEP * (encoder + decoder)
    return 2 * (decoder if task == "sample" else encoder + SAMPLES * decoder)


def rates(rounds, seconds, tiny):
    """Returns dtype -> matrix rate of the device in FLOP/s."""
    options = {dtype: {"dtype": dtype, "tiny": tiny} for dtype in DTYPES}
    turns = compare(
        [Contender(d, "benchmarks.gpu_matrix", options[d], JAX) for d in DTYPES], rounds, seconds
    )
    return {d: summary(turns[d])["median"] * gpu_matrix.flops(tiny) for d in DTYPES}


def measure(network, task, dtype, peaks, rounds, seconds, tiny):
    """Returns a row for each contender."""
    batch = 4 if tiny else BATCHES[network]
    turns = compare(contenders(network, task, dtype, tiny), rounds, seconds)
    rows = []
    for name, taken in turns.items():
        row = {"network": network, "task": task, "dtype": DTYPES[dtype], "contender": name}
        row.update(summary(taken, batch))
        work = row["median"] * flops(network, task)
        row["shares"] = {DTYPES[d]: work / peak for d, peak in peaks.items()}
        rows.append(row)
    for row in rows:
        for rival in ("eager", "compile"):
            other = next((r for r in rows if r["contender"] == f"PyTorch {rival}"), None)
            row[f"over {rival}"] = row["median"] / other["median"] if other else None
    return rows


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| network | task | type | contender | images/s | least, most | over eager | over compile "
        "| share of bf16 | share of tf32 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratios = [row["over eager"], row["over compile"]]
        cells = [row[key] for key in ("network", "task", "dtype", "contender")]
        cells += [f"{row['median']:,.0f}", f"{row['min']:,.0f}, {row['max']:,.0f}"]
        cells += [f"{ratio:.2f}" if ratio else "-" for ratio in ratios]
        cells += [f"{row['shares'][name]:.1%}" for name in DTYPES.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    """Measures and prints; writes JSON where `--out` says, and the page with `--page`."""
    parser = arguments(__doc__, seconds=1.0)
    parser.add_argument("--networks", default=",".join(BATCHES))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--page", action="store_true", help="put the table into docs/gpu.md")
    flags = parser.parse_args()
    rounds, seconds = (1, 0.05) if flags.tiny else (flags.rounds, flags.seconds)
    peaks = rates(rounds, seconds, flags.tiny)
    rows = []
    for network in flags.networks.split(","):
        for task in flags.tasks.split(","):
            for dtype in flags.dtypes.split(","):
                rows += measure(network, task, dtype, peaks, rounds, seconds, flags.tiny)
    shown = ", ".join(f"{DTYPES[d]} {rate / 1e12:,.2f} TFLOP/s" for d, rate in peaks.items())
    text = f"{table(rows)}\n\nMatrix products: {shown}. {device()}."
    print(text)
    if flags.page:
        pages.put(PAGE, text, BEGIN, END)
    if flags.out:
        from zoo.storage import files

        result = {"rows": rows, "matrix_product": peaks, "rounds": rounds, "seconds": seconds}
        files.write_json(flags.out, {**result, "hardware": device(), "versions": versions()})


def device():
    """Returns the name of the GPU, or the line of the processor where there is none."""
    try:
        import jax

        kind = jax.devices()[0]
    except (ImportError, RuntimeError):
        return hardware()
    return hardware() if kind.platform == "cpu" else f"{kind.device_kind}; {hardware()}"


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
