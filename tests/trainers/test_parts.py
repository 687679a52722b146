"""A part of a config is swapped by its name: in Python, by a flag and in a sweep."""

import copy
import pathlib

import pytest

from configs.bilbo import mnist
from trainers.config import complete, default_config, differences, model_config, plain
from trainers.overrides import listing
from trainers.sweeps import grid

ROOT = pathlib.Path(__file__).parents[2]
QUICK = f"--config={ROOT / 'configs/quickstart.py'}:tiny"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def _config(**rooms):
    config = default_config()
    for room, spec in rooms.items():
        config[room] = spec
    return complete(config)


DCGAN = {
    **{"name": "dcgan", "filters": [128, 256, 512, 1024], "kernel_size": 4, "width": 1.0},
    "scale": "log_variance",
    "norm": "batch",
}


def test_the_new_part_has_its_own_defaults():
    config = _config()
    config.encoder.name = "dcgan"
    assert plain(config.encoder) == DCGAN
    config.objective.name = "infovae"
    divergence = {"name": "mmd", "kernel": "rbf", "estimator": "u", "bandwidth": "paper"}
    assert plain(config.objective) == {
        **{"name": "infovae", "alpha": 0.0, "lambda_": 1000.0, "rate": "auto"},
        "divergence": divergence,
    }
    config.objective.divergence.name = "stein"
    assert plain(config.objective.divergence) == {"name": "stein", "bandwidth": "median_over_log"}
    config.encoder.name = "mlp"
    assert not differences(config, _config(objective=plain(config.objective)))


def test_what_the_config_set_stays_where_the_new_part_has_it():
    config = _config(
        encoder={"name": "mlp", "scale": 0.5, "hidden_units": (9, 9)},
        decoder={"name": "mlp", "likelihood": {"name": "gaussian", "scale": "learned"}},
    )
    config.encoder.name = "dcgan"
    assert plain(config.encoder) == {**DCGAN, "scale": 0.5}
    config.decoder.name = "pixelcnn"
    assert config.decoder.likelihood.scale == "learned"
    assert (config.decoder.depth, "hidden_units" in config.decoder) == (64, False)


def test_update_takes_the_name_first():
    config = _config()
    config.update(
        {"encoder": {"width": 0.5, "name": "dcgan"}, "decoder": {"likelihood": "baggins"}}
    )
    assert plain(config.encoder) == {**DCGAN, "width": 0.5}
    assert config.decoder.likelihood.tau == 0.2
    changes = {"encoder.base.depth": 8, "encoder.name": "iaf", "encoder.base.name": "small_conv"}
    config.update_from_flattened_dict(changes)
    assert (config.encoder.base.name, config.encoder.base.depth) == ("small_conv", 8)
    config.encoder = {"name": "dcgan", "width": 2}
    assert plain(config.encoder) == {**DCGAN, "width": 2.0}
    with pytest.raises(ValueError, match='Did you mean "dcgan"'):
        config.encoder.name = "dcgn"
    assert copy.deepcopy(config) == config and config.is_locked


def test_an_argument_without_a_default_must_be_set():
    config = _config()
    config.objective.name = "target_rate"
    with pytest.raises(ValueError, match="--config.objective.target=VALUE. Received: objective.ta"):
        model_config(config, (4, 4, 1))
    config.objective.target = 3
    assert model_config(config, (4, 4, 1))["objective"]["target"] == 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["encoder.name=dcgan"], DCGAN),
        (["encoder.width=2", "encoder.name=dcgan"], {**DCGAN, "width": 2.0}),
        (
            ["encoder.base.name=dcgan", "encoder.base.width=2", "encoder.name=scaled"],
            {"name": "scaled", "factor": 1.0, "base": {**DCGAN, "width": 2.0}},
        ),
        (["encoder={'name': 'dcgan', 'width': 2}"], {**DCGAN, "width": 2.0}),
        (["encoder.name=dcgan", "encoder.scale=0.5"], {**DCGAN, "scale": 0.5}),
    ],
)
def test_flags_swap_a_part_in_any_order(changes, expected):
    arguments = [QUICK, *(f"--config.{change}" for change in changes)]
    assert plain(grid.load(arguments).encoder) == expected
    separate = [word for argument in arguments for word in argument.split("=", 1)]
    assert plain(grid.load(separate).encoder) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("encoder.name=dcgn", 'name of a.* encoder.* Did you mean "dcgan"'),
        (
            "encoder.filters=3",
            "key of config.encoder of 'mlp' among .* Received: --config.enc",
        ),
        ("objective.bta=3", 'Received: --config.objective.bta. Did you mean "beta"'),
        ("objectiv.beta=3", 'key of config among .* Did you mean "objective"'),
        ("seed.x=3", "Received: --config.seed.x"),
    ],
)
def test_a_wrong_name_or_argument_offers_the_nearest(change, message):
    with pytest.raises(Exception, match=message):
        grid.load([QUICK, f"--config.{change}"])


def test_a_sweep_over_parts():
    text = "objective.name=beta,infovae;encoder.name=mlp,small_conv"
    specs = grid.runs(QUICK.removeprefix("--config="), text, ["--config.decoder.name=small_deconv"])
    configs = [grid.load(spec.arguments) for spec in specs]
    assert [(c.objective.name, c.encoder.name, c.decoder.name) for c in configs] == [
        (objective, encoder, "small_deconv")
        for objective in ("beta", "infovae")
        for encoder in ("mlp", "small_conv")
    ]
    with pytest.raises(ValueError, match="target=VALUE"):
        grid.runs(QUICK.removeprefix("--config="), "objective.name=beta,target_rate")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("data.crop", "140", 140),
        ("data.rotations", "True", True),
        ("data.distinct", "true", True),
        ("data.pixel_scale", "10", 10.0),
        ("data.validation_fraction", "0.2", 0.2),
        ("data.test_fraction", "0.2", 0.2),
        ("data.split_seed", "3", 3),
        ("data.test_limit", "3", 3),
        ("data.image_size", "(28, 30)", (28, 30)),
        ("data.image_size", "28", 28),
        ("evaluation.num_generated", "100", 100),
        ("evaluation.num_chains", "3", 3),
        ("evaluation.num_temperatures", "3", 3),
        ("evaluation.classifier", "/x", "/x"),
    ],
)
def test_every_key_of_data_and_evaluation_is_a_flag(key, text, value):
    config = grid.load([QUICK, f"--config.{key}={text}"])
    room, name = key.split(".")
    assert config[room][name] == value


def test_a_word_or_a_number_by_flag():
    bilbo = f"--config={ROOT / 'configs/bilbo/mnist.py'}:bilbo"  # its scale is the number 1
    assert grid.load([bilbo, "--config.encoder.scale=log_variance"]).encoder.scale == "log_variance"
    assert grid.load([QUICK, "--config.encoder.scale=0.1"]).encoder.scale == 0.1
    # A run of an earlier version kept the number as text, and is the same run.
    ours, theirs = mnist.get_config("bilbo"), plain(mnist.get_config("bilbo"))
    theirs["encoder"]["scale"] = "1.0"
    assert not differences(ours, theirs)


def test_a_whole_number_takes_others_too():
    config = _config(objective={"name": "beta", "beta": 2})
    config.objective.beta = 0.5
    assert config.objective.beta == 0.5


def test_configs_of_the_project_are_found_from_every_folder():
    assert grid.load(["--config=configs/quickstart.py:tiny"]).latent_dim == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:\n", "mine.py, line 1: SyntaxError"),
        ("\ndef get_config():\n    return absent\n", "mine.py, line 3: NameError: name 'absent'"),
        ("x = 1\n", "a function get_config that returns a ConfigDict. Received: --config=mine.py"),
        ("def get_config():\n    return {}\n", "Received: --config=mine.py, which gives {}"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(text, message, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(Exception, match=message):
        grid.load(["--config=mine.py"])


def test_the_keys_of_a_config_are_listed():
    lines = listing("configs/quickstart.py").splitlines()
    assert "  --config.train.epochs=100" in lines
    assert any(x.startswith("  --config.encoder.name=mlp  (one of clipped, dcgan,") for x in lines)
