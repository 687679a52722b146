"""Writes the sources of `elbo-zoo-models`: the released models as Python distributions.

python -m export.package --out=FOLDER [--artifacts=FOLDER]
pip install FOLDER/*

The Python package index takes at most 100 MB in one file, so the models of each paper are a
distribution, and `elbo-zoo-models` depends on all of them. `zoo.load_encoder(NAME)` finds the
models of every distribution that is installed.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from trainers import scripts
from zoo import __version__
from zoo.releases import card as cards
from zoo.releases import catalogue, shipping
from zoo.storage import files

LARGEST = 100_000_000  # bytes: the index's limit of a file
NAME = "elbo-zoo-models"
_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "{description}"
readme = "README.md"
requires-python = ">=3.11"
dependencies = {dependencies}

[tool.setuptools]
packages = {packages}
{package_data}"""
_DATA = """
[tool.setuptools.package-data]
{package} = ["**/*"]
"""
_README = """\
# {name}

{description} `pip install elbo-zoo` brings the code that loads them:

    import zoo
    encoder = zoo.load_encoder("{example}")

{models}
Each model's README.md says what it was trained on, what it measures and under which licence it is.
"""


def write(artifacts, out) -> list[Path]:
    """Writes the source of each distribution to `out`.

    Args:
        artifacts: The folder of artifacts.
        out: An empty or new folder.

    Returns:
        The sources' folders: one a paper, and that of `elbo-zoo-models`, which has no files.

    Raises:
        ValueError: If `out` holds something, a file is not what its card says, or the models of a
            paper are larger than the Python package index takes.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"Expected a new or empty folder. Received: out={str(out)!r}")
    papers = {}
    for name in shipping.names(artifacts):
        paper = cards.read_card(Path(artifacts) / name).get("paper") or "other"
        papers.setdefault(paper, []).append(name)
    folders = []
    for paper, names in sorted(papers.items()):
        folder = out / f"{NAME}-{paper.replace('_', '-')}"
        shipping.copy(artifacts, names, folder / shipping.MODELS)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if size > LARGEST:
            raise ValueError(
                f"Expected at most {LARGEST} bytes of models of a paper. "
                f"Received: {size} bytes of {paper}"
            )
        description = f"Released models of elbo-zoo, of the paper {paper}."
        _describe(folder, description, names, [], [shipping.MODELS])
        folders.append(folder)
    dependencies = [f"{folder.name}=={__version__}" for folder in folders]
    every = sorted(name for names in papers.values() for name in names)
    _describe(out / NAME, "The released models of elbo-zoo.", every, dependencies, [])
    return [*folders, out / NAME]


def _describe(
    folder: Path,
    description: str,
    names: list[str],
    dependencies: Iterable[str],
    packages: list[str],
):
    """Writes `pyproject.toml` and `README.md` of a distribution; strings are TOML's and JSON's."""
    texts = {
        "name": folder.name,
        "version": __version__,
        "description": description,
        "dependencies": _toml(dependencies),
        "packages": _toml(packages),
        "package_data": "".join(_DATA.format(package=package) for package in packages),
        "example": names[0] if names else "NAME",
        "models": "".join(f"- {name}\n" for name in names),
    }
    folder.mkdir(parents=True, exist_ok=True)
    files.atomic_write(folder / "pyproject.toml", _PROJECT.format(**texts))
    files.atomic_write(folder / "README.md", _README.format(**texts))


def _toml(texts: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


@scripts.reported
def main(arguments=None):
    """Writes what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("--out", required=True, help="a new folder for the sources")
    parser.add_argument("--artifacts", help="the folder of artifacts; the zoo's by default")
    options = parser.parse_args(arguments)
    for folder in write(options.artifacts or catalogue.artifacts_folder(), options.out):
        print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
