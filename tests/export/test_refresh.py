"""One command writes every generated table of the documentation."""

import json
import shutil
from pathlib import Path

import pytest

from export import refresh, tables
from export.tables import variants

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The pages of the documentation in a folder that a test may write to."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tables_are_found_by_their_files():
    assert {"metrics", "models", "variants", "verified"} <= set(tables.names())
    assert all((ROOT / tables.get(name).PAGE).is_file() for name in tables.names())


def test_tables_of_what_was_measured_are_those_of_the_repository(copy):
    before = {path: path.read_bytes() for path in copy.rglob("*.md")}
    names = ["metrics", "variants", "verified"]  # test_models_table.py has the models
    assert list(refresh.refresh(names, keep=True)) == names
    assert {path: path.read_bytes() for path in before} == before


def test_wrong_tables_and_folders_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="tables among .*Received: 'modles'"):
        refresh.refresh(["metrics", "modles"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="repository's folder .*docs/metrics.md"):
        refresh.refresh(["metrics"])


def test_variants_of_named_models_stand_beside_the_lines_that_were_there(monkeypatch, tmp_path):
    linear = {"value": 0.5, "stderr": 0.01}

    def measured(model, splits, linear):
        row = {"name": model["name"], "bytes": (2e6, 1e6), "error": {"loc": 0.02}}
        row.update({kind: {"linear": linear} for kind in ("float", "int8")})
        return row, ({"float": None, "int8": None}, None)

    monkeypatch.setattr(variants, "measure", measured)
    monkeypatch.setattr(variants, "speed", lambda graph, images, seconds: 1000.0)
    kept = tmp_path / "models.json"
    rows = [{"name": name, "probes": {"linear": linear}} for name in "ab"]
    kept.write_text(json.dumps({"models": rows}))
    monkeypatch.setattr(variants.model_table, "KEPT", kept)
    monkeypatch.setattr(variants, "hardware", lambda: "an abacus")
    card = {"data": {"binarisation": "none"}}
    monkeypatch.setattr(variants.cards, "read_card", lambda folder: card)
    models = [{"name": name, "data": "mnist", "folder": name} for name in "ab"]
    models.append({"name": "c", "data": "omniglot"})
    monkeypatch.setattr(variants.zoo, "list_models", lambda: models)
    path = tmp_path / "variants.md"
    monkeypatch.setattr(variants, "PAGE", path)
    variants.refresh()
    line = "| `a` | 2.00 | 1.00 | 2.0 | 50.0 ± 1.0 | 50.0 ± 1.0 | 1,000 | 1,000 |"
    text = path.read_text()
    assert text.endswith(f"\n{line}\n{line.replace('`a`', '`b`')}\n")
    path.write_text(text.replace("2.00", "3.00"))
    variants.refresh(names=["a"])
    other = line.replace("`a`", "`b`").replace("2.00", "3.00")
    assert path.read_text().endswith(f"\n{line}\n{other}\n")
    monkeypatch.setattr(variants, "hardware", lambda: "a slide rule")
    with pytest.raises(ValueError, match="table of 'a slide rule'. Received: .*variants.md"):
        variants.refresh(names=["a"])
    with pytest.raises(ValueError, match="models with classes among .* Received: 'c'"):
        variants.refresh(names=["c"])
