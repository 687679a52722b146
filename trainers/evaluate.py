"""Evaluates a run, or a released model, and writes `evaluation.json`.

python -m trainers.evaluate --workdir=/tmp/quickstart --metrics=nll,linear_probe
python -m trainers.evaluate --model=vimae-mnist-z8-vae --data=folder:PATH --out=FOLDER
"""

from absl import app, flags, logging

from trainers import scripts

scripts.prepare_tensorflow()

WORKDIR = scripts.define_path("workdir", None, "A run's folder.")
MODEL = flags.DEFINE_string("model", None, "A released name or an artifact's folder, instead.")
METRICS = flags.DEFINE_list("metrics", None, "Names; those of the run's config by default.")
NUM_SAMPLES = flags.DEFINE_integer("num_samples", None, "Samples an example, of nll.")
NLL_EXAMPLES = flags.DEFINE_integer("nll_examples", None, "Examples, of nll and nll_ais.")
NUM_CHAINS = flags.DEFINE_integer("num_chains", None, "Chains an example, of nll_ais.")
NUM_TEMPERATURES = flags.DEFINE_integer("num_temperatures", None, "Of nll_ais.")
NUM_GENERATED = flags.DEFINE_integer("num_generated", None, "Images of generated_nll and others.")
CLASSIFIER = flags.DEFINE_string("classifier", None, "A folder that keeps the image classifier.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
DATA = flags.DEFINE_string("data", None, "Other data than the model's own: a name or path.")
PARTS = flags.DEFINE_list(
    "parts", [], "Modules or .py files that register parts of your own, to import first."
)
OUT = scripts.define_path(
    "out", None, "Of --model and of --data: the folder for evaluation.json, or here."
)


def main(argv):
    scripts.no_arguments(argv)
    from trainers import evaluation

    logging.set_verbosity(logging.INFO)
    scripts.import_parts(PARTS.value)
    result = evaluation.evaluate(
        workdir=WORKDIR.value,
        model=MODEL.value,
        metrics=METRICS.value,
        num_samples=NUM_SAMPLES.value,
        nll_examples=NLL_EXAMPLES.value,
        num_chains=NUM_CHAINS.value,
        num_temperatures=NUM_TEMPERATURES.value,
        num_generated=NUM_GENERATED.value,
        classifier=CLASSIFIER.value,
        data_dir=DATA_DIR.value,
        data=DATA.value,
        out=OUT.value,
        progress=scripts.is_terminal(),
    )
    scripts.print_metrics(result)


if __name__ == "__main__":
    flags.mark_flags_as_mutual_exclusive(["workdir", "model"], required=True)
    app.run(main)
