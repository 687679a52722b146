"""Evaluates a run, or a released model, and writes `evaluation.json`.

python -m trainers.evaluate --workdir=/tmp/quickstart --metrics=nll,linear_probe
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import app, flags, logging

WORKDIR = flags.DEFINE_string("workdir", None, "A run's folder.")
MODEL = flags.DEFINE_string("model", None, "A released name or an artifact's folder, instead.")
METRICS = flags.DEFINE_list("metrics", None, "Names; those of the run's config by default.")
NUM_SAMPLES = flags.DEFINE_integer("num_samples", None, "Samples an example, of nll.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
OUT = flags.DEFINE_string("out", None, "With --model: where evaluation.json goes.")


def main(argv):
    from trainers import scripts

    scripts.no_arguments(argv)
    from trainers import evaluation

    logging.set_verbosity(logging.INFO)
    result = evaluation.evaluate(
        workdir=WORKDIR.value,
        model=MODEL.value,
        metrics=METRICS.value,
        num_samples=NUM_SAMPLES.value,
        data_dir=DATA_DIR.value,
        out=OUT.value,
        progress=scripts.is_terminal(),
    )
    scripts.print_metrics(result)


if __name__ == "__main__":
    flags.mark_flags_as_mutual_exclusive(["workdir", "model"], required=True)
    app.run(main)
