"""A grid's text becomes runs: what is parsed, what is refused before anything starts, names."""

import pathlib

import pytest

from configs.broken_elbo.families import FAMILIES
from trainers.sweeps import grid, running
from trainers.sweeps.grid import RunSpec

ROOT = pathlib.Path(__file__).parents[2]
QUICK = "configs/quickstart.py:tiny"
MNIST = "configs/broken_elbo/mnist.py"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_parse():
    assert grid.parse("family=---,-+v;objective.beta=0.1, 1.0 ;seed=0") == {
        "family": ["---", "-+v"],
        "objective.beta": ["0.1", "1.0"],
        "seed": ["0"],
    }
    assert grid.parse("decoder.hidden_units=(32,32),(64,64)") == {
        "decoder.hidden_units": ["(32,32)", "(64,64)"]
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one key"),
        ("seed", "Received: 'seed'"),
        ("seed=", "Received: 'seed='"),
        ("seed=1,,2", "Received: 'seed=1,,2'"),
        ("=1", "Received: '=1'"),
        ("seed=1,1", "values once. Received: 'seed=1,1'"),
        ("seed=1;seed=2", "values once. Received: 'seed=2'"),
    ],
)
def test_parse_refuses(text, message):
    with pytest.raises(ValueError, match=message):
        grid.parse(text)


def test_runs_of_a_grid():
    specs = grid.runs(MNIST + ":tiny", "family=---,++v;objective.beta=0.1,1", ["--config.seed=3"])
    assert [spec.name for spec in specs] == [
        "family=---_beta=0.1",
        "family=---_beta=1",
        "family=++v_beta=0.1",
        "family=++v_beta=1",
    ]
    assert specs[2].arguments == (
        "--config=configs/broken_elbo/mnist.py:++v,tiny",
        "--config.seed=3",
        "--config.objective.beta=0.1",
    )
    config = grid.load(specs[2].arguments)
    assert (config.family, config.objective.beta, config.seed) == ("++v", 0.1, 3)


@pytest.mark.parametrize("path", [MNIST, "configs/broken_elbo/omniglot.py"])
def test_every_family_is_a_run(path):
    specs = grid.runs(path, {"family": FAMILIES})
    assert [grid.load(spec.arguments).family for spec in specs] == list(FAMILIES)


@pytest.mark.parametrize(
    ("config", "text", "message"),
    [
        (MNIST, "family=---,++w", "Received: '\\+\\+w'. Did you mean"),
        (QUICK, "objective.bta=1", 'Did you mean "beta"'),
        (QUICK, "objective.beta=1,much", "objective.beta=much"),
        (QUICK, "objective.beta=1,-1", "`beta` must be a number of at least 0"),
        (QUICK, "encoder.name=mpl", 'Did you mean "mlp"'),
        (QUICK, "optimizer.name=adm", 'Did you mean "adam"'),
        (QUICK, "seed=0,1.5", "seed=1.5"),
        (QUICK, "train.validation_every=1,0", "`train.validation_every` must be an integer"),
        ("configs/vimae/cifar10.py", "data.image_size=30", "divisible"),
        ("configs/no_such.py", "seed=0", "no_such.py"),
    ],
)
def test_a_wrong_key_or_value_is_refused_before_anything_starts(config, text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        running.sweep(config, tmp_path / "sweep", text)
    assert not (tmp_path / "sweep").exists()


def test_a_size_that_the_data_decides_does_not_refuse_a_decoder():
    (spec,) = grid.runs("configs/vimae/cifar10.py", "seed=0", ["--config.data.image_size=0"])
    assert grid.load(spec.arguments).data.image_size == 0


def test_a_key_is_in_the_grid_or_a_flag():
    with pytest.raises(ValueError, match="seed in the grid or as a flag"):
        grid.runs(QUICK, "seed=0", ["--config.seed=1"])


def test_names_are_safe_and_distinct():
    points = [
        {"data.name": "npz:/a/b.npz", "seed": "0"},
        {"data.name": "npz:-a-b.npz", "seed": "0"},
        {"encoder.depth": "2", "decoder.depth": "4"},
        {"family": "-+v", "decoder.hidden_units": "(3, 4)"},
    ]
    names = [grid.run_name(point) for point in points]
    assert len(set(names)) == 4
    assert names[2] == "encoder.depth=2_decoder.depth=4"
    for name in names:
        assert name[0] not in "-." and set(name) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=_.+-"
        )


def test_a_command_holds_no_place(tmp_path):
    arguments = (
        f"--config={ROOT}/configs/quickstart.py:tiny",
        "--config.data.data_dir=/somewhere",
        "--config.seed=1",
    )
    shown = RunSpec("seed=1", {"seed": "1"}, arguments).shown()
    assert shown == (
        "python -m trainers.train --config=configs/quickstart.py:tiny --config.seed=1 "
        "--workdir=DIR/seed=1"
    )
