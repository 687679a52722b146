"""Uploads a published model to the Hugging Face Hub.

python -m export.push NAME hf://OWNER/NAME[@REVISION] [--private]

NAME is a released name or an artifact's folder, which is verified first. `huggingface_hub` uploads
it, with its own login (`hf auth login`, or HF_TOKEN) and its own address (HF_ENDPOINT). Afterwards
`zoo.load("hf://OWNER/NAME")` and `zoo.load_encoder("hf://OWNER/NAME")` load it.
"""

import sys
from pathlib import Path

from export import checks
from trainers import scripts
from zoo.releases import card as cards
from zoo.releases import catalogue, hub
from zoo.storage import files


def push(model, to: str, private: bool = False) -> str:
    """Uploads an artifact to a repository of the hub, which is created where there is none.

    Files of an earlier upload that the artifact does not have are deleted in the same commit.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash.
        to: hf://OWNER/NAME, then @REVISION, an existing branch; default the main branch.
        private: Whether a new repository is private; default False.

    Returns:
        hf://OWNER/NAME#sha256=HEX with the hash of the card, by which others load what was pushed.

    Raises:
        ConnectionError: If the hub cannot be reached, or refuses.
        ImportError: If `huggingface_hub` is not installed.
        ValueError: If `to` is not of that form, or the artifact does not pass its own checks.
    """
    repository, revision, sha256 = hub.split(to)
    if sha256:
        raise ValueError(f"Expected hf://OWNER/NAME[@REVISION] without a hash. Received: to={to!r}")
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise ImportError(
            f'Pushing needs huggingface_hub: pip install "elbo-zoo[hub]" ({error})'
        ) from error
    folder, card = catalogue.open_artifact(model)
    _verify(folder, card)
    api = HfApi(library_name="elbo-zoo")
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            folder_path=Path(folder),
            allow_patterns=[cards.CARD, *card["files"]],
            delete_patterns="*",
            commit_message=f"Upload {card['name']}",
            revision=revision,
        )
    except Exception as error:  # its errors, and those of the HTTP client below, share no root
        raise ConnectionError(f"Could not push to {to}. Received: {error}") from error
    return f"{to}#sha256={files.sha256(Path(folder) / cards.CARD)}"


def _verify(folder, card):
    """Raises unless an artifact passes the checks of ONNX Runtime, or of what it was made for."""
    runtime = "onnxruntime" if card["graphs"]["encoder"]["file"].endswith(".onnx") else "tflite"
    report = checks.verify(folder, runtime)
    if not report.ok:
        raise ValueError(f"Expected a whole artifact; nothing was pushed.\n{report}")


@scripts.reported
def main(arguments=None):
    """Pushes what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("model", help="a released name, an artifact's folder, or a URL")
    parser.add_argument("to", help="hf://OWNER/NAME[@REVISION]")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    options = parser.parse_args(arguments)
    print(f"pushed: {push(options.model, options.to, options.private)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
