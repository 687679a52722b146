"""The five models of `vimae`, and what its experiments have in common.

    vae       ELBO
    beta_h    beta-VAE of Higgins et al., beta 10 (MNIST, Omniglot) or 100 (CIFAR10, CelebA)
    beta_a    beta-VAE of Alemi et al., beta 0.2 or 0.4, in place of a target rate
    vimae_n   infomax (eq. 7), lambda 10 or 100, MMD to N(0, I)
    vimae_l   the same, MMD to the logistic of unit variance

How the paper is interpreted where it leaves something open:

- Reconstruction is |x - x'|^2, summed over all elements, of pixels in [0, 1] with a sigmoid: a
  Gaussian likelihood of variance 1/2. The option `bernoulli` takes the cross entropy of pixels
  instead, `weighted` 0.05 times the squared error: `configs/vimae/mnist.py:beta_h,bernoulli`. With
  the squared error beta_h has no rate, with `bernoulli` it has one (results/vimae). The masks of
  section 5.3 "force to 0", which is black there.
- The kernel of the MMD is not printed. Section 5 refers to Zhao et al. (`infovae`) for the MMD, and
  section 5.2 takes "the same settings" as Tolstikhin et al., with their lambdas of 10 and 100. The
  sum of inverse multiquadrics of the latter is used, for which these lambdas were chosen:
  exp(-|z - z'|^2 / Z^2) of the former is nearly constant for Z = 64. In the plane, after 4 epochs
  of VIMAE-n, log det Cov[q(z)] was 0.3 with the latter and 3.7 with the former. The divergence is
  the square of the norm in eq. 13, without the diagonal; `objective.divergence.kernel=rbf` changes
  it.
- Pixel noise "truncated at 0.01" has the standard deviation 0.005.
- The 2-d study prints no training: it gets that of the other MNIST experiments.
- Each character of Omniglot "appears 80 times": a turned one keeps its label, as the 60 training
  and 20 test images of each character in section 5.3 need too. (In Vinyals et al., to whom the
  paper refers, it is a character of its own.)
- CIFAR10 and CelebA share "the same network", printed for 64 x 64. CIFAR10 stays 32 x 32, so the
  decoder's first map is 4 x 4 instead of 8 x 8.
"""

from trainers.recipe import Recipe, same_as

GREY = {"beta_h": 10.0, "beta_a": 0.2, "lambda_": 10.0}
COLOUR = {"beta_h": 100.0, "beta_a": 0.4, "lambda_": 100.0}
LIKELIHOOD = {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}
# The code of Tolstikhin et al., whose networks these are, weights the squared error by 0.05: a
# Gaussian likelihood of variance 10.
WEIGHTED = {**LIKELIHOOD, "scale": 10**0.5}
METRICS = ("reconstruction_l2", "rate", "mmd", "log_det_cov")
# Of section 5.3 on labelled data, with what corrupts the test images.
CORRUPTIONS = {
    "mnist": ("", "_noise_0.2", "_noise_0.4", "_mask_0.2", "_mask_0.5"),
    "cifar10": ("", "_noise_0.3", "_mask_0.2"),
}
TINY = {"encoder.width": 1 / 64, "decoder.width": 1 / 64}


def training(config):
    """Sets the optimisation of section 5 and what every run measures."""
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta_1 = 0.5
    config.train.batch_size = 100
    config.train.validation_examples = 1000
    config.evaluation.metrics = METRICS


def networks(latent_dim, kernel_size, decoder_filters):
    """Returns the paper's DCGAN networks, as a change of a config."""
    shared = {"name": "dcgan", "kernel_size": kernel_size, "width": 1.0}
    return {
        "latent_dim": latent_dim,
        "encoder": shared,
        "decoder": {**shared, "filters": decoder_filters, "likelihood": LIKELIHOOD},
    }


def beta_vae(beta):
    """Returns a family that maximises the ELBO with a weight of the rate."""
    return {"encoder.scale": "log_variance", "objective": {"name": "beta", "beta": beta}}


def likelihood(parts):
    """Returns a change of the likelihood of a config's decoder."""

    def change(config):
        config.decoder.likelihood = dict(parts)

    return change


def infomax(marginal, lambda_):
    """Returns a family of VIMAE: pixel noise, a code without noise, MMD to a marginal."""

    def change(config):
        base = {**config.encoder.to_dict(), "scale": "deterministic"}
        config.encoder = {"name": "pixel_noise", "base": base, "limit": 0.01}
        config.marginal = {"name": marginal}
        divergence = {"name": "mmd", "kernel": "imq"}
        config.objective = {"name": "infomax", "lambda_": lambda_, "divergence": divergence}

    return change


def recipe(weights, *base, **scales):
    """Returns the recipe of an experiment.

    Args:
        weights: `GREY` or `COLOUR`.
        *base: Changes of a config that all five models share: data, networks, epochs.
        **scales: `tiny` and `reduced`.
    """
    families = {
        "vae": beta_vae(1.0),
        "beta_h": beta_vae(weights["beta_h"]),
        "beta_a": beta_vae(weights["beta_a"]),
        "vimae_n": infomax("normal", weights["lambda_"]),
        "vimae_l": infomax("logistic", weights["lambda_"]),
    }
    likelihoods = {
        "squared": {},
        "bernoulli": likelihood({"name": "bernoulli"}),
        "weighted": likelihood(WEIGHTED),
    }
    return Recipe(
        "vimae",
        base=(training, *base),
        families=families,
        options={"likelihood": likelihoods},
        scales=scales,
    )


def reduced(epochs):
    """Returns the scale that one core trains in about three minutes: narrow, and few epochs."""
    return {
        **{"encoder.width": 1 / 16, "decoder.width": 1 / 16},
        "train.epochs": epochs,
        "train.validation_every": same_as("train.epochs"),
        "train.checkpoint_every": same_as("train.epochs"),
        "train.pictures_every": 0,
        "train.dtype_policy": "mixed_bfloat16",
    }
