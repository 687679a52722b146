"""Builds the page: its own files, the graphs, a few hundred images, and onnxruntime-web."""

import shutil
from html import escape
from pathlib import Path

import numpy as np

from export.explorer import stored, vendor
from zoo.light.runtime import SEED, Graph, load_encoder
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage import files

FORMAT = "elbo-zoo explorer"
PAGE = Path(__file__).with_name("page")
MANIFEST = "manifest.json"
MOST = 2  # models that fit side by side
DRAWS = 500  # of a prior that has a graph: the plane reaches as far as they do
# Graph -> what the page gives it, and what it reads.
SIGNATURES = {
    "encoder": (("image",), "loc"),
    "decoder": (("z",), "mean"),
    "sampler": (("z", "noise"), "image"),
    "prior": (("noise",), "z"),
}


def build(models, out, images=None, resize=False, ort=None):
    """Writes a page that explores one model or two, whole or not at all.

    Args:
        models: One or two released names, artifacts' folders or URLs.
        out: The folder. One that is there is replaced if it is empty or an earlier page.
        images: Images that the page carries, a folder or file; None for the golden file's.
        resize: Whether images are brought to the model's size and channels.
        ort: A folder of onnxruntime-web; None for the cache, filled through npm.

    Returns:
        The path of `index.html`.

    Raises:
        FileExistsError: If `out` holds other files than those of an earlier page.
        FileNotFoundError: If a model, the images or onnxruntime-web are absent.
        ValueError: If a file is not the one published, or the page cannot run the model.
    """
    if not 1 <= len(models) <= MOST:
        raise ValueError(f"Expected one or two models. Received: models={list(models)}")
    out = Path(out).expanduser()
    _require_ours(out)
    parts = [_read(model, images, resize) for model in models]
    runtime_folder, version = vendor.onnxruntime_web(ort)
    with files.atomic_folder(out) as folder:
        shutil.copytree(PAGE, folder, dirs_exist_ok=True)
        (folder / "ort").mkdir()
        for name in vendor.FILES:
            shutil.copyfile(runtime_folder / name, folder / "ort" / name)
        entries = [_write(folder, index, part) for index, part in enumerate(parts)]
        manifest = {"format": FORMAT, "onnxruntime_web": version, "models": entries}
        files.write_json(folder / MANIFEST, manifest)
        title = escape(" and ".join(entry["name"] for entry in entries))
        index = folder / "index.html"
        index.write_text(index.read_text("utf-8").replace("{{title}}", title), "utf-8")
        folder.chmod(0o755)
    return out / "index.html"


def _require_ours(out):
    """Refuses to replace a folder that this command did not write."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        ours = files.read_json(out / MANIFEST).get("format") == FORMAT
    except (AttributeError, OSError, ValueError):
        ours = False
    if not ours:
        raise FileExistsError(
            f"Expected a new folder, an empty one or an earlier page. Received: out={str(out)!r}"
        )
    written = {"ort", "models", MANIFEST, *(path.name for path in PAGE.iterdir())}
    others = sorted({path.name for path in out.iterdir()} - written)
    if others:
        raise FileExistsError(
            "Expected an earlier page and nothing else, as all of it is replaced: build into a "
            f"folder of its own and copy from there. Received: out={str(out)!r} with {others}"
        )


def _read(model, images, resize):
    """Returns the card, the graphs' bytes, the stored images and their codes of one model."""
    folder, card = catalogue.open_artifact(model)
    graphs = {"encoder": _graph(folder, card, "encoder"), "decoder": _decoder(folder, card)}
    if "prior" in card["graphs"]:
        graphs["prior"] = _graph(folder, card, "prior")
    if card["image_shape"][-1] not in (1, 3):
        raise ValueError(
            f"Expected images of 1 or 3 channels. Received: image_shape={card['image_shape']}"
        )
    if images is None:
        pictures = stored.from_golden(folder, card)
    else:
        pictures = stored.from_path(images, tuple(card["image_shape"]), resize)
    codes = load_encoder(folder).features(pictures.images)
    return card, graphs, pictures, codes


def _decoder(folder, card):
    """Returns the bytes of the graph that makes pictures: of an autoregressive one, the sampler."""
    if not _draws(card):
        return _graph(folder, card, "decoder")
    if "sampler" not in card["graphs"]:
        raise ValueError(
            f"The decoder of {card['name']!r} is autoregressive, and only a graph 'sampler' draws "
            "its images, which this artifact has not; zoo.load(...).sample(n) draws them in "
            f"Python. Received: the graphs {sorted(card['graphs'])}"
        )
    return _graph(folder, card, "sampler")


def _draws(card):
    """Returns whether the decoder's pictures are drawn, pixel after pixel, rather than means."""
    return "image" in card["graphs"]["decoder"]["inputs"]


def _graph(folder, card, part):
    """Returns the bytes of a graph, checked for what the page gives it and reads."""
    name = card["graphs"][part]["file"]
    content = cards.read_file(folder, card, name)
    graph = Graph(content, name)
    inputs, output = SIGNATURES[part]
    if set(graph.inputs) != set(inputs) or output not in graph.outputs:
        raise ValueError(
            f"Expected {name} of {card['name']!r} to give {output!r} from {sorted(inputs)}. "
            f"Received: {sorted(graph.inputs)} -> {sorted(graph.outputs)}"
        )
    return content


def _write(folder, index, part):
    """Writes one model's files and returns its entry in the manifest."""
    card, graphs, pictures, codes = part
    place = f"models/{index}"
    (folder / place).mkdir(parents=True)
    for name, content in graphs.items():
        (folder / place / f"{name}.onnx").write_bytes(content)
    (folder / place / "images.bin").write_bytes(pictures.images.tobytes())
    (folder / place / "codes.bin").write_bytes(codes.astype("<f4").tobytes())
    low, high = stored.ranges(card, codes, _prior_draws(card, graphs))
    return {
        "name": card["name"],
        "folder": place,
        "image_shape": card["image_shape"],
        "latent_dim": card["latent_dim"],
        "preprocessing": card["preprocessing"],
        "draws": _draws(card),
        "prior": _prior(card),
        "graphs": sorted(graphs),
        "order": stored.activity_order(card, codes),
        "low": low,
        "high": high,
        "images": {
            "count": len(pictures.images),
            "labels": pictures.labels,
            "source": pictures.source,
        },
        "facts": _facts(card),
    }


def _prior_draws(card, graphs):
    """Returns draws of a prior that has a graph, [M, Z], or None."""
    if "prior" not in graphs:
        return None
    shape = (DRAWS, card["graphs"]["prior"]["inputs"]["noise"][-1])
    noise = np.random.default_rng(SEED).standard_normal(shape, np.float32)
    return Graph(graphs["prior"], "prior.onnx")(noise=noise)["z"]


def _prior(card):
    """Returns the family, and by what the page draws: `scale` [Z], or noise [N, `noise`] -> z."""
    scale, graph = stored.prior_scale(card), card["graphs"].get("prior")
    return {
        "family": str(card["prior"].get("family")),
        "scale": None if scale is None else [float(s) for s in scale],
        "noise": None if graph is None else graph["inputs"]["noise"][-1],
    }


def _facts(card):
    """Returns what the page says of a model: pairs of a word and a text."""
    facts = [("paper", card.get("paper")), ("data", card.get("data", {}).get("name"))]
    facts.append(("latents", card["latent_dim"]))
    facts.append(("prior", str(card["prior"].get("family")).replace("_", " ")))
    nll = card.get("metrics", {}).get("nll") or {}
    if nll.get("value") is not None:
        error = f" ± {nll['stderr']:.2f}" if nll.get("stderr") is not None else ""
        facts.append(("NLL", f"{nll['value']:.2f}{error} {nll.get('unit', 'nats')}"))
    return [[word, str(text)] for word, text in facts if text is not None]
