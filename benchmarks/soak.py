"""Trains and encodes for a long time, and says how the memory of the process grows.

    python -m benchmarks.soak --minutes=60 --out=soak.json

`training` is `trainers.train` on random images of MNIST's size and number: a dense network, with
validation, pictures and a checkpoint in each epoch. `light runtime` encodes, decodes and measures
densities in batches of 1 to 64 images with NumPy and ONNX Runtime, and opens the models anew every
thousand calls. Each is a process of its own; they run at the same time. Memory is the resident set
of the process, in MB. Its growth is the difference of two medians: of the last tenth of the time,
and of the tenth that follows the first fifth, in which caches fill. Open files and threads are
counted in the same way. Needs Linux, whose /proc shows them.

Ends with exit code 1 if memory grew by more than a tenth, or open files or threads by one.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from trainers import scripts
from trainers.environment import hardware, versions

WARM, SHARE = 0.2, 0.1  # of the time
MOST_GROWTH = 0.1  # of the memory after the start
MODEL = "vimae-mnist-z8-vae"


@dataclasses.dataclass
class Sample:
    """What a process had done and held at a moment.

    Args:
        seconds: Since the start.
        count: Calls or steps that are done.
        memory: The resident set in MB.
        files: The number of open files.
        threads: The number of threads.
    """

    seconds: float
    count: int
    memory: float
    files: int
    threads: int


class Sampler:
    """Samples what this process holds while it is entered.

    Args:
        seconds: Between two samples.
        count: A function that returns how many calls or steps are done.
    """

    def __init__(self, seconds, count):
        self.seconds, self.count = seconds, count
        self.samples, self.ended = [], threading.Event()

    def __enter__(self):
        self.start = time.monotonic()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _sample(self):
        while not self.ended.wait(self.seconds):
            seconds = time.monotonic() - self.start
            self.samples.append(Sample(seconds, self.count(), *held()))


def held():
    """Returns what this process holds: its memory in MB, its open files and its threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files, threads = (len(os.listdir(f"/proc/self/{name}")) for name in ("fd", "task"))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files, threads


def growth(samples):
    """Returns what a process held after the start and at the end.

    Args:
        samples: A list of `Sample`.

    Returns:
        `{"memory", "files", "threads"}`, each `(first, last)`, two medians; `"most"`, the greatest
        memory; and `"growth"`, that of memory in kB for each thousand counts between.
    """
    end = samples[-1].seconds
    early = [s for s in samples if WARM * end <= s.seconds <= (WARM + SHARE) * end]
    late = [s for s in samples if s.seconds >= (1 - SHARE) * end]

    def medians(name):
        return [
            statistics.median(getattr(sample, name) for sample in part) for part in (early, late)
        ]

    (first, last), (begun, done) = medians("memory"), medians("count")
    return {
        **{name: medians(name) for name in ("memory", "files", "threads")},
        "most": max(sample.memory for sample in samples),
        "growth": 1e6 * (last - first) / max(done - begun, 1),
    }


def leaks(row):
    """Returns the names of what grew in a row: "memory", "files", "threads"."""
    limits = {"memory": MOST_GROWTH * row["memory"][0], "files": 0.5, "threads": 0.5}
    return [name for name, limit in limits.items() if row[name][1] - row[name][0] > limit]


def light_runtime(minutes):
    """Calls the light runtime for some minutes; returns (calls, samples)."""
    import numpy as np

    import zoo

    rng, calls, end = np.random.default_rng(17), 0, time.monotonic() + 60 * minutes
    with Sampler(60 * minutes / 1000, lambda: calls) as sampler:
        while time.monotonic() < end:
            if calls % 1000 == 0:
                encoder, decoder = zoo.load_encoder(MODEL), zoo.load_decoder(MODEL)
                densities = zoo.load_probability(MODEL)
            images = rng.random((rng.integers(1, 65), 28, 28, 1), np.float32)
            if calls % 10 == 0:
                densities.nll(images[:4], num_samples=10)
            elif calls % 2:
                decoder.sample(len(images))
            else:
                encoder.features(images)
            calls += 1
    return calls, sampler.samples


def training(minutes):
    """Trains for some minutes, then ends by SIGTERM as a user's run; returns (steps, samples)."""
    import numpy as np

    scripts.prepare_tensorflow()
    from trainers import callbacks, config, loop, stopping

    steps = 0

    class Counted(callbacks.Progress):
        def on_train_batch_end(self, batch, logs=None):
            nonlocal steps
            steps = int(self.model.step)
            super().on_train_batch_end(batch, logs)

    callbacks.Progress = Counted
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(17)
        images = rng.integers(0, 256, (70_000, 28, 28, 1), np.uint8)
        np.savez(folder / "noise.npz", x_train=images[:60_000], x_test=images[60_000:])
        settings = config.default_config()
        settings.data.name = f"npz:{folder / 'noise.npz'}"
        settings.train.epochs, settings.train.pictures_every = 10**6, 1
        settings = config.complete(settings)
        splits = loop.data.load_splits(settings.data)
        timer = threading.Timer(60 * minutes, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        with Sampler(60 * minutes / 1000, lambda: steps) as sampler:
            try:
                loop.train(settings, folder / "run", splits, progress=False)
            except stopping.Stopped:
                return steps, sampler.samples
    raise AssertionError("Expected training to end by SIGTERM.")


WORK = {"training": (training, "steps"), "light runtime": (light_runtime, "calls")}


def measure(name, minutes):
    """Returns the row of one kind of work, which is done in a process of its own."""
    context = multiprocessing.get_context("spawn")
    work, unit = WORK[name]
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        count, samples = pool.submit(work, minutes).result()
    return {"work": name, "minutes": minutes, "count": count, "unit": unit, **growth(samples)}


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| work | minutes | done | MB, first → last | most | growth for each 1,000 "
        "| open files | threads |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        memory, files, threads = (_arrow(row[name]) for name in ("memory", "files", "threads"))
        lines.append(
            f"| {row['work']} | {row['minutes']:g} | {row['count']:,} {row['unit']} | {memory} | "
            f"{row['most']:,.0f} | {row['growth']:+,.1f} kB | {files} | {threads} |"
        )
    return "\n".join(lines)


def _arrow(medians):
    return " → ".join(f"{median:,.0f}" for median in medians)


def main():
    """Measures and prints; writes JSON where `--out` says; returns 1 if anything leaked."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long")
    parser.add_argument("--work", default=",".join(WORK), help="which, by commas")
    parser.add_argument("--out", help="a JSON file for the numbers")
    flags = parser.parse_args()
    names = flags.work.split(",")
    with concurrent.futures.ThreadPoolExecutor(len(names)) as threads:
        rows = list(threads.map(lambda name: measure(name, flags.minutes), names))
    print(f"{table(rows)}\n\n{hardware()}.")
    if flags.out:
        from zoo.storage import files

        command = f"python -m benchmarks.soak --minutes={flags.minutes:g}"
        about = {"command": command, "hardware": hardware(), "versions": versions()}
        files.write_json(flags.out, {"rows": rows, **about})
    for row in rows:
        if names := leaks(row):
            print(f"{row['work']}: {', '.join(names)} grew.", file=sys.stderr)
    return int(any(leaks(row) for row in rows))


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
