"""Reproduces a figure or a table of a paper, by name.

python -m trainers.reproduce --list
python -m trainers.reproduce --paper=broken_elbo --item=toy --scale=full --workdir=/tmp/toy
python -m trainers.reproduce --scoreboard
"""

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers.executors import command

scripts.prepare_tensorflow()

LIST = flags.DEFINE_boolean("list", False, "List every paper's items.")
SCOREBOARD = flags.DEFINE_boolean("scoreboard", False, "Write README.md of the results folder.")
PAPER = flags.DEFINE_string("paper", None, "A paper's name.")
ITEM = flags.DEFINE_string("item", None, "An item's name: fig5, table1, toy.")
SCALE = flags.DEFINE_string("scale", "full", "tiny, reduced or full.")
WORKDIR = scripts.define_path("workdir", None, "A folder for the result and the runs behind it.")
OUT = scripts.define_path("out", None, "Publish there too: OUT/PAPER/ITEM/. Usually: results.")
RUNS = scripts.define_path("runs", None, "Runs that all items share.")
SUBSTITUTE = flags.DEFINE_string(
    "substitute", "", "Data set in place of one that is absent (CelebA), for items that say so."
)
SEED = flags.DEFINE_integer("seed", 17, "The first seed.")
REPEATS = flags.DEFINE_integer(
    "repeats", None, "Most runs of a setting that differ in seed alone; all of them by default."
)
RETRY_FAILED = flags.DEFINE_bool("retry_failed", False, "Go on with runs that failed.")
command.define_flags()
OVERWRITE = flags.DEFINE_boolean("overwrite", False, "Replace a result of a larger scale.")


def main(argv):
    """Lists, reproduces or writes the scoreboard, as the flags say."""
    missing = [flag.name for flag in (PAPER, ITEM, WORKDIR) if not flag.value]
    if missing and not (LIST.value or SCOREBOARD.value):
        raise scripts.UsageError(f"Expected --{missing[0]}, or --list, or --scoreboard.")
    if LIST.value or SCOREBOARD.value:  # without Keras
        from trainers.experiments import catalogue, scoreboard

        if LIST.value:
            print(catalogue.listing(PAPER.value))
        else:
            print(f"Scoreboard: {scoreboard.write(OUT.value or 'results')}")
    else:
        scripts.start_tensorflow()
        from trainers.experiments import reproducing

        with command.from_flags() as executor:
            result = reproducing.reproduce(
                PAPER.value,
                ITEM.value,
                WORKDIR.value,
                scale=SCALE.value,
                out=OUT.value,
                runs=RUNS.value,
                seed=SEED.value,
                overwrite=OVERWRITE.value,
                progress=scripts.is_terminal(),
                substitute=SUBSTITUTE.value,
                retry_failed=RETRY_FAILED.value,
                repeats=REPEATS.value,
                executor=executor,
            )
        print(reproducing.table(result))


if __name__ == "__main__":
    scripts.run(main)
