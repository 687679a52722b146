"""The run of each released model, for `python -m export.release`.

A run is named by its config and flags, as on the command line of `trainers.train`. It is found in a
folder of runs by what its `config.json` says, whatever its folder is called and whichever command
trained it. A model without a run is published anew from the artifact that is there.
"""

from pathlib import Path

from zoo.evaluation import metric

# Name -> "CONFIG:OPTIONS KEY=VALUE ...", the flags without `--config.`.
_BFLOAT16 = "train.dtype_policy=mixed_bfloat16"
_BROKEN_ELBO = {
    "broken-elbo-mnist": f"broken_elbo/mnist {_BFLOAT16}",
    "broken-elbo-mnist-pixelcnn": (
        f"broken_elbo/mnist:++- {_BFLOAT16} decoder.depth=32 encoder.base.depth=16 "
        "objective.anneal_steps=1000 train.epochs=3 train.batch_size=50 "
        "optimizer.learning_rate=0.002 train.pictures_every=0 evaluation.nll_examples=500 "
        "evaluation.num_samples=64"
    ),
    "broken-elbo-mnist-iaf-maf": f"broken_elbo/mnist:+-+,reduced {_BFLOAT16} objective.beta=0.5",
    "broken-elbo-mnist-pixelcnn-rate20": (
        f"broken_elbo/mnist:-+v,reduced,target_rate {_BFLOAT16} objective.target=20"
    ),
    "broken-elbo-omniglot": (
        f"broken_elbo/omniglot:---,reduced {_BFLOAT16} evaluation.num_samples=16 "
        "evaluation.nll_examples=50 objective.beta=1.0"
    ),
}
_SIMPLE = (
    "data.limit=50000 train.epochs=2 train.validation_every=1 train.checkpoint_every=1 "
    "train.pictures_every=0"
)
_PIXELCNN = "infovae/mnist:mmd_pixelcnn,reduced train.keep_checkpoints=20"
_INFOVAE = {
    "infovae-mnist-elbo": f"infovae/mnist:elbo,reduced {_SIMPLE}",
    "infovae-mnist-mmd": f"infovae/mnist:mmd,reduced {_SIMPLE}",
    "infovae-mnist-pixelcnn-z5": f"{_PIXELCNN} latent_dim=5",
    "infovae-mnist-pixelcnn-z20": f"{_PIXELCNN} latent_dim=20",
}
_VIMAE = {
    f"vimae-{data}-z{latents}-{family.removeprefix('vimae_').replace('_', '-')}": (
        f"vimae/{config}:{family}{scale}"
    )
    for data, latents, config, scale, families in [
        ("mnist", 2, "plane", "", ("vae", "beta_a", "vimae_n", "vimae_l")),
        ("mnist", 8, "mnist", ",reduced", ("vae", "beta_a", "vimae_n", "vimae_l")),
        ("omniglot", 8, "omniglot", ",reduced", ("vae", "vimae_n")),
        ("cifar10", 64, "cifar10", ",reduced", ("vae", "vimae_n", "vimae_l")),
    ]
    for family in families
}
_BILBO = {
    "bilbo-mnist-z2": "bilbo/mnist",
    "bilbo-mnist-z2-constant": "bilbo/mnist:constant",
    "bilbo-mnist-z2-bilbo": "bilbo/mnist:bilbo",
    "bilbo-mnist-z2-baggins": "bilbo/mnist:baggins",
    "bilbo-mnist-z100": "bilbo/mnist:learned latent_dim=100",
    "bilbo-mnist-z100-bilbo": "bilbo/mnist:bilbo latent_dim=100",
}
_MU_VAE = {
    name.format(data): f"mu_vae/{data}:{family}"
    for data in ("mnist", "fashion")
    for name, family in [
        ("muvae1-{}", "mu_vae_1"),
        ("muvae2-{}", "mu_vae_2"),
        ("muvae-{}-vae", "vae"),
        ("muvae-{}-beta", "beta_vae"),
    ]
}

RELEASES = {**_BROKEN_ELBO, **_INFOVAE, **_VIMAE, **_BILBO, **_MU_VAE}

# Without graphs of log-densities: three are too large to hold encoder and decoder once more each; a
# fourth leaves all artifacts within `export.release.MAX_BYTES`; of BAGGINS' the log-likelihood of a
# sample turns on its latents so steeply that in float32 it misses the 1e-5 that `export.publish`
# asks.
WITHOUT_PROBABILITY = (
    *("broken-elbo-mnist", "broken-elbo-mnist-pixelcnn", "broken-elbo-mnist-iaf-maf"),
    *("bilbo-mnist-z100", "bilbo-mnist-z2-baggins"),
)

# The metrics of each card, where the model and its data allow; the number of images of the NLL.
METRICS = metric.card_names()
NLL_EXAMPLES = 1000


def planned(name: str) -> str:
    """Returns what the run of a released model is computed from, as `identity.key` gives it.

    Raises:
        KeyError: If there is no such model.
        ValueError: If its config has no such option, key or value.
    """
    from trainers.sweeps import grid, identity

    config, *flags = RELEASES[name].split()
    file, _, options = config.partition(":")
    path = str(Path(__file__).resolve().parents[1] / "configs" / f"{file}.py")
    plan = dict(flag.split("=", 1) for flag in flags)
    points = {key: [value] for key, value in plan.items()}
    ((_, _, complete),) = grid.planned(grid.join_config(path, options), points)
    return identity.key(identity.computed(complete))
