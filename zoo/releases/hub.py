"""Artifacts in repositories of the Hugging Face Hub, under the names that Keras uses."""

import re
from pathlib import Path

_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?(?:#sha256=([0-9a-fA-F]{64}))?")


def split(name: str) -> tuple[str, str | None, str | None]:
    """Returns OWNER/NAME, the revision and the hash of `hf://OWNER/NAME[@REVISION][#sha256=HEX]`.

    Raises:
        ValueError: If the name is not of that form.
    """
    matched = _NAME.fullmatch(name)
    if not matched:
        raise ValueError(
            f"Expected hf://OWNER/NAME, then @REVISION and #sha256= if known. Received: {name!r}"
        )
    return matched.groups()


def fetch(name):
    """Returns the local folder of `hf://OWNER/NAME[@REVISION][#sha256=HEX]`.

    As Keras does for `keras.saving.load_model("hf://...")`, `huggingface_hub` fetches it, with its
    own cache, proxies and access rights. Every file is then checked by the card as always; the
    card itself only where its SHA-256 is given, for what a name on the hub holds can change.

    Raises:
        ImportError: If `huggingface_hub` is not installed.
        ValueError: If the name is not of that form.
        ConnectionError: If it cannot be fetched.
    """
    repository, revision, sha256 = split(name)
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            f"{name} needs huggingface_hub, as in Keras: pip install huggingface_hub"
        ) from error
    try:
        folder = huggingface_hub.snapshot_download(repo_id=repository, revision=revision)
    except Exception as error:  # its errors, and those of the HTTP client below, share no root
        raise ConnectionError(f"Could not fetch {name}. Received: {error}") from error
    return Path(folder), sha256.lower() if sha256 else None
