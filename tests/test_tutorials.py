"""The tutorials run from the first cell to the last."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs(path):
    nbformat = pytest.importorskip("nbformat", reason='needs the packages of the extra "docs"')
    nbclient = pytest.importorskip("nbclient", reason='needs the packages of the extra "docs"')
    book = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(book, timeout=600, resources=place).execute()  # raises what a cell does
    assert any(cell.get("outputs") for cell in book.cells)
