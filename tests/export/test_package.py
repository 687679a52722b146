"""The sources of the distributions of models."""

import tomllib

import light_artifact
import pytest

from export import package
from zoo import __version__


@pytest.fixture
def artifacts(tmp_path):
    folder = tmp_path / "artifacts"
    light_artifact.make(folder, "a", paper="mu_vae")
    light_artifact.make(folder, "b", paper="vimae")
    light_artifact.make(folder, "c", paper="mu_vae")
    light_artifact.make(folder, "d", paper=None)
    return folder


def test_each_paper_is_a_distribution_and_one_depends_on_all(artifacts, tmp_path):
    out = tmp_path / "out"
    folders = package.write(artifacts, out)
    assert [folder.name for folder in folders] == [
        "elbo-zoo-models-mu-vae", "elbo-zoo-models-other", "elbo-zoo-models-vimae",
        "elbo-zoo-models",
    ]  # fmt: skip
    projects = [tomllib.loads((f / "pyproject.toml").read_text()) for f in folders]
    assert [project["project"]["name"] for project in projects] == [f.name for f in folders]
    assert {project["project"]["version"] for project in projects} == {__version__}
    assert projects[-1]["project"]["dependencies"] == [
        f"{f.name}=={__version__}" for f in folders[:3]
    ]
    assert projects[-1]["tool"]["setuptools"] == {"packages": []}
    assert projects[0]["tool"]["setuptools"] == {
        "packages": ["elbo_zoo_models"], "package-data": {"elbo_zoo_models": ["**/*"]}
    }  # fmt: skip
    cards = {path.parent.name for path in folders[0].glob("elbo_zoo_models/*/card.json")}
    assert cards == {"a", "c"}
    assert 'load_encoder("a")' in (folders[0] / "README.md").read_text()


def test_what_lies_in_the_folder_is_not_touched(artifacts, tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(ValueError, match="Expected a new or empty folder. Received: out="):
        package.write(artifacts, tmp_path)


def test_a_paper_that_no_index_takes_is_refused(artifacts, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "LARGEST", 100)
    with pytest.raises(ValueError, match="at most 100 bytes of models of a paper. .*of mu_vae"):
        package.write(artifacts, tmp_path / "out")


def test_the_command_says_what_it_wrote(artifacts, tmp_path, capsys):
    arguments = [f"--out={tmp_path / 'out'}", f"--artifacts={artifacts}"]
    assert package.main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "out" / "elbo-zoo-models")
    assert package.main(arguments) == 1
    assert capsys.readouterr().err.startswith("error: Expected a new or empty folder")
