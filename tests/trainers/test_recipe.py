"""A recipe: options, flags before what is derived, and how a run differs from its paper's."""

import json

import pytest

from configs.bilbo import mnist as bilbo
from configs.infovae import mnist as infovae
from configs.vimae import mnist as vimae
from trainers import cuts
from trainers.config import complete, default_config, differences, plain
from trainers.data.from_config import CONFIG_KEYS
from trainers.overrides import listing
from trainers.recipe import Recipe, same_as
from trainers.sweeps import grid


def base(config):
    config.data.name = "mnist"
    config.encoder = {"name": "small_conv"}
    config.train.epochs = 40


SMALL = Recipe(
    "a sixth paper",
    base=base,
    families={
        "one": {"objective": {"name": "beta", "beta": 2.0}},
        "clipped": {"encoder": {"name": "clipped", "base": {"name": "small_conv"}, "radius": 3.0}},
    },
    options={"marginal": {"normal": {}, "vamp": {"marginal": {"name": "vamp"}}}},
    scales={
        "tiny": {"encoder.depth": 2},
        "reduced": {
            "encoder.depth": 16,
            "train.epochs": 10,
            "train.checkpoint_every": same_as("train.epochs"),
            "marginal.num_pseudo_inputs": 20,
        },
    },
    paper_run={"train.epochs": 80, "data.limit": 50000},
    axes=("data.pixel_scale",),
)


def phrases(config):
    return cuts.phrases({"config": config})


def test_options_in_any_order_and_their_defaults():
    config = SMALL("tiny,vamp,clipped")
    assert (config.family, config.marginal.name) == ("clipped", "vamp")
    assert config.encoder.base.depth == 2
    assert (SMALL().family, SMALL().marginal.name, SMALL().encoder.depth) == ("one", "normal", 64)
    assert SMALL().is_locked and SMALL().paper == "a sixth paper"


def test_wrong_options_name_the_nearest():
    with pytest.raises(ValueError, match=r"scale \['tiny', 'reduced'\]. Received: 'tny'. Did you"):
        SMALL("tny")
    with pytest.raises(ValueError, match="Expected one family. Received: 'one' and 'clipped'"):
        SMALL("one,clipped")
    with pytest.raises(ValueError, match="Received: --config.family=cliped. Did you .*clipped"):
        SMALL("", ["--config.family=cliped"])
    with pytest.raises(ValueError, match="'one' and --config.family=clipped"):
        SMALL("one", ["--config.family=clipped"])


def test_a_family_by_flag_is_the_family_of_the_colon():
    for flags in (["--config.family=clipped"], ["--config.family", "clipped"]):
        assert plain(SMALL("tiny", flags)) == plain(SMALL("clipped,tiny"))
    file, flags = "--config=configs/infovae/mnist.py", ["--config.latent_dim=3"]
    config = grid.load([f"{file}:tiny", "--config.family=mmd_pixelcnn", *flags])
    assert plain(config) == plain(infovae.get_config("mmd_pixelcnn,tiny", flags))
    assert (config.decoder.name, config.decoder.depth, config.data.limit) == ("pixelcnn", 4, 1000)


def test_flags_come_before_what_a_scale_derives():
    config = SMALL("tiny", ["--config.train.batch_size=5"])
    assert (config.data.limit, config.train.epochs) == (11, 2)
    config = SMALL("reduced", ["--config.train.epochs=3"])
    assert (config.train.epochs, config.train.checkpoint_every) == (3, 3)
    config = SMALL("clipped,tiny", ["--config.encoder.base.depth=5", "--config.data.limit=7"])
    assert (config.encoder.base.depth, config.data.limit) == (5, 7)
    loaded = grid.load(["--config=configs/bilbo/mnist.py:tiny", "--config.train.batch_size=4"])
    assert loaded.data.limit == 9


def test_a_part_swapped_by_a_flag_brings_its_defaults_and_gets_the_scale():
    config = SMALL("reduced", ["--config.encoder.name=gated_conv"])
    assert plain(config.encoder) == {
        "name": "gated_conv",
        "depth": 16,
        "scale": "softplus_variance",
    }
    config = SMALL("reduced", ["--config.encoder.name=mlp"])  # has no depth
    assert config.encoder.hidden_units == (200, 200, 200, 200)
    assert "encoder mlp instead of small_conv" in phrases(config)
    assert not any("depth" in phrase for phrase in phrases(config))


def test_differences_from_the_papers_run():
    assert cuts.differences(SMALL()) == [cuts.Cut("train.epochs", 40, 80)]
    assert phrases(SMALL("vamp,reduced")) == (
        "10 of 80 epochs",
        "encoder with depth 16 instead of 64",
        "marginal with pseudo-inputs 20 instead of 500",
    )
    assert phrases(SMALL("", ["--config.train.epochs=80"])) == ()
    flags = ["--config.train.epochs=100", "--config.data.limit=20000"]
    assert phrases(SMALL("", [*flags, "--config.train.dtype_policy=mixed_bfloat16"])) == (
        "100 epochs instead of 80",
        "20,000 of 50,000 training images",
        "trained in bfloat16",
    )
    assert phrases(SMALL("", ["--config.data.name=digits", "--config.train.epochs=80"])) == (
        "data digits instead of mnist",
    )
    folder = SMALL("", ["--config.data.name=folder:/home/me/faces/", "--config.train.epochs=80"])
    assert phrases(folder) == ("data folder:faces instead of mnist",)
    narrow = vimae.get_config("vimae_n,reduced", ["--config.decoder.width=0.5"])
    assert phrases(narrow)[1:3] == ("encoder of 1/16 of its width", "decoder of 1/2 of its width")
    assert "encoder and decoder of 1/16 of their width" in phrases(vimae.get_config("reduced"))


def test_the_papers_own_axes_are_no_differences():
    flags = ["seed=3", "latent_dim=7", "objective.beta=0.5", "data.pixel_scale=4"]
    flags = [f"--config.{flag}" for flag in [*flags, "train.epochs=80"]]
    assert phrases(SMALL("one", flags)) == ()
    limit = ["--config.data.limit=500"]
    assert phrases(infovae.get_config("mmd", [*limit, "--config.train.epochs=10000"])) == ()
    assert phrases(infovae.get_config("mmd", limit)) == ("100 of 10,000 epochs",)
    assert "20,000 of 50,000 training images" in phrases(infovae.get_config("mmd_pixelcnn,reduced"))


def test_the_papers_run_may_depend_on_flags():
    flags = ["--config.latent_dim=100"]
    assert phrases(bilbo.get_config("baggins,reduced", flags)) == ("50 of 400 epochs",)
    assert phrases(bilbo.get_config("learned,reduced", flags)) == ("50 of 200 epochs",)
    assert phrases(bilbo.get_config("baggins", flags)) == ("200 of 400 epochs",)
    assert phrases(bilbo.get_config("baggins", [*flags, "--config.train.epochs=400"])) == ()


def test_differences_follow_a_config_that_is_changed_later_and_survive_json():
    config = SMALL("reduced")
    config.train.epochs = 20
    stored = json.loads(json.dumps({"config": plain(config)}))
    assert cuts.phrases(stored)[0] == "20 of 80 epochs"
    unlimited = SMALL("tiny")
    assert "201 of 50,000" not in str(cuts.phrases({"config": unlimited, "is_limited": False}))
    assert "201 of 50,000 training images" in cuts.phrases({"config": unlimited})


def test_texts_of_earlier_versions_and_of_authors_are_kept():
    old = {"cut": "few, in bfloat16", "train": {"dtype_policy": "mixed_bfloat16"}}
    assert cuts.phrases({"config": old}) == ("few, in bfloat16",)
    old = {"cut": "few", "train": {"dtype_policy": "mixed_bfloat16"}, "data": {"limit": 9}}
    said = ("few", "the first 9 training examples alone", "trained in bfloat16")
    assert cuts.phrases({"config": old, "limit_rule": "first"}) == said
    config = SMALL("", ["--config.cut=another camera"])
    assert cuts.text(phrases(config)) == "another camera; 40 of 80 epochs"
    assert cuts.text(("a", "b"), (), ("b", "c")) == "a; b; c"


def test_a_later_versions_keys_are_passed_over():
    config = {"data": {"limit": 0}, "paper_run": {"new": 1, "train": {"new": 2, "epochs": 3}}}
    assert cuts.differences(config) == []


def test_what_is_said_of_a_run_is_not_its_identity():
    ours, theirs = SMALL("reduced"), plain(SMALL("reduced"))
    del theirs["paper_run"]
    theirs["cut"] = "10 of 80 epochs; narrow networks"
    assert differences(ours, theirs) == []
    assert differences(SMALL("reduced", ["--config.seed=3"]), theirs) == ["seed: 17 there, 3 here"]


def test_a_recipe_without_a_paper_has_no_differences_by_flag():
    recipe = Recipe(base=base, scales={"tiny": {"encoder.depth": 2}})
    assert "family" not in recipe()
    assert phrases(recipe("", ["--config.train.epochs=3", "--config.encoder.name=mlp"])) == ()
    assert phrases(recipe("tiny", ["--config.train.epochs=3"])) == (
        "201 drawn training examples alone",
        "encoder with depth 2 instead of 64",
        "tested on 100 images alone",
    )


def test_a_config_written_by_hand_says_what_tiny_changes():
    config = default_config()
    config.train.batch_size = 5
    assert phrases(complete(config, "tiny")) == (
        "2 of 10 epochs",
        "11 drawn training examples alone",
        "tested on 100 images alone",
    )
    assert phrases(complete(default_config())) == ()


def test_a_wrong_key_of_a_recipe_raises():
    with pytest.raises(ValueError, match="Received: --config.train.epoch. Did you mean"):
        Recipe(base={"train.epoch": 3})()
    with pytest.raises(ValueError, match="Received: --config.encoder.depht"):
        Recipe(base=(base, {"encoder.depht": 3}))()
    with pytest.raises(ValueError, match="Received: --config.train.epoch. Did you mean"):
        Recipe(scales={"small": {"train.epoch": 3}})("small")


def test_other_data_by_a_word():
    assert plain(SMALL.on(name="fashion_mnist")().data) == {
        **plain(SMALL().data),
        "name": "fashion_mnist",
    }


def test_a_paper_in_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sixth.py").write_text(
        "from trainers.recipe import Recipe\n"
        "get_config = Recipe('sixth', base={'latent_dim': 4, 'train.epochs': 30},\n"
        "    families={'vae': {}, 'beta': {'objective.beta': 4.0}},\n"
        "    scales={'reduced': {'train.epochs': 3}})\n"
    )
    grids = {"family": ["vae", "beta"], "seed": ["1", "2"]}
    specs = grid.runs("sixth.py:reduced", grids, ["--config.encoder.name=small_conv"])
    configs = [grid.load(spec.arguments) for spec in specs]
    assert [(c.family, c.seed, c.train.epochs) for c in configs] == [
        (family, seed, 3) for family in ("vae", "beta") for seed in (1, 2)
    ]
    assert phrases(configs[0]) == ("3 of 30 epochs", "encoder small_conv instead of mlp")
    keys = listing("sixth.py")
    assert "paper_run" not in keys and "--config.train.epochs=30" in keys
    with pytest.raises(ValueError, match="Expected family in the grid or as a flag"):
        grid.runs("sixth.py", {"family": ["vae"]}, ["--config.family=vae"])


VALUES = {"image_size": ("(3, 5)", (3, 5)), "binarisation": ("static", "static")}


@pytest.mark.parametrize("key", CONFIG_KEYS)
def test_every_key_of_the_data_is_a_flag(key):
    """Its own type's text; for `image_size` two numbers too."""
    default = default_config().data[key]
    texts = {bool: ("False" if default else "True", not default), int: ("3", 3)}
    texts |= {float: ("0.25", 0.25), str: ("a[1:]+b", "a[1:]+b")}
    text, value = VALUES.get(key, texts[type(default)])
    for words in ("", ":tiny", ":learned,reduced"):
        file = f"--config=configs/bilbo/mnist.py{words}"
        config = grid.load([file, f"--config.data.{key}={text}"])
        assert config.data[key] == value
