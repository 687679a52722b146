"""The comparison of objectives: which there are, custom ones, the ranking, the page."""

import pathlib
import subprocess
import sys

import pytest

import zoo
from trainers import history, parts
from trainers.comparison import command_line, comparing, custom, objectives, page, ranking
from trainers.sweeps import grid, ledger, records, running
from zoo.objectives.objective import Objective
from zoo.registry import OBJECTIVES
from zoo.storage import files

ROOT = pathlib.Path(__file__).parents[2]
CONFIG, EXAMPLE = "configs/compare.py:tiny", ROOT / "examples" / "my_objective.py"
OF_ZOO = ["beta", "bilbo", "dip", "infomax", "infovae", "mu", "target_rate"]
NAN = """import zoo


class Broken(zoo.Beta):
    def call(self, x, encoder=None, decoder=None, marginal=None, training=False, step=None):
        terms = super().call(x, encoder, decoder, marginal, training, step)
        return {**terms, "loss": terms["loss"] + float("nan")}
"""


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    known = dict(OBJECTIVES._classes)
    yield
    OBJECTIVES._classes = known


@pytest.fixture
def pretend(monkeypatch):
    """Replaces the training of a run by the writing of its folder; `mu` fails."""
    begun = []

    def run(pool):
        for spec in pool.waiting:
            begun.append(spec.point["objective.name"])
            if begun[-1] == "mu":
                records.write(pool.workdir, records.Record(spec, "failed", "NonFiniteError: NaN"))
            else:
                _write(pool.workdir / spec.name, grid.load(spec.arguments))
        ledger.write(pool.workdir)

    monkeypatch.setattr(running.Pool, "run", run)
    monkeypatch.setattr(page, "samples", lambda comparison: None)
    return begun


def _write(folder, config):
    """Writes a run whose NLL is 10 for the custom objective, else 90, plus or minus 1."""
    nll = 10.0 if config.objective.name.startswith("FreeBits") else 90.0
    values = dict.fromkeys(config.evaluation.metrics, 1.0)
    values["nll"] = nll + (1.0 if config.seed == 17 else -1.0)
    entries = {name: {"value": value, "stderr": 0.1} for name, value in values.items()}
    files.write_json(folder / "config.json", {"config": parts.plain(config)})
    evaluation = {"epochs": config.train.epochs, "metrics": entries, "seconds": 0.1}
    files.write_json(folder / "evaluation.json", evaluation)
    history.write(folder, [{"epoch": 1, "step": 3, "elbo": -1.0, "seconds": 2.0}])
    files.atomic_write(folder / "report.html", "")


def _rows(folder):
    """Returns dict objective -> row of a table."""
    return {row["objective"]: row for row in history.from_csv(folder / "compare.csv")}


def test_every_objective_of_the_zoo_is_compared_or_left_out_with_a_reason():
    compared, left_out = objectives.of_zoo(CONFIG)
    assert [entry.name for entry in compared] == OF_ZOO
    assert left_out == {"classified": "it trains on labels"}


def test_an_objective_with_an_unset_argument_is_left_out(monkeypatch):
    monkeypatch.setattr(objectives, "NEEDS", {})
    _, left_out = objectives.of_zoo(CONFIG)
    assert left_out["target_rate"] == "its argument target has no default"


@pytest.mark.parametrize("name", OF_ZOO)
def test_every_family_makes_a_model(name):
    config = grid.load([f"--config=configs/compare.py:{name},tiny"])
    model = zoo.build(parts.model_config(config, (8, 8, 1)))
    assert model.objective.registered_name == name == config.family


def test_an_objective_has_its_own_defaults_whatever_the_config_sets():
    quick = "configs/quickstart.py:tiny"
    (beta,) = (entry for entry in objectives.of_zoo(quick)[0] if entry.name == "beta")
    assert objectives.point(beta, []) == {"objective.name": "beta", "objective.anneal_steps": 0}
    (bilbo,) = (entry for entry in objectives.of_zoo(quick)[0] if entry.name == "bilbo")
    expected = {"objective.name": "bilbo", "marginal.name": "floating"}
    assert objectives.point(bilbo, []) == expected


def test_a_custom_objective_is_known_to_whoever_loads_its_config(tmp_path):
    made = custom.load(f"{EXAMPLE}:five_free_nats", "configs/compare.py", tmp_path)
    assert made.name.startswith("five_free_nats-")
    point = objectives.point(objectives.of_custom(made, CONFIG), [])
    assert point == {"objective.name": made.name, "objective.free": 5.0}
    del OBJECTIVES._classes[made.name]  # as in another process
    flags = [f"--config.{key}={value}" for key, value in point.items()]
    config = grid.load([f"--config={made.config}:tiny", *flags])
    model = zoo.build(parts.model_config(config, (8, 8, 1)))
    assert type(model.objective).__name__ == "FreeBits"
    assert model.objective.free == 5.0
    assert zoo.Beta.registered_name == "beta"


def test_a_changed_file_is_another_objective(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import zoo\nMine = zoo.Beta\n")
    first = custom.load(f"{file}:Mine", "configs/compare.py", tmp_path)
    again = custom.load(f"{file}:Mine", "configs/compare.py", tmp_path)
    file.write_text("import zoo\nMine = zoo.DIPVAE\n")
    changed = custom.load(f"{file}:Mine", "configs/compare.py", tmp_path)
    assert first == again and first.name != changed.name
    assert issubclass(OBJECTIVES.get(changed.name), zoo.DIPVAE)


@pytest.mark.parametrize(
    "content, name, message",
    [
        ("import zoo\nMine = zoo.Beta\n", "mine.py", "Expected --objective=FILE.py:NAME"),
        ("", "mime.py:Mine", 'mime.py:Mine, which is absent. Did you mean "mine.py"?'),
        ("import zoo\nMine = zoo.Beta\n", "mine.py:Mime", "'Mime'. Did you mean \"Mine\"?"),
        ("Mine = 3\n", "mine.py:Mine", "Mine, which gives int"),
        ("import zoo\nMine = zoo.Normal\n", "mine.py:Mine", "Expected Mine to make an objective"),
        ("\n\nMine = missing\n", "mine.py:Mine", "mine.py, line 3: NameError"),
        ("\ndef Mine(:\n", "mine.py:Mine", "mine.py, line 2: SyntaxError"),
        ("def Mine(x):\n    pass\n", "mine.py:Mine", "missing 1 required positional argument"),
    ],
)
def test_a_wrong_objective_is_refused(tmp_path, content, name, message):
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(ValueError) as error:
        custom.load(str(tmp_path / name), "configs/compare.py", tmp_path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_objectives_within_two_errors_share_a_rank():
    # Means 10, 11 and 20, standard errors 1: 2 sqrt(2) = 2.83 nats tell two of them apart.
    values = {"a": [9.0, 11.0], "b": [10.0, 12.0], "c": [19.0, 21.0], "failed": []}
    cells = ranking.column(values, ranking.LOWER)
    assert {name: cell.rank for name, cell in cells.items()} == {
        **{"a": 1, "b": 1, "c": 3},
        "failed": None,
    }
    assert (cells["a"].mean, cells["a"].stderr, cells["failed"].text()) == (10.0, 1.0, "-")
    assert ranking.verdict(cells) == "no winner: a, b"
    cells = ranking.column(values, ranking.HIGHER)
    assert [cells[name].rank for name in "abc"] == [2, 2, 1]
    assert ranking.verdict(cells) == "c"


@pytest.mark.parametrize("values", [{"a": [1.0], "b": [2.0]}, {"a": [1.0, 2.0], "b": []}])
def test_without_errors_to_compare_there_is_no_ranking(values):
    cells = ranking.column(values, ranking.LOWER)
    assert [cell.rank for cell in cells.values()] == [None, None]
    assert ranking.verdict(cells) == "not ranked"


def test_a_distance_from_0_has_no_sign():
    cells = ranking.column({"a": [-0.1, -0.1], "b": [0.5, 0.5]}, ranking.NEAREST_0)
    assert [cells["a"].rank, cells["b"].rank] == [1, 2]


def test_a_comparison_is_trained_once_and_written(pretend, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(EXAMPLE.read_text())
    options = {"objective": f"{file}:FreeBits", "seeds": 2}
    comparison = comparing.compare(CONFIG, tmp_path, **options)
    assert len(pretend) == 2 * (1 + len(OF_ZOO))
    assert ranking.verdict(comparison.columns["nll"]) == "FreeBits"
    page.write(comparison, tmp_path, "the command")
    text = (tmp_path / "README.md").read_text()
    assert "| FreeBits (custom) | 2 of 2 |" in text and "**10.0 ± 1.0 (1)**" in text
    assert "| mu | 0 of 2 | - |" in text
    assert "- `mu`, seed 17, failed: NonFiniteError: NaN" in text
    assert "- `classified`: it trains on labels." in text
    rows = _rows(tmp_path)
    assert (rows["beta"]["nll"], rows["beta"]["nll_stderr"], rows["beta"]["nll_rank"]) == (
        *("90.0", "1.0"),
        "2",
    )
    assert "10.0 ± 1.0 (1)</b>" in (tmp_path / "compare.html").read_text()
    pretend.clear()
    comparing.compare(CONFIG, tmp_path, **options)
    assert pretend == []
    file.write_text(EXAMPLE.read_text() + "\n# changed\n")
    comparing.compare(CONFIG, tmp_path, **options)
    assert [name[:9] for name in pretend] == ["FreeBits-"] * 2


def test_a_custom_objective_takes_no_name_of_the_zoo(tmp_path):
    (tmp_path / "mine.py").write_text("import zoo\nbeta = zoo.Beta\n")
    with pytest.raises(ValueError, match="none of the zoo's"):
        comparing.compare(CONFIG, tmp_path, objective=f"{tmp_path / 'mine.py'}:beta")


def test_the_command_is_shown_without_places():
    arguments = ["--config=configs/compare.py", "--workdir=/tmp/x", "--seeds=3", "--out=results"]
    expected = "python -m trainers.compare --config=configs/compare.py --seeds=3 --workdir=DIR"
    assert command_line.shown(arguments) == expected
    assert command_line.with_config(["--seeds=3"]) == ["--config=configs/compare.py", "--seeds=3"]
    assert command_line.with_config(["--help"]) == ["--help"]


@pytest.mark.slow
def test_an_objective_of_nan_fails_alone(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(NAN)
    command = [sys.executable, "-m", "trainers.compare", f"--config={CONFIG}", "--data=digits"]
    command += [f"--objective={tmp_path / 'broken.py'}:Broken", "--seeds=1"]
    command += [f"--workdir={tmp_path / 'out'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    rows = _rows(tmp_path / "out")
    assert "NonFiniteError" in rows["Broken"]["error"] and rows["Broken"]["finished"] == "0"
    assert {name: rows[name]["finished"] for name in OF_ZOO} == dict.fromkeys(OF_ZOO, "1")
    assert (tmp_path / "out" / "samples.png").is_file()


def test_the_example_is_an_objective():
    assert issubclass(custom._run(EXAMPLE, "FreeBits", "").FreeBits, Objective)
