"""Training speed of the twelve families of `broken_elbo` at full width; speed of sampling pixels.

    python -m benchmarks.family_speed --out=family_speed.json

Each family trains through `fit` in a process of its own, in turns with products of 2048 x 2048
matrices of the same type; the share is of that rate, by the arithmetic of `benchmarks.networks`.
The sampler's table compares the naive loop (the whole network once for each pixel) with the loop
that computes every activation once. The benchmark checks that both draw the same pixels.
"""

import sys
import time

from benchmarks import matrix_product, networks
from benchmarks.rounds import Contender, arguments, compare, summary
from trainers import scripts
from trainers.environment import hardware, versions

with scripts.needs(__name__):
    from configs.broken_elbo.families import FAMILIES

BATCH_SIZE = 100
DTYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16"}


def measure(family, rounds, seconds, dtypes):
    """Returns a row for each type of number."""
    rows = []
    for policy, dtype in DTYPES.items():
        if dtype not in dtypes:
            continue
        options = {"network": family, "batch_size": BATCH_SIZE, "images": 1000, "steps": 1}
        pair = [
            Contender("matrix product", "benchmarks.matrix_product", {"dtype": dtype}),
            Contender(family, "benchmarks.zoo_training", {**options, "dtype_policy": policy}),
        ]
        turns = compare(pair, rounds, seconds)
        peak = summary(turns["matrix product"])["median"] * matrix_product.FLOPS
        found = summary(turns[family], BATCH_SIZE)
        work = 2 * networks.PASSES_PER_STEP * networks.family(family, BATCH_SIZE)
        rows.append(
            {
                "family": family,
                "dtype": dtype,
                **found,
                "gflop_per_example": work / 1e9,
                "share": found["median"] * work / peak,
                "matrix_product": peak,
            }
        )
    return rows


def table(rows):
    """Returns the rows as a Markdown table, a line a family."""
    lines = [
        "| family | GFLOP an example | float32, examples/s | share | bfloat16, examples/s "
        "| share |",
        "|---|---|---|---|---|---|",
    ]
    for family in dict.fromkeys(row["family"] for row in rows):
        own = {row["dtype"]: row for row in rows if row["family"] == family}
        cells = [f"| `{family}` | {next(iter(own.values()))['gflop_per_example']:.2f} |"]
        for dtype in DTYPES.values():
            row = own.get(dtype)
            cells.append(f" {row['median']:,.0f} | {row['share']:.0%} |" if row else " - | - |")
        lines.append("".join(cells))
    return "\n".join(lines)


def measure_sampling(counts=(16, 64), depth=64, repeats=3):
    """Returns a row for each number of images: seconds of the naive loop and of the cached one."""
    import numpy as np

    import zoo
    from zoo.backend import to_numpy
    from zoo.decoders.autoregressive import draw_slowly

    decoder = zoo.PixelCNNDecoder(64, depth=depth)
    decoder.build((None, 64))
    rng = np.random.default_rng(17)
    rows = []
    for count in counts:
        z = rng.normal(size=(count, 64)).astype("float32")
        noise = rng.random((count, 28, 28, 1)).astype("float32")
        slow, naive = _timed(lambda z=z, noise=noise: to_numpy(draw_slowly(decoder, z, noise)))
        _, first = _timed(lambda z=z, noise=noise: to_numpy(decoder.draw(z, noise)))
        taken = []
        for _ in range(repeats):
            fast, seconds = _timed(lambda z=z, noise=noise: to_numpy(decoder.draw(z, noise)))
            taken.append(seconds)
        rows.append(
            {
                "images": count,
                "naive": naive,
                "first": first,
                "cached": sorted(taken)[repeats // 2],
                "different_pixels": int(np.sum(fast != slow)),
            }
        )
    return rows


def measure_draws(counts, depth=64, repeats=3):
    """Returns a row for each number of images: seconds of the first draw and of later ones."""
    import numpy as np

    import zoo
    from zoo.backend import to_numpy

    rng = np.random.default_rng(17)
    rows = []
    for count in counts:
        decoder = zoo.PixelCNNDecoder(64, depth=depth)  # a new one, of which nothing is compiled
        decoder.build((None, 64))
        z = rng.normal(size=(count, 64)).astype("float32")
        noise = rng.random((count, 28, 28, 1)).astype("float32")
        draw = lambda: to_numpy(decoder.draw(z, noise))  # noqa: E731, B023
        taken = [_timed(draw)[1] for _ in range(1 + repeats)]
        first, later = taken[0], sorted(taken[1:])[repeats // 2]
        rows.append({"images": count, "first": first, "cached": later})
    return rows


def draws_table(rows):
    """Returns the rows of `measure_draws` as a Markdown table."""
    lines = ["| images drawn pixel by pixel | first call, s | later ones, s |", "|---|---|---|"]
    lines += [f"| {r['images']} | {r['first']:.2f} | {r['cached']:.2f} |" for r in rows]
    return "\n".join(lines)


def _timed(function):
    start = time.perf_counter()
    value = function()
    return value, time.perf_counter() - start


def sampling_table(rows):
    """Returns the sampler's rows as a Markdown table."""
    lines = [
        "| images | naive loop, s | cached, s | times faster | first call, s | different pixels |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['images']} | {row['naive']:.1f} | {row['cached']:.2f} | "
            f"{row['naive'] / row['cached']:.0f} | {row['first']:.1f} | {row['different_pixels']} |"
        )
    return "\n".join(lines)


def main():
    """Measures and prints; writes JSON where `--out` says."""
    parser = arguments(__doc__, seconds=4.0)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--sampling", default="16,64", help="Numbers of images; empty for none.")
    flags = parser.parse_args()
    scripts.prepare_tensorflow()  # for all contenders, which inherit this process's environment
    rounds, seconds = (1, 0.1) if flags.tiny else (flags.rounds, flags.seconds)
    counts = [int(count) for count in filter(None, flags.sampling.split(","))]
    depth = 4 if flags.tiny else 64
    sampling = measure_sampling(counts, depth) if counts else []
    if sampling:
        print(sampling_table(sampling), flush=True)
    rows = []
    for family in filter(None, flags.families.split(",")):
        rows += measure(family, rounds, seconds, flags.dtypes.split(","))
        print(table(rows[-len(DTYPES) :]).splitlines()[-1], flush=True)
    if rows:
        print(f"\n{table(rows)}")
        load = max((row["other_load"] or 0 for row in rows), default=0)
        print(f"\nOther load at most {load:.2f} cores. {hardware()}.")
    if flags.out:
        from zoo.storage import files

        result = {"rows": rows, "sampling": sampling, "rounds": rounds, "seconds": seconds}
        files.write_json(flags.out, {**result, "hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    sys.exit(scripts.reported(main)())
