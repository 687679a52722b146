"""Writes a trained run as an artifact: weights, ONNX, SavedModel, card, golden file.

python -m export.publish --workdir=DIR --name=NAME [--out=DIR] [--noprobability] [--storage=float16]
"""

import contextlib
import re
import sys
from pathlib import Path

import numpy as np

import zoo
from export import float16, readme, verify
from export.report import TOLERANCE, relative_error
from trainers import run_lock, scripts
from zoo import commands, releases
from zoo.releases import card as cards
from zoo.storage import files
from zoo.storage.arrays import read_npz

with scripts.needs(__name__):
    from trainers.parts import plain


class NotKept(ValueError):
    """An artifact whose graphs or weights do not give the model's numbers."""


_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


def publish(
    workdir,
    name,
    out=None,
    saved_model=True,
    probability=True,
    storage="float32",
    licence="",
    tflite=(),
):
    """Writes the artifact of a run, complete and verified, or nothing.

    Everything is written to a temporary folder next to `out`. It is checked there in ONNX Runtime,
    in TensorFlow and by loading the weights again. Then it takes the place of `out`. If anything
    fails, an earlier artifact at `out` stays as it was.

    Args:
        workdir: The run's folder, or a `trainers.runs.Run`, which then needs `out`.
        name: What to call the model: lower-case letters, digits, `.`, `_`, `-`.
        out: The artifact's folder; the default is `WORKDIR/artifact`.
        saved_model: Whether to write a SavedModel too; without it the artifact is a third smaller.
        probability: Whether to write the graphs of log-densities too (see `export.probability`),
            which hold the encoder once more and the decoder twice.
        storage: "float32", or "float16": weights rounded and stored so, half the size, refused
            where a metric would change by more than its standard error (see `export.float16`).
        licence: Licence of the weights, for the card; empty if it is not stated.
        tflite: What weights of TensorFlow Lite files are stored in: some of "float32", "float16"
            and "int8"; none by default.

    Returns:
        The `Path` of the artifact.

    Raises:
        ValueError: If `name` does not fit, `out` holds something else than an artifact, an op has
            no ONNX form (named), or a runtime does not give Keras's numbers.
            Or if the run's data has changed since it was begun.
        FileNotFoundError: If there is no run.
        FolderInUse: If another process works in the run's folder.
    """
    if storage not in ("float32", "float16"):
        raise ValueError(f"`storage` must be 'float32' or 'float16'. Received: storage={storage!r}")
    out = Path(workdir) / "artifact" if out is None else Path(out)
    check_target(name, out)
    from trainers import runs

    is_run = isinstance(workdir, runs.Run)
    with contextlib.nullcontext() if is_run else run_lock.hold(workdir):
        run = workdir if is_run else runs.load_run(workdir)
        data, images, shown = _read_data(run.config, None if is_run else workdir)
        stored = None
        if storage == "float16":
            stored = float16.halve(run)
        with files.atomic_folder(out) as folder:
            graphs = (saved_model, probability)
            write_artifact(folder, run, name, data, images, *graphs, stored, licence, shown)
            add_tflite(folder, tflite)
            prove(folder, saved_model)
    return out


def add_tflite(folder, dtypes):
    """Writes TensorFlow Lite files into an artifact, and what they are into its card.

    Args:
        folder: The artifact's folder.
        dtypes: What weights are stored in; nothing is done where there is none.
    """
    if not dtypes:
        return
    from export import formats
    from export.formats.base import Source

    chosen, card = formats.get("tflite"), cards.read_card(folder)
    written = chosen.write(Source(folder, card), folder, chosen.checked(dtypes))["graphs"]
    for part, graph in written.items():
        card["graphs"][part]["tflite"] = graph["tflite"]
    (folder / cards.CARD).unlink()
    card["files"] = cards.file_entries(folder)
    cards.write_card(folder, card)


def write_artifact(
    folder,
    run,
    name,
    data,
    images=None,
    with_saved_model=True,
    with_probability=False,
    stored=None,
    licence="",
    shown=None,
):
    """Writes all files of an artifact into an empty folder.

    Args:
        folder: Where to.
        run: A `trainers.runs.Run`.
        name: The artifact's name.
        data: What the card says of the data.
        images: Images for the golden file, or None for random ones.
        with_saved_model: Whether to write a SavedModel too.
        with_probability: Whether to write the graphs of log-densities too.
        stored: What `export.float16.halve` returned, if the weights are to be stored in float16.
        licence: Licence of the weights, or "".
        shown: Images for the picture of the README; default `images`. None of both: no picture.
    """
    from export import card, cover, golden, graphs, polish, saved_model
    from zoo import weights

    folder, model = Path(folder), run.model
    white = data.get("pixel_scale", 1)
    options = {"white": white, "with_probability": with_probability}
    arrays = golden.golden_arrays(golden.exact(model), images, **options)
    stripped = released(model)
    weights.save_weights(stripped, folder / "model.weights.h5")
    published = graphs.graphs_of(model, with_probability)
    for graph in published:
        graphs.write(graph, folder / f"{graph.part}.onnx")
    if stored is not None:
        float16.store(folder)
    if with_saved_model:
        saved_model.export(model, folder / cards.SAVED_MODEL, with_probability)
    with files.atomic_path(folder / "golden.npz") as path, open(path, "wb") as file:
        np.savez_compressed(file, **arrays)
    if run.evaluation and not run.last_evaluation:
        print(
            f"{name} has no metrics: those of its run are of step {run.evaluation['step']}, its "
            f"weights of step {run.step}; python -m trainers.evaluate measures these",
            file=sys.stderr,
        )
    provenance = (plain(run.config), run.step, run.last_evaluation, run.training, licence)
    content = card.make_card(stripped, name, data, published, arrays, *provenance)
    content["storage"] = stored or {"dtype": "float32"}
    content["saved_model"] = cards.SAVED_MODEL if with_saved_model else ""
    polish.stamp_folder(folder, content)
    shown = images if shown is None else shown
    if shown is not None:
        cover.draw(folder, model, shown, white)
    content["files"] = cards.file_entries(folder)
    files.atomic_write(folder / "README.md", readme.make_readme(content))
    content["files"] = cards.file_entries(folder)
    cards.write_card(folder, content)


def released(model):
    """Returns a fresh model of what is published: no optimiser, no counts, no classifier.

    Its objective is `Objective.released` of the model's.
    """
    from zoo.part import part_config
    from zoo.vae import ROOMS

    parts = {room: getattr(model, room) for room in ROOMS}
    parts["objective"] = model.objective.released()
    fresh = zoo.build({room: part_config(part) for room, part in parts.items()})
    for room, part in parts.items():
        getattr(fresh, room).set_weights(part.get_weights())
    return fresh


def describe_data(config, workdir=None):
    """Returns what the card says of a run's data, and real images for the golden file.

    Args:
        config: The run's config, a mapping with `data`.
        workdir: The run's folder, which says how many examples it was begun on, or None.

    Returns:
        `(description, images)`: a dict, and float32 [N, H, W, C] as the model sees test images
        (training ones where there is no test split), or None where the data is not here.
    """
    return _read_data(config, workdir)[:2]


def _read_data(config, workdir=None):
    """Returns what `describe_data` does, and images spread over the same split, or None."""
    from trainers import data, runs

    try:
        splits = data.load_splits(config["data"])
    except FileNotFoundError:
        settings = plain(config["data"])
        description = {"name": settings.get("name"), "binarisation": data.binarisation_of(settings)}
        if float(settings.get("pixel_scale") or 1) != 1:
            description["pixel_scale"] = float(settings["pixel_scale"])
        description["golden"] = "random (the data was not at hand), then all 0 and all 1"
        return description, None, None
    if workdir is not None:
        runs.check_data(workdir, splits)
    role = next(role for role in ("test", "validation", "train") if splits.get(role) is not None)
    examples = splits[role].take(8)
    golden_text = f"the first {len(examples)} of the {role} split, then all 0 and all 1"
    description = {**splits["train"].describe(), "golden": golden_text}
    shown = splits[role].float_images(splits[role].spaced(8))
    return description, examples.float_images(), shown


def prove(folder, with_saved_model=True):
    """Raises unless ONNX Runtime, TensorFlow and the reloaded weights give the golden numbers.

    Args:
        folder: The artifact's folder.
        with_saved_model: Whether it has a SavedModel.

    Raises:
        NotKept: If one of them does not.
    """
    from export import golden

    has_tflite = any("tflite" in g for g in cards.read_card(folder)["graphs"].values())
    selected = {"onnxruntime": True, "tensorflow": with_saved_model, "tflite": has_tflite}
    for runtime in (name for name, is_asked in selected.items() if is_asked):
        report = verify.verify(folder, runtime)
        if not report.ok:
            failed = [check.subject for check in report.checks if check.ok is False]
            raise NotKept(
                "The exported model does not give Keras's numbers; nothing is kept."
                f"{_advice(failed)}\n{report}"
            )
    expected = read_npz(folder / "golden.npz")
    images = expected["encoder.image"][:-2]
    white = float(expected["encoder.image"].max())  # the last image is all white
    has_probability = "probability.image" in expected
    again = golden.golden_arrays(
        releases.load(folder), images, white=white, with_probability=has_probability
    )
    for key, value in again.items():
        error = relative_error(value, expected[key])
        if error > TOLERANCE:
            raise NotKept(
                "The saved weights do not give the model's numbers; nothing is kept. "
                f"Received: {key} with error {error:.1e}.{_advice([key])}"
            )


def _advice(subjects):
    """Returns advice if only the densities are off; they add up more in float32."""
    from export.probability import PARTS

    if not subjects or not all(subject.startswith(PARTS) for subject in subjects):
        return ""
    return " Its densities alone are off: --noprobability publishes it without them."


def check_target(name, out):
    """Raises ValueError unless an artifact can be written under a name to a folder.

    Args:
        name: What to call the model.
        out: A `Path`: new, an empty folder, or an earlier artifact.
    """
    _check_name(name)
    _check_replaceable(out)
    _check_backend()


def _check_name(name):
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            "Expected a name of lower-case letters, digits, '.', '_' and '-', at most 100. "
            f"Received: name={name!r}"
        )


def _check_replaceable(out):
    """Refuses to replace anything but an artifact or an empty folder."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_artifact(out)):
        raise ValueError(
            "Expected a new or empty folder for the artifact, or an earlier artifact to replace. "
            f"Received: out={str(out)!r}"
        )


def _is_artifact(folder):
    try:
        return files.read_json(folder / cards.CARD).get("format") == cards.FORMAT
    except (OSError, ValueError, AttributeError):
        return False


def _check_backend():
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Publishing needs TensorFlow; weights trained under JAX load there: run again with "
            f"KERAS_BACKEND=tensorflow. Received: KERAS_BACKEND={keras.backend.backend()!r}"
        )


def main(argv):
    """Publishes what the flags say."""
    from absl import flags

    options = flags.FLAGS
    scripts.start_tensorflow()
    scripts.import_parts(options.parts)
    with_graphs = (options.saved_model, options.probability)
    how = (*with_graphs, options.storage, options.licence, options.tflite)
    out = publish(options.workdir, options.name, options.out, *how)
    print(f"published {options.name}: {out}")
    print(commands.spelled(f"check it anywhere: python -m export.verify {out}"))


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    scripts.define_path("workdir", None, "The run's folder.")
    flags.DEFINE_string("name", None, "What to call the model.")
    scripts.define_path("out", None, "The artifact's folder; default: WORKDIR/artifact.")
    flags.DEFINE_string("licence", "", "Of the weights, for the card; not stated by default.")
    flags.DEFINE_bool("saved_model", True, "Whether to write a SavedModel too.")
    flags.DEFINE_bool("probability", True, "Whether to write the graphs of log-densities too.")
    flags.DEFINE_list("tflite", [], "TensorFlow Lite files: some of float32, float16, int8.")
    flags.DEFINE_list(
        "parts", [], "Modules or .py files that register custom parts, to import first."
    )
    flags.DEFINE_enum("storage", "float32", ["float32", "float16"], "What weights are stored in.")
    scripts.run(main, required=("workdir", "name"))
