"""The head of a model's README for the Hugging Face Hub, and the BibTeX entry of its paper.

Only words of lists that stand here and plain names go into it: a card may hold anything.
"""

import json
import re

# A paper's name in a card -> its BibTeX entry.
PAPERS = {
    "bilbo": (
        "@misc{fyffe2019bilbo,\n"
        "  title = {There and Back Again: Unraveling the Variational Auto-Encoder},\n"
        "  author = {Fyffe, Graham},\n  year = {2019},\n"
        "  eprint = {1912.10309},\n  archivePrefix = {arXiv}\n}"
    ),
    "broken_elbo": (
        "@inproceedings{alemi2018broken,\n"
        "  title = {Fixing a Broken {ELBO}},\n"
        "  author = {Alemi, Alexander A. and Poole, Ben and Fischer, Ian and Dillon, Joshua V. "
        "and Saurous, Rif A. and Murphy, Kevin},\n"
        "  booktitle = {International Conference on Machine Learning},\n  year = {2018}\n}"
    ),
    "infovae": (
        "@inproceedings{zhao2019infovae,\n"
        "  title = {{InfoVAE}: Balancing Learning and Inference in Variational Autoencoders},\n"
        "  author = {Zhao, Shengjia and Song, Jiaming and Ermon, Stefano},\n"
        "  booktitle = {AAAI Conference on Artificial Intelligence},\n  year = {2019}\n}"
    ),
    "mu_vae": (
        "@misc{ucar2019bridging,\n"
        "  title = {Bridging the {ELBO} and {MMD}},\n"
        "  author = {Ucar, Talip},\n  year = {2019},\n"
        "  eprint = {1910.13181},\n  archivePrefix = {arXiv}\n}"
    ),
    "vimae": (
        "@misc{crescimanna2019vimae,\n"
        "  title = {The Variational InfoMax AutoEncoder},\n"
        "  author = {Crescimanna, Vincenzo and Graham, Bruce},\n  year = {2019},\n"
        "  eprint = {1905.10549},\n  archivePrefix = {arXiv}\n}"
    ),
}
# A data set's name in a card -> its name on the hub.
_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}
# Licences as cards state them -> the identifiers of the hub; others are "other".
_LICENCES = {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "bsd-3-clause"}
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


def front_matter(card: dict) -> str:
    """Returns the YAML between two lines of dashes that a README on the hub begins with.

    Args:
        card: The card of the model, or one that is being made.
    """
    licence = (card.get("licence") or "").lower()
    dataset = _DATASETS.get((card.get("data") or {}).get("name"))
    paper = card.get("paper") if card.get("paper") in PAPERS else None
    metrics = [name for name, entry in card["metrics"].items() if entry.get("value") is not None]
    values = {
        "library_name": "elbo-zoo",
        "license": (licence if licence in _LICENCES else "other") if licence else None,
        "pipeline_tag": "image-feature-extraction",
        "datasets": [dataset] if dataset else None,
        "tags": ["variational-autoencoder", "vae", "onnx", "keras", *([paper] if paper else [])],
        "metrics": [name for name in metrics if _PLAIN.fullmatch(name)] or None,
    }
    # JSON is YAML, and leaves no doubt about quotes.
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items() if value]
    return "\n".join(["---", *lines, "---"])


def citation(card: dict) -> str:
    """Returns the section with the BibTeX entry of a card's paper, or ""."""
    entry = PAPERS.get(card.get("paper"))
    return f"\n## Citation\n\n```bibtex\n{entry}\n```\n" if entry else ""
