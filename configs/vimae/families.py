"""The five models of `vimae`, and what its experiments have in common.

    vae       ELBO
    beta_h    beta-VAE of Higgins et al., beta 10 (MNIST, Omniglot) or 100 (CIFAR10, CelebA)
    beta_a    beta-VAE of Alemi et al., beta 0.2 or 0.4, in place of a target rate
    vimae_n   infomax (eq. 7), lambda 10 or 100, MMD to N(0, I)
    vimae_l   the same, MMD to the logistic of unit variance

Readings of what the paper leaves open:

- Reconstruction is |x - x'|^2, summed over all elements, of pixels in [0, 1] with a sigmoid: a
  Gaussian likelihood of variance 1/2. The masks of section 5.3 "force to 0", which is black there.
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

import configs.words
from trainers.config import complete

GREY = {"beta_h": 10.0, "beta_a": 0.2, "lambda_": 10.0}
COLOUR = {"beta_h": 100.0, "beta_a": 0.4, "lambda_": 100.0}
FAMILIES = ("vae", "beta_h", "beta_a", "vimae_n", "vimae_l")
LIKELIHOOD = {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}
METRICS = ("reconstruction_l2", "rate", "mmd", "log_det_cov")
# Of section 5.3 on labelled data, with what corrupts the test images.
CORRUPTIONS = {
    "mnist": ("", "_noise_0.2", "_noise_0.4", "_mask_0.2", "_mask_0.5"),
    "cifar10": ("", "_noise_0.3", "_mask_0.2"),
}
TINY_WIDTH, TINY_UNITS = 1 / 64, (16, 16, 16)


def base_config(config, argument, weights):
    """Fills in what all experiments share; returns (config, mode), not yet complete.

    Args:
        config: A `ConfigDict` made from `default_config()`, with encoder and decoder given.
        argument: What stands after the colon of `--config=FILE:vimae_n,reduced`: a family and a
            mode (`tiny`, `reduced`), in any order, each of them optional.
        weights: `GREY` or `COLOUR`.

    Raises:
        ValueError: If a word is neither, or there are two of a kind.
    """
    words = configs.words.parse(argument, family=FAMILIES, mode=("", "tiny", "reduced"))
    family = words["family"]
    config.paper = "vimae"
    config.family = family
    config.decoder.likelihood = LIKELIHOOD
    if family.startswith("vimae"):
        base = {**config.encoder.to_dict(), "scale": "deterministic"}
        config.encoder = {"name": "pixel_noise", "base": base, "limit": 0.01}
        config.marginal = {"name": "logistic" if family == "vimae_l" else "normal"}
        config.objective = {
            "name": "infomax",
            "lambda_": weights["lambda_"],
            "divergence": {"name": "mmd", "kernel": "imq"},
        }
    else:
        config.encoder.scale = "log_variance"
        config.objective = {"name": "beta", "beta": weights.get(family, 1.0)}
    config.optimizer.learning_rate = 1e-3
    config.optimizer.beta_1 = 0.5
    config.train.batch_size = 100
    config.train.validation_examples = 1000
    config.evaluation.metrics = list(METRICS)
    return config, words["mode"]


def networks(config, latent_dim, kernel_size, decoder_filters):
    """Gives a config the paper's DCGAN networks."""
    config.latent_dim = latent_dim
    shared = {"name": "dcgan", "kernel_size": kernel_size, "width": 1.0}
    config.encoder = dict(shared)
    config.decoder = {**shared, "filters": decoder_filters}


def finish(config, mode, reduced=None):
    """Completes a config in its mode.

    Args:
        config: Of `base_config`.
        mode: "", "tiny" or "reduced".
        reduced: dict with `width`, `epochs`, and `cut`: what else the reduced mode says it cuts.
    """
    complete(config, "tiny" if mode == "tiny" else "")
    if mode == "tiny":
        _narrow(config, TINY_WIDTH)
        config.cut += "; tiny networks"
    if mode == "reduced" and reduced is not None:
        _reduce(config, **reduced)
    return config


def _narrow(config, width):
    encoder = config.encoder.base if "base" in config.encoder else config.encoder
    for part in (encoder, config.decoder):
        if "width" in part:
            part.width = width
        else:
            part.hidden_units = TINY_UNITS


def _reduce(config, width, epochs, cut):
    """Cuts to what one core trains in about three minutes: narrow networks, fewer epochs."""
    parts = (
        f"{epochs} of {config.train.epochs} epochs, in bfloat16",
        f"networks of 1/{1 / width:g} of the width",
        cut,
    )
    config.cut = "; ".join(filter(None, parts))
    _narrow(config, width)
    config.train.epochs = epochs
    config.train.validation_every = epochs
    config.train.checkpoint_every = epochs
    config.train.pictures_every = 0
    config.train.dtype_policy = "mixed_bfloat16"
