"""Sources are found by name: a module in their folder is all that a new one needs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from trainers import data
from trainers.data import sources

STRIPES = """
import numpy as np

from trainers.data.opened import OpenedSource, partitioned
from trainers.data.source import Source


def open_stripes(request):
    images = np.zeros((20, 4, 4, 1), np.uint8)
    images[:, :: int(request.path)] = 255
    opened = OpenedSource(name=request.name, text="stripes")
    return partitioned(opened, request.preparation()(images), np.arange(20) % 2, request.cut)


SOURCE = Source(
    kind="stripes",
    open=open_stripes,
    text="pictures of stripes.",
    argument="WIDTH",
    endings=(".stripes",),
    recognises=lambda path: path.endswith(".stripes"),
)
"""


@pytest.fixture
def add_source(tmp_path, monkeypatch):
    """Returns a function that puts a module into a second folder of sources."""
    folder = tmp_path / "more"
    folder.mkdir()
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    names = []

    def add(name, text):
        (folder / f"{name}.py").write_text(text)
        names.append(name)
        sources.all_sources.cache_clear()

    yield add
    for name in names:
        sys.modules.pop(f"{sources.__name__}.{name}", None)
        vars(sources).pop(name, None)
    sources.all_sources.cache_clear()


def test_a_module_is_all_that_a_new_source_needs(add_source, tmp_path):
    add_source("stripes", STRIPES)
    loaded = data.load_splits({"name": "stripes:2", "image_size": 8, "test_fraction": 0.2})
    assert {role: len(part) for role, part in loaded.items()} == {
        "train": 14,
        "validation": 2,
        "test": 4,
    }
    assert loaded["train"].image_shape == (8, 8, 1) and loaded["train"].name == "stripes:2"
    batch = data.training_batch(loaded["train"], 4, 17, 3)
    np.testing.assert_array_equal(batch, data.training_batch(loaded["train"], 4, 17, 3))
    assert "stripes:WIDTH: pictures of stripes." in sources.help_text().splitlines()
    (tmp_path / "words.gz").write_text("")
    with pytest.raises(ValueError, match=r"npz:PATH.* stripes:WIDTH.*; the kind cannot be told"):
        data.load(str(tmp_path / "words.gz"))
    with pytest.raises(FileNotFoundError, match=r"exists. Received: name='4.stripes'"):
        data.load("4.stripes")
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(
        ValueError, match=r"npz:PATH, photos, stripes:WIDTH.* or a TFDS name. Received: name"
    ):
        data.load("mnits", data_dir=tmp_path)


@pytest.mark.parametrize("path", ["/data", "~/data", "./data"])
def test_a_kind_that_is_misspelt_offers_the_nearest(path):
    with pytest.raises(ValueError, match=r'a TFDS name. Received: name=.*Did you mean "folder"\?'):
        data.load(f"foldr:{path}")


@pytest.mark.parametrize("text", ["", "SOURCE = 1", STRIPES])
def test_a_module_without_a_source_of_its_name_is_refused(add_source, text):
    add_source("dots", text)
    with pytest.raises(TypeError, match=r"sources.dots to declare SOURCE.*'dots'. Received: "):
        data.load("digits")


def test_the_sources_are_the_modules_of_their_folder():
    files = {path.stem for path in Path(sources.__file__).parent.glob("[!_]*.py")}
    assert set(sources.all_sources()) == files >= {"digits", "folder", "idx", "npz", "tfds"}
    for kind, source in sources.all_sources().items():
        assert source.spelling in sources.spellings(), kind
    assert sources.spellings().startswith("digits, folder:PATH, ")
    assert sources.spellings().endswith(" or a TFDS name")
    page = (Path(sources.__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    assert sources.page() in page


def test_a_path_is_read_by_the_source_that_recognises_it_best(tmp_path):
    np.savez(tmp_path / "idx.npz", images=np.zeros((10, 4, 4), np.uint8))
    assert data.load(str(tmp_path / "idx.npz")).name == "npz:idx.npz"
    (tmp_path / "mine").mkdir()
    header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 2, 2))
    (tmp_path / "mine" / "train-images-idx3-ubyte").write_bytes(header + bytes(range(12)))
    assert data.load(str(tmp_path / "mine")).name == "idx:mine"
    with pytest.raises(FileNotFoundError, match=r"Expected images \(.*'.*mine', without any"):
        data.load(f"folder:{tmp_path / 'mine'}")


def test_a_tfds_name_may_have_its_kind_in_front():
    for name in ("mnist", "mnist:3.0.1", "emnist/letters"):
        assert sources._resolve(f"tfds:{name}") == (sources.all_sources()["tfds"], name)
        assert sources._resolve(name) == (sources.all_sources()["tfds"], name)
