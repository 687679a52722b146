"""Writes a published model in another format, checked against its golden file.

python -m export.convert NAME --to=FORMAT --out=DIR [--dtype=float32,float16,int8]

Formats: `saved_model` (in the layout of TensorFlow Serving), `tflite`, `onnx`; `--help` lists
them. The folder is an artifact of its own, with a card and the golden file: `python -m
export.verify DIR --runtime=NAME` proves it again on any machine. `--with_preprocessing` puts the
card's preprocessing inside the graphs, which then take uint8 images of any size.
"""

import sys
from pathlib import Path

import numpy as np

from export import checks, formats, pictures, preprocess, runtimes
from export.formats.base import Source
from export.runtimes.base import Artifact
from trainers import scripts
from zoo.arguments import positive_int
from zoo.light.graph import Graph
from zoo.light.images import prepare_images, resize_images
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage import files

NUM_CALIBRATION = 256
# Pictures of other sizes, by which preprocessing inside a graph is compared with the light
# runtime's own; the largest difference allowed, over the spread of the output's numbers.
SIZES = ((64, 48), (33, 57), (9, 7), (200, 31))
MOST_DIFFERENCE = 0.01


class NotKept(ValueError):
    """A conversion that does not give the model's numbers."""


def convert(
    model,
    to: str,
    out,
    dtypes: tuple[str, ...] = (),
    images: np.ndarray | None = None,
    with_preprocessing: bool = False,
    version: int = 1,
) -> Path:
    """Writes a published model in another format, verified in every installed runtime, or nothing.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash.
        to: A name of `export.formats.names()`.
        out: The folder to write. It is new, empty, or an earlier conversion, which is replaced.
        dtypes: What weights are stored in, some of the format's `dtypes`; default its first.
        images: For "int8", images as the model's graphs take them, float32 [N, H, W, C], which
            activations are calibrated on in addition to the golden file's ten; default none.
        with_preprocessing: Whether graphs take uint8 images of any size; default False.
        version: Positive int, the version folder of a SavedModel; default 1.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: If there is no such model.
        ImportError: If a package is not installed; names it.
        NotKept: If a runtime does not give the golden numbers.
        ValueError: If an argument is not one of those accepted.
    """
    chosen = formats.get(to)
    dtypes = chosen.checked(dtypes)
    folder, card = catalogue.open_artifact(model)
    positive_int("version", version)
    out = Path(out)
    _check_out(out, folder)
    source = Source(folder, card, with_preprocessing, images, version)
    with files.atomic_folder(out) as temporary:
        changed = chosen.write(source, temporary, dtypes)
        graphs = changed["graphs"]
        golden = {
            key: value for key, value in source.golden.items() if key.partition(".")[0] in graphs
        }
        with open(temporary / card["golden"]["file"], "wb") as file:
            np.savez_compressed(file, **golden)
        _write_card(temporary, source, {**changed, "converted": _origin(source, to, dtypes)})
        _prove(temporary, chosen, source)
    return out


def _check_out(out, folder):
    """Refuses to replace anything but an earlier conversion or an empty folder."""
    if out.exists() and out.resolve() == Path(folder).resolve():
        raise ValueError(
            f"Expected another folder than the model's own. Received: out={str(out)!r}"
        )
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_conversion(out)):
        raise ValueError(
            "Expected a new or empty folder, or an earlier conversion to replace. "
            f"Received: out={str(out)!r}"
        )


def _is_conversion(folder):
    try:
        return "converted" in files.read_json(folder / cards.CARD)
    except (OSError, ValueError, TypeError):
        return False


def _origin(source, to, dtypes):
    """Returns what the card of a conversion says of it."""
    return {
        "format": to,
        "dtypes": list(dtypes),
        "with_preprocessing": source.with_preprocessing,
        "card_sha256": files.sha256(Path(source.folder) / cards.CARD),
    }


def _write_card(folder, source, changed):
    """Writes the card of a conversion: that of its model, with its own graphs and files."""
    card = {**source.card, **changed}
    card.setdefault("saved_model", "")
    if source.with_preprocessing:
        card["preprocessing"] = {**card["preprocessing"], "scale": preprocess.INSIDE}
    if changed["converted"]["dtypes"] != ["float32"]:
        card["metrics"], card["evaluation"] = {}, {}  # those are of the published weights
    card["files"] = cards.file_entries(folder)
    cards.write_card(folder, card)


def _prove(folder, chosen, source):
    """Raises unless every runtime of the format that is installed gives the golden numbers."""
    proved = []
    for name in chosen.runtimes:
        try:
            report = checks.verify(folder, name)
        except ImportError:  # of a runtime that is not installed
            continue
        if not report.ok:
            raise NotKept(f"{name} does not give the golden numbers; nothing is kept.\n{report}")
        proved.append(name)
    if not proved:
        raise ImportError(f"One of {', '.join(chosen.runtimes)} is needed to check the files")
    if source.with_preprocessing:
        _compare_sizes(folder, source, runtimes.get(proved[0]))


def _compare_sizes(folder, source, runtime):
    """Raises unless pictures of other sizes give the features that the light runtime gives."""
    card, shape = cards.read_card(folder), tuple(source.card["image_shape"])
    light, rng = Graph(source.onnx("encoder"), "encoder"), np.random.default_rng(17)
    spread = source.golden["encoder.loc"].std(axis=0).max()
    forms = runtime.forms(card["graphs"]["encoder"])
    with runtime.open(Artifact(folder, card)) as open_graph:
        runs = [open_graph(form) for form in forms if form.get("form", "float32") == "float32"]
        for size, run in ((size, run) for run in runs for size in SIZES):
            picture = rng.integers(0, 256, (1, *size, shape[2] if size[0] % 2 else 3), np.uint8)
            resized = resize_images(picture, shape, bits=False)
            x = prepare_images(resized, source.card["preprocessing"], bits=False)
            difference = np.abs(run(image=picture)["loc"] - light(image=x)["loc"]).max() / spread
            if not difference <= MOST_DIFFERENCE:
                raise NotKept(
                    "Preprocessing inside the graph differs from the light runtime's; nothing is "
                    f"kept. Received: {difference:.1e} of the spread for a picture of {size}"
                )


def parser() -> scripts.Parser:
    """Returns the parser of the command line."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("model", help="a released name, an artifact's folder, or a URL")
    parser.add_argument("--to", required=True, help=f"one of {formats.names()}")
    out = {"required": True, "type": lambda path: Path(path).expanduser()}
    parser.add_argument("--out", **out, help="the folder to write")
    dtypes = {"type": lambda text: tuple(text.split(",")), "default": ()}
    parser.add_argument("--dtype", **dtypes, help="of tflite: float32, float16, int8, by commas")
    text = "graphs take uint8 images of any size"
    parser.add_argument("--with_preprocessing", action="store_true", help=text)
    parser.add_argument("--version", type=int, default=1, help="of a SavedModel, for a server")
    parser.add_argument("--parts", default="", help="modules or .py files of custom parts")
    pictures.add_images(parser, "images to calibrate int8 on", required=False)
    pictures.add_resize(parser)
    return parser


@scripts.reported
def main(arguments=None):
    """Converts what the command line names; returns the exit code."""
    options = parser().parse_args(arguments)
    chosen = formats.get(options.to)
    for name in chosen.runtimes:
        runtimes.get(name).start()
    scripts.import_parts([part for part in options.parts.split(",") if part])
    images = _images(options) if options.images else None
    how = (options.dtype, images, options.with_preprocessing, options.version)
    out = convert(options.model, options.to, options.out, *how)
    card = cards.read_card(out)
    for name, entry in sorted(card["files"].items()):
        print(f"{entry['bytes']:>12,}  {name}")
    proofs = " or ".join(f"--runtime={name}" for name in chosen.runtimes)
    print(f"converted {card['name']}: {out}")
    print(f"check it anywhere: python -m export.verify {out} {proofs}")
    return 0


def _images(options):
    """Returns the images of the command line as the model's graphs take them."""
    _, card = catalogue.open_artifact(options.model)
    source = pictures.open_images(options.images, card["image_shape"], options.resize)
    chosen, _ = pictures.evenly_spaced(source, NUM_CALIBRATION, card["image_shape"])
    return prepare_images(chosen, card["preprocessing"], False if options.resize else None)


if __name__ == "__main__":
    sys.exit(main())
