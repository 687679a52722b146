"""What stands in several files about the project is the same in all of them."""

import pathlib
import re
import tomllib

import zoo

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_that_of_the_package():
    newest = re.search(r"^## (\S+)", _text("CHANGELOG.md"), re.MULTILINE)[1]
    cited = re.search(r"^version: (\S+)$", _text("CITATION.cff"), re.MULTILINE)[1]
    assert newest == cited == zoo.__version__
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT


def test_the_licence_is_the_same():
    cited = re.search(r"^license: (\S+)$", _text("CITATION.cff"), re.MULTILINE)[1]
    assert cited == PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in _text("LICENSE")


def test_the_workflow_runs_every_version_that_the_metadata_names():
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    run = re.search(r"python: \[(.*)\]", _text(".github/workflows/tests.yml"))[1]
    assert [version.strip('" ') for version in run.split(",")] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_files_and_commands_of_the_checklists_exist():
    text = _text("CONTRIBUTING.md")
    files = re.findall(r"`((?:zoo|trainers|export|tests|configs|results|docs)/[\w./]+\.\w+)`", text)
    assert len(files) > 8
    assert [name for name in files if "PAPER" not in name and not (ROOT / name).exists()] == []
    modules = re.findall(r"python -m ((?:zoo|trainers|export|benchmarks)\.\w+)", text)
    assert len(modules) > 8
    assert [m for m in modules if not (ROOT / f"{m.replace('.', '/')}.py").exists()] == []
