"""Defines the keys of a config and their defaults, and makes a model and an optimiser of it."""

import copy
import math

from ml_collections import ConfigDict

from trainers import cuts, settings
from trainers.parts import (
    OpenConfig,
    flat,
    model_config,
    part_config,
    plain,
    rooms,
    with_defaults,
    with_numbers,
    with_tuples,
)

__all__ = ["flat", "model_config", "plain"]

# Keys that say where things are and when work is saved, and not what is computed: with another
# value it is still the same run.
NOT_IDENTITY = (
    *("data.data_dir", "data.download", "evaluation.classifier"),
    *("train.checkpoint_minutes", "train.devices"),
)
# What is said about a run: its author's words, and the paper's values.
ABOUT = ("cut", "paper_run")
# The smallest scale, for seeing that all of a run works: two epochs of three steps, and a small
# test set, unless the config says which test images to take.
TINY = {
    "data.limit": lambda config: 2 * config.train.batch_size + 1,
    "data.test_limit": lambda config: config.data.test_limit if config.data.test_split else 100,
    "train.epochs": 2,
    "train.validation_examples": 50,
    "evaluation.num_samples": 5,
    "evaluation.nll_examples": 50,
}
# float16 is not among them: its gradients would need their losses scaled.
DTYPE_POLICIES = ("float32", "mixed_bfloat16")
# The smallest values; 0 stands for "none", "all" or "as the rule says".
LEAST = {
    "train": {
        **dict.fromkeys(("epochs", "batch_size", "validation_every", "validation_examples"), 1),
        **dict.fromkeys(("checkpoint_every", "keep_checkpoints"), 1),
        **dict.fromkeys(("pictures_every", "steps_per_execution"), 0),
    },
    "evaluation": {
        "num_samples": 1,
        **dict.fromkeys(("nll_examples", "num_generated", "num_chains", "num_temperatures"), 0),
    },
}


# Every key that a config may have, with its default.
DEFAULTS = {
    "paper": "",
    "cut": "",  # A difference from the paper's run, in words: one that no key shows.
    "paper_run": {},  # What the paper's run has; see trainers.cuts.
    "seed": 17,
    "latent_dim": 2,
    "data": {
        "name": "digits",
        "data_dir": "",
        "download": True,
        "binarisation": "none",
        "image_size": 0,
        "channels": 0,
        "train_split": "",
        "validation_split": "",
        "test_split": "",
        "limit": 0,
        "test_limit": 0,
        "crop": 0,
        "fit": "crop",
        "rotations": False,
        "flips": False,
        "shifts": 0,
        "distinct": False,
        "pixel_scale": 1.0,
        "validation_fraction": 0.1,
        "test_fraction": 0.1,
        "split_seed": 17,
    },
    "encoder": {"name": "mlp"},
    "decoder": {"name": "mlp"},
    "marginal": {"name": "normal"},
    "objective": {"name": "beta"},
    "optimizer": {
        "name": "adam",
        "learning_rate": 1e-3,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
        "schedule": "constant",
        "constant_share": 0.5,
    },
    "train": {
        "epochs": 10,
        "batch_size": 100,
        "dtype_policy": "float32",
        "jit_compile": "auto",
        "devices": "1",  # of each process: a number or "all"
        "steps_per_execution": 0,
        "validation_every": 1,
        "validation_examples": 10000,
        "pictures_every": 5,
        "checkpoint_every": 1,
        "checkpoint_minutes": 5.0,  # also within an epoch; 0 saves at ends of epochs alone
        "keep_checkpoints": 2,
    },
    "evaluation": {
        "metrics": ["rate", "distortion", "elbo", "nll", "active_units", "linear_probe"],
        "num_samples": 100,
        "nll_examples": 0,
        "num_generated": 0,
        "num_chains": 0,
        "num_temperatures": 0,
        "classifier": "",
    },
}


def default_config():
    """Returns every key that a config may have, with its default; configs change what they need.

    The four rooms are `{"name": ..., **arguments}`. `latent_dim` stands once for all of them,
    `image_shape` comes from the data, and the objective's seed is `seed`.
    """
    return OpenConfig(copy.deepcopy(DEFAULTS))


def complete(config, mode=""):
    """Fills in every argument of the four parts that `config` leaves out, and locks it.

    So each of them can be changed by a flag, an unknown key raises, and `config.json` says all.

    Args:
        config: A `ConfigDict` made from `default_config()`.
        mode: What stands after the colon of `--config=FILE:mode`: "", or "tiny" for `TINY`, two
            epochs of a few steps.

    Returns:
        The same config.

    Raises:
        ValueError: If `mode` is neither.
    """
    if mode not in ("", "tiny"):
        raise ValueError(f"Expected the mode '' or 'tiny'. Received: mode={mode!r}")
    with config.unlocked():
        for room, registry in rooms().items():
            config[room] = part_config(plain(config[room]), registry)
        config.data = _open(config.data)
        config.evaluation = ConfigDict(with_tuples(plain(config.evaluation)))
    if mode == "tiny":
        whole = {key: v for key, v in cuts.reference(config).items() if key in TINY}
        settings.set_values(config, TINY)
        config.paper_run = cuts.nested(whole)
    return config.lock()


def _open(data):
    """Returns the `data` of a config with keys whose flags take values of several types."""
    result = OpenConfig()
    for key, value in data.items():
        result[key] = with_tuples(plain(value))
    return result


def make_optimizer(config, steps_per_epoch):
    """Returns the Keras optimiser of `config.optimizer`, its schedule counted in steps.

    Raises:
        ValueError: If the name or the schedule is unknown.
    """
    from zoo import optimizers
    from zoo.registry import nearest

    options = config["optimizer"]
    classes = {"adam": optimizers.Adam, "normalized_adam": optimizers.NormalizedAdam}
    rate, total = options["learning_rate"], config["train"]["epochs"] * steps_per_epoch
    schedules = {
        "constant": lambda: rate,
        "constant_then_linear": lambda: optimizers.ConstantThenLinear(
            rate, int(total * options["constant_share"]), total
        ),
    }
    for key, valid in (("name", classes), ("schedule", schedules)):
        if options[key] not in valid:
            raise ValueError(
                f"`optimizer.{key}` must be one of {sorted(valid)}. "
                f"Received: optimizer.{key}={options[key]!r}.{nearest(options[key], valid)}"
            )
    return classes[options["name"]](
        schedules[options["schedule"]](),
        beta_1=options["beta_1"],
        beta_2=options["beta_2"],
        epsilon=options["epsilon"],
    )


def check_numbers(config):
    """Raises ValueError if a number of `train` or `evaluation` is out of range.

    Or if a metric or the dtype policy is unknown. Before anything is trained: a run keeps the
    config that it was begun with.
    """
    from trainers import devices
    from zoo.arguments import check_names
    from zoo.evaluation import ALL_METRICS

    for room, least in LEAST.items():
        for key, smallest in least.items():
            number = config[room].get(key, smallest)
            if isinstance(number, bool) or int(number) != number or number < smallest:
                raise ValueError(
                    f"`{room}.{key}` must be an integer of at least {smallest}. "
                    f"Received: {room}.{key}={number!r}"
                )
    minutes = config["train"].get("checkpoint_minutes", 0)
    if isinstance(minutes, bool) or not 0 <= minutes < math.inf:
        raise ValueError(
            "`train.checkpoint_minutes` must be a finite number of at least 0. "
            f"Received: train.checkpoint_minutes={minutes!r}"
        )
    if not 0 <= config["seed"] < 2**31:
        raise ValueError(f"`seed` must be in [0, 2**31). Received: seed={config['seed']!r}")
    devices.parse(config["train"].get("devices", 1))
    check_names(config["evaluation"]["metrics"], ALL_METRICS, "evaluation.metrics")
    check_names([config["train"]["dtype_policy"]], DTYPE_POLICIES, "train.dtype_policy")


def filled(config):
    """Returns a config as `flat` does, with every key and argument that it lacks at its default.

    The keys `ABOUT`, which describe the run, are left out.

    Raises:
        ValueError: If a part's name is unknown.
    """
    parts = {
        room: with_numbers(with_defaults(plain(config[room]), registry))
        for room, registry in rooms().items()
    }
    values = {**flat(default_config()), **flat({**plain(config), **parts})}
    return {key: value for key, value in values.items() if key.split(".")[0] not in ABOUT}


def differences(ours, theirs):
    """Returns a line for each key that makes two configs different runs.

    An argument that one of them lacks, because it came with a later version, is at its default.
    """
    ours, theirs = filled(ours), filled(theirs)
    keys = sorted(set(ours) | set(theirs))
    return [
        f"{key}: {theirs.get(key, 'absent')!r} there, {ours.get(key, 'absent')!r} here"
        for key in keys
        if key not in NOT_IDENTITY and ours.get(key) != theirs.get(key)
    ]
