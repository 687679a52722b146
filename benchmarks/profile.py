"""Says where the time of training goes, by the framework's own profiler.

    python -m benchmarks.profile --network=mlp
    KERAS_BACKEND=jax python -m benchmarks.profile --network=mlp --dtype=bfloat16

It trains a network of `benchmarks.zoo_training` through `fit`, with callbacks of a run, and prints
milliseconds a step of each kind of work, summed over threads; then the longest operations. A thread
that waits or looks for work counts as `waiting`. On a machine that others use, times are longer
than the work.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import traces
from benchmarks.training_contenders import BATCHES, POLICIES, STEPS
from trainers import scripts

MEANINGS = {
    "input": "batches: drawn, binarised, made floats, handed over",
    "host to device": "batches copied to the device",
    "matrix products": "XLA's and oneDNN's",
    "convolutions": "XLA's and oneDNN's",
    "other kernels": "activations, losses, sums and their gradients",
    "optimiser": "Adam",
    "metrics": "means of terms, first steps that are not finite",
    "callbacks": "Python at the end of an execution",
    "framework": "Python and dispatch between executions",
    "waiting": "threads without work",
}


def profiled(network, dtype, executions, folder):
    """Trains some executions under the profiler.

    Args:
        network: "mlp", "gated_conv" or a family of `benchmarks.zoo_training`.
        dtype: "float32" or "bfloat16".
        executions: How many.
        folder: Where the profile goes.

    Returns:
        Steps that were profiled, and the seconds that they took.
    """
    import keras

    from benchmarks import zoo_training
    from trainers import callbacks
    from zoo import backend

    size, steps = BATCHES.get(network, 100), STEPS if network == "mlp" else 2

    class Listed(keras.callbacks.CallbackList):
        def on_train_batch_end(self, batch, logs=None):
            with backend.profiled_as("callbacks"):
                super().on_train_batch_end(batch, logs)

    def listed(model):
        chosen = [
            callbacks.Clock(),
            callbacks.StopOnNonFinite(),
            callbacks.Progress(0, steps, disable=True),
        ]
        return Listed(chosen, add_history=True, model=model, epochs=1, steps=steps)

    run = zoo_training.make(
        network, size, steps * size, dtype_policy=POLICIES[dtype], steps=steps, callbacks=listed
    )
    run(2 * steps)
    backend.start_profile(folder)
    start = time.perf_counter()
    run(executions * steps)
    seconds = time.perf_counter() - start
    backend.stop_profile()
    return executions * steps, seconds


def table(events, steps):
    """Returns the kinds of work as a Markdown table."""
    totals = traces.by_kind(events)
    busy = sum(seconds for kind, seconds in totals.items() if kind != "waiting")
    lines = ["| work | ms a step, all threads | share | what it is |", "|---|---|---|---|"]
    for kind, meaning in MEANINGS.items():
        share = "" if kind == "waiting" else f"{totals[kind] / busy:.1%}"
        lines.append(f"| {kind} | {1e3 * totals[kind] / steps:.3f} | {share} | {meaning} |")
    return "\n".join(lines)


def longest(events, steps, count=15):
    """Returns the operations that took the most time as a Markdown table."""
    rows = [(s, n, name) for name, (s, n) in events.items() if traces.kind(name) != "waiting"]
    lines = ["| ms a step | a step | kind | operation |", "|---|---|---|---|"]
    for seconds, number, name in sorted(rows, reverse=True)[:count]:
        shown = name if len(name) < 100 else f"{name[:40]} ... {name[-55:]}"
        lines.append(
            f"| {1e3 * seconds / steps:.3f} | {number / steps:.3g} | {traces.kind(name)} "
            f"| `{shown}` |"
        )
    return "\n".join(lines)


def main():
    """Profiles and prints."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--network", default="mlp", help="mlp, gated_conv or a family, ++v")
    parser.add_argument("--dtype", default="float32", choices=list(POLICIES))
    parser.add_argument("--executions", type=int, default=5)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "xla"
        options = f"--xla_dump_to={dump} --xla_dump_hlo_as_text"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {options}".strip()
        scripts.start_tensorflow()
        profile = Path(folder) / "profile"
        steps, seconds = profiled(flags.network, flags.dtype, flags.executions, profile)
        events = traces.self_seconds(traces.read(profile), traces.sources(dump))
    from trainers.environment import hardware

    print(f"{flags.network}, {flags.dtype}: {1e3 * seconds / steps:.2f} ms a step. {hardware()}.\n")
    print(f"{table(events, steps)}\n\n{longest(events, steps)}")


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
