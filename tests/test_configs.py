"""Every config: its tiny mode trains, evaluates and reports; unknown keys raise."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

import zoo
from configs.broken_elbo import families
from trainers import cuts, data, loop, overrides, scripts, settings, train
from trainers.config import complete, default_config, make_optimizer, model_config, plain

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "configs").rglob("*.py")
    if "get_config = " in path.read_text()
)
FAMILY_CONFIGS = [path for path in CONFIGS if "broken_elbo" in path]


def _recipe(path):
    spec = importlib.util.spec_from_file_location("config_under_test", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "python -m trainers.train --config=" + path in module.__doc__
    return module.get_config


def _load(path, mode):
    return _recipe(path)(mode)


# CelebA may not be passed on; its config runs on other pictures in test_configs_vimae.py.
SLOW_CONFIGS = [  # Another config of the paper trains the same model, on other data.
    f"configs/{name}.py"
    for name in ("broken_elbo/omniglot", "mu_vae/fashion", "vimae/cifar10", "vimae/omniglot")
]
TINY_RUNS = [
    pytest.param(path, "tiny", marks=[pytest.mark.slow] * (path in SLOW_CONFIGS))
    for path in CONFIGS
    if "celeba" not in path
]
# Two families that hold all the other parts, which are built below and trained in slow tests.
TINY_RUNS.append(pytest.param(FAMILY_CONFIGS[0], "+-+,tiny", marks=pytest.mark.slow))
TINY_RUNS.append(pytest.param(FAMILY_CONFIGS[0], "-+v,tiny", marks=pytest.mark.slow))


@pytest.mark.parametrize(("path", "mode"), TINY_RUNS)
def test_tiny_mode_runs(path, mode, tmp_path, request):
    config = _load(path, mode)
    if config.data.name != "digits":
        config.data.data_dir = request.getfixturevalue("tfds_dir")
        config.data.download = False
    config.train.jit_compile = "off"  # XLA takes longer to compile than these few steps to run.
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert result.step == 2 * 3
    assert set(result.evaluation["metrics"]) == set(config.evaluation.metrics)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("path", CONFIGS)
def test_an_unknown_key_raises(path):
    config = _load(path, "")
    with pytest.raises(AttributeError, match="objectiv"):
        config.objectiv.beta = 2
    with pytest.raises((KeyError, AttributeError), match="epoch"):
        config.train.epoch = 2
    with pytest.raises(ValueError, match="scale .*'tiny'.* Received: .*'hugo'"):
        _load(path, "hugo")


@pytest.mark.parametrize("path", CONFIGS)
def test_each_key_of_a_scale_is_one_of_some_family(path):
    recipe = _recipe(path)
    configs = [recipe(family) for family in recipe.families or ("",)]
    for name, scale in recipe.scales.items():
        asked, known = set(), set()
        for config in configs:
            values = scale(config) if callable(scale) else scale
            asked |= set(values)
            known |= {key for key in values if settings.find_key(config, key)}
        assert asked == known, name


@pytest.mark.parametrize("path", FAMILY_CONFIGS)
def test_the_twelve_families_by_name(path):
    names = {"encoder": {}, "decoder": {}, "marginal": {}}
    for family in families.FAMILIES:
        config = _load(path, family)
        assert config.family == family
        for (room, seen), letter in zip(names.items(), family):
            assert seen.setdefault(letter, config[room].name) == config[room].name
    assert names == {
        "encoder": {"-": "gated_conv", "+": "iaf"},
        "decoder": {"-": "gated_deconv", "+": "pixelcnn"},
        "marginal": {"-": "normal", "+": "maf", "v": "vamp"},
    }
    assert len(families.FAMILIES) == 12
    assert _load(path, "").family == "---"


def test_models_of_the_families_that_train_in_the_slow_tests_are_built():
    for family, parts in (
        ("+-+", ["IAFEncoder", "GatedDeconvDecoder", "MAFMarginal"]),
        ("-+v", ["GatedConvEncoder", "PixelCNNDecoder", "VampPrior"]),
    ):
        config = _load(FAMILY_CONFIGS[0], f"{family},tiny")
        model = zoo.build(model_config(config, (28, 28, 1)))
        rooms = (model.encoder, model.decoder, model.marginal)
        assert [type(part).__name__ for part in rooms] == parts
        assert model.latent_dim == config.latent_dim


@pytest.mark.parametrize("path", FAMILY_CONFIGS)
@pytest.mark.parametrize("mode", ["", ",reduced", ",tiny"])
def test_every_latent_of_a_flow_sees_all_latents_before_it(path, mode):
    config = _load(path, f"+-+{mode}")
    for part in (config.encoder, config.marginal):
        assert min(part.hidden_units) >= config.latent_dim - 1


def test_arguments_of_a_family_config():
    path = "configs/broken_elbo/mnist.py"
    config = _load(path, "tiny,+--,target_rate")
    assert (config.family, config.objective.name) == ("+--", "target_rate")
    assert config.encoder.base.depth == 4
    assert "encoder and decoder with depth 4 instead of 32" in cuts.phrases({"config": config})
    assert _load(path, "+--").encoder.base.depth == 32
    with pytest.raises(ValueError, match=r"family \['---', .* Received: '\+\+w'\. Did you mean"):
        _load(path, "++w")
    with pytest.raises(ValueError, match="one family. Received: '---' and '-\\+-'"):
        _load(path, "---,-+-")


def test_omniglot_shares_no_picture_between_its_splits(tfds_dir):
    config = _load("configs/broken_elbo/omniglot.py", "")
    config.data.data_dir = tfds_dir
    splits = data.load_splits(config.data)
    train, test = ({image.tobytes() for image in splits[role].images} for role in ("train", "test"))
    # 4,840 different pictures of 242 characters, by the count of alphabets in both parts.
    assert (len(splits["train"]), len(splits["test"])) == (len(train), len(test)) == (4037, 803)
    assert not train & test
    assert splits["train"].image_shape == (28, 28, 1)
    assert set(np.unique(splits["test"].float_images())) == {0.0, 1.0}
    assert splits["test"].float_images().mean() < 0.2  # ink is 1, and there is less ink than paper


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--config.train.epoch=3", 'Did you mean "epochs"'),
        ("--config.data.name=minst", 'Did you mean "mnist"'),
        ("--config.encoder.name=mpl", 'Did you mean "mlp"'),
        ("--workdri=x", "Did you mean: workdir"),
    ],
)
def test_wrong_flags_name_the_nearest(flag, message, tmp_path, monkeypatch):
    command = ["train", f"--config={ROOT / 'configs/quickstart.py'}:tiny"]
    command += [f"--workdir={tmp_path / 'run'}", flag]
    monkeypatch.setattr(sys, "argv", command)  # where config flags look for overrides
    with flagsaver.flagsaver(), pytest.raises(Exception, match=message):
        train.main(flags.FLAGS(command))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("vimae/plane.py:vae", "encoder.hidden_units"),
        ("mu_vae/toy.py", "encoder.hidden_units"),
        ("vimae/mnist.py:vae", "decoder.filters"),
        ("quickstart.py", "evaluation.metrics"),
    ],
)
def test_several_numbers_or_words_are_set_by_a_flag(name, key, monkeypatch):
    command = ["train", f"--config={ROOT / 'configs' / name}", f"--config.{key}=('elbo', 5)"]
    monkeypatch.setattr(sys, "argv", command)
    values = flags.FlagValues()
    overrides.define_config("The run's config.", flag_values=values)
    values(command)
    room, argument = key.split(".")
    assert values.config[room][argument] == ("elbo", 5)


def test_a_wrong_flag_ends_the_script(tmp_path, monkeypatch, capsys):
    command = ["train", f"--config={ROOT / 'configs/quickstart.py'}:tiny"]
    command += [f"--workdir={tmp_path / 'run'}", "--config.data.name=minst"]
    monkeypatch.setattr(sys, "argv", command)
    with flagsaver.flagsaver():
        assert scripts.reported(train.main)(flags.FLAGS(command)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: Expected") and '"mnist"' in line


def test_optimizer_names():
    config = complete(default_config())
    config.optimizer.name = "normalised_adam"
    with pytest.raises(ValueError, match='Did you mean "normalized_adam"'):
        make_optimizer(config, 10)
    config.optimizer.name = "normalized_adam"
    config.optimizer.schedule = "constant_then_linear"
    config.train.epochs = 200
    schedule = make_optimizer(config, 10).get_config()["learning_rate"]["config"]
    assert (schedule["constant_steps"], schedule["total_steps"]) == (1000, 2000)


def test_a_divergence_gets_its_defaults_and_parts_that_draw_get_the_seed():
    config = default_config()
    config.seed = 5
    with config.unlocked():
        config.objective = {"name": "infomax", "divergence": "mmd"}
        config.encoder = {"name": "pixel_noise", "base": {"name": "mlp", "scale": "deterministic"}}
    complete(config)
    defaults = {"name": "mmd", "kernel": "rbf", "estimator": "u", "bandwidth": "paper"}
    assert plain(config.objective.divergence) == defaults
    with pytest.raises(AttributeError, match="kernle"):
        config.objective.divergence.kernle = "imq"
    rooms = model_config(config, (4, 4, 1))
    assert rooms["encoder"]["seed"] == rooms["objective"]["seed"] == 5
    assert "seed" not in rooms["decoder"]
