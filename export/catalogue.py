"""Which run becomes which released model, for `python -m export.release`.

Runs are named as `trainers.reproduce --runs=RUNS/PAPER` and `trainers.sweep` name them; each
model's card has the command that trains it. A model without a run is published anew from the
artifact that is there.
"""

from zoo.evaluation import metric

_BROKEN_ELBO = {
    "broken-elbo-mnist": "",
    "broken-elbo-mnist-pixelcnn": "broken_elbo/mnist_long",
    "broken-elbo-mnist-iaf-maf": "broken_elbo/mnist/family=+-+_beta=0.5",
    "broken-elbo-mnist-pixelcnn-rate20": "broken_elbo/mnist_target/family=-+v_target=20",
    "broken-elbo-omniglot": "broken_elbo/omniglot/family=---_beta=1.0",
}
_INFOVAE = {
    "infovae-mnist-elbo": "infovae/family=elbo_limit=50000_seed=17",
    "infovae-mnist-mmd": "infovae/family=mmd_limit=50000_seed=17",
    "infovae-mnist-pixelcnn-z5": "infovae/family=mmd_pixelcnn_latent_dim=5_seed=17",
    "infovae-mnist-pixelcnn-z20": "infovae/family=mmd_pixelcnn_latent_dim=20_seed=17",
}
_VIMAE = {
    f"vimae-{data}-z{latents}-{short}": (
        f"vimae/family={family}_name={data}_latent_dim={latents}_seed=17"
    )
    for data, latents, families in [
        ("mnist", 2, ("vae", "beta_a", "vimae_n", "vimae_l")),
        ("mnist", 8, ("vae", "beta_a", "vimae_n", "vimae_l")),
        ("omniglot", 8, ("vae", "vimae_n")),
        ("cifar10", 64, ("vae", "vimae_n", "vimae_l")),
    ]
    for family in families
    for short in [family.removeprefix("vimae_").replace("_", "-")]
}
_BILBO = {
    "bilbo-mnist-z2": "",
    "bilbo-mnist-z2-constant": "bilbo/family=constant_latent_dim=2_scale=1.0_seed=17",
    "bilbo-mnist-z2-bilbo": "bilbo/family=bilbo_latent_dim=2_scale=1.0_seed=17",
    "bilbo-mnist-z2-baggins": "bilbo/family=baggins_latent_dim=2_pixel_scale=1.0_tau=0.2_seed=17",
    "bilbo-mnist-z100": "bilbo/family=learned_latent_dim=100_seed=17",
    "bilbo-mnist-z100-bilbo": "bilbo/family=bilbo_latent_dim=100_scale=1.0_seed=17",
}
_READING = "_mean_term=dimension_variance_term=kl"
_MU_VAE = {
    name.format(data): f"mu_vae/{data}/family={family}_seed=17"
    for data in ("mnist", "fashion")
    for name, family in [
        ("muvae1-{}", f"mu_vae_1{_READING}"),
        ("muvae2-{}", f"mu_vae_2{_READING}"),
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
