"""Reading shards of WebDataset for training: by index in random order, or from front to back.

python -m benchmarks.streams --folder=DIR [--megabytes=2048] [--side=128]

It writes shards of JPEG pictures to DIR, reads them in both ways, the files in the system's cache
or not, and prints examples a second and the most memory that the process took. From front to back
means `webdataset.WebDataset` with its buffer; by index means `trainers.data.training_batches`.
"""

import argparse
import concurrent.futures
import contextlib
import io
import itertools
import os
import resource
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np

BATCH, SHARD_BYTES, BUFFER = 128, 64 << 20, 1000
WAYS = ("index", "webdataset")


def write(folder, megabytes, side):
    """Writes shards of about `megabytes` in all; nothing is done where there are some."""
    from PIL import Image

    if any(folder.glob("*.tar")):
        return
    rng, contents = np.random.default_rng(17), []
    for _ in range(500):
        small = Image.fromarray(rng.integers(0, 256, (side // 4, side // 4, 3), np.uint8))
        buffer = io.BytesIO()
        small.resize((side, side)).save(buffer, "jpeg", quality=90)
        contents.append(buffer.getvalue())
    pictures, written = itertools.cycle(contents), 0
    for shard in itertools.count():
        with tarfile.open(folder / f"train-{shard:06d}.tar", "w") as archive:
            while archive.offset < SHARD_BYTES:
                for suffix, content in (("jpg", next(pictures)), ("cls", b"%d" % (written % 10))):
                    info = tarfile.TarInfo(f"{written:09d}.{suffix}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                written += 1
        if (shard + 1) * SHARD_BYTES >= megabytes << 20:
            return


def forget(folder):
    """Drops the shards from the system's cache of files."""
    for path in folder.glob("*.tar"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def by_index(folder):
    """Returns an iterator over batches, made as the trainers make them."""
    from trainers import data

    train = data.load(f"wds:{folder}")
    return data.training_batches(train, BATCH, seed=17, framework="numpy")


def from_front_to_back(folder):
    """Returns an iterator over batches by `webdataset`, decoded in threads by the same code."""
    import webdataset

    from zoo.light.pictures import read_image

    paths = sorted(str(path) for path in folder.glob("*.tar"))
    data = webdataset.WebDataset(paths, shardshuffle=len(paths), seed=17)
    samples = iter(data.shuffle(BUFFER))
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())

    def decoded(group):
        return pool.map(lambda sample: read_image(sample["__key__"], sample["jpg"]), group)

    groups = iter(lambda: list(itertools.islice(samples, BATCH)), [])
    return (np.stack(list(decoded(group))).astype(np.float32) / 255 for group in groups)


READ = (by_index, from_front_to_back)  # of `WAYS`


def measure(folder, way, seconds):
    """Prints examples a second, and the most memory of this process in MB."""
    begin = time.perf_counter()
    batches = READ[WAYS.index(way)](folder)
    with contextlib.closing(batches):
        next(batches)
        first, count = time.perf_counter(), 0
        for batch in batches:
            count += len(batch)
            if time.perf_counter() - first > seconds:
                break
        speed = count / (time.perf_counter() - first)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{speed:.0f} examples/s, {first - begin:.1f} s to the first batch, {peak:.0f} MB")


def main(arguments=None):
    """Writes the shards and measures; each measurement is a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--way", choices=WAYS, help="measure this way alone, in this process")
    options = parser.parse_args(arguments)
    if options.way:
        measure(options.folder, options.way, options.seconds)
        return 0
    options.folder.mkdir(parents=True, exist_ok=True)
    write(options.folder, options.megabytes, options.side)
    size = sum(path.stat().st_size for path in options.folder.glob("*.tar"))
    print(f"{size >> 20} MB of pictures of {options.side} x {options.side}, batches of {BATCH}")
    for state, way in itertools.product(("cold", "cached"), WAYS):
        if state == "cold":
            forget(options.folder)
        print(f"{way}, {state}: ", end="", flush=True)
        command = [sys.executable, "-m", "benchmarks.streams", f"--folder={options.folder}"]
        subprocess.run([*command, f"--way={way}", f"--seconds={options.seconds}"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
