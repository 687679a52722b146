"""Evaluates a run, or a released model, and writes `evaluation.json`.

python -m trainers.evaluate --workdir=/tmp/quickstart --metrics=nll,linear_probe
python -m trainers.evaluate --model=vimae-mnist-z8-vae --data=folder:PATH --out=FOLDER
"""

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers.data.sources import spellings

scripts.prepare_tensorflow()

WORKDIR = scripts.define_path("workdir", None, "A run's folder.")
MODEL = flags.DEFINE_string("model", None, "A released name or an artifact's folder.")
METRICS = flags.DEFINE_list(
    "metrics", None, "Names of metrics, by commas; those of the run's config by default."
)
NUM_SAMPLES = flags.DEFINE_integer("num_samples", None, "Samples of each example for nll.")
NLL_EXAMPLES = flags.DEFINE_integer("nll_examples", None, "Examples for nll, nll_ais; 0: all.")
NUM_CHAINS = flags.DEFINE_integer("num_chains", None, "Chains of each example for nll_ais.")
NUM_TEMPERATURES = flags.DEFINE_integer("num_temperatures", None, "Temperatures for nll_ais.")
NUM_GENERATED = flags.DEFINE_integer("num_generated", None, "Images for generated_nll and others.")
CLASSIFIER = flags.DEFINE_string("classifier", None, "A folder that keeps the image classifier.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
DATA = flags.DEFINE_string("data", None, f"Other data than the model's own: {spellings()}.")
PARTS = flags.DEFINE_list(
    "parts", [], "Modules or .py files that register custom parts, to import first."
)
OUT = scripts.define_path(
    "out",
    None,
    "With --model or --data: the folder for evaluation.json; the present one by default.",
)


def main(argv):
    """Evaluates the run or the released model that the flags name."""
    if bool(WORKDIR.value) == bool(MODEL.value):
        received = "both" if WORKDIR.value else "neither"
        raise scripts.UsageError(f"Expected either --workdir or --model. Received: {received}")
    scripts.start_tensorflow()
    from trainers import reevaluate

    scripts.import_parts(PARTS.value)
    result = reevaluate.reevaluate(
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
    scripts.run(main)
