"""The four models of `mu_vae`, section 5: three objectives, two of them clipped.

What the text leaves open is settled here, for both data sets:

- The reconstruction loss is |x - x'|^2 summed over pixels (eq. of section 4; "mean square error,
  |x - x'|^2, is used for all cases"): a Gaussian of scale sqrt(1/2) around a sigmoid, whose
  distortion is that up to the constant 392 log(pi) nats.
- The encoder's last layer gives mean and log variance (eq. 3); eq. 5 clips the mean.
- Weights are drawn from N(0, 2/N), N a unit's inputs, as printed; the text calls it Xavier's rule.
- The classifier reads a sample of the posterior, in training and in testing; its accuracy at the
  mean is measured beside it.
- mu-VAE's loss has several readings (`zoo.Mu`), `objective.base.mean_term` and
  `objective.base.variance_term`. `READING` is the default: of twelve, the one that does all that
  the text says of mu-VAE (`results/mu_vae`): a mean of zero in each latent, spread up to the
  clipping radius, lower loss and higher accuracy than the VAE's, #2 ahead of #1.
- The number of epochs is not given. Here 20, which are 18,760 steps of Adam at 1e-4: what one core
  trains in 20 to 40 minutes, so that the eight models of Table 1 are an evening of two cores.
  `--config.train.epochs=` trains longer.
"""

import configs.words
from trainers.config import complete

# Family -> objective, c of the clipping |mu| <= c sqrt(Z) (eq. 5) or None.
READING = {"mean_term": "dimension", "variance_term": "kl"}
MODELS = {
    "vae": ({"name": "beta", "beta": 1.0}, None),
    "beta_vae": ({"name": "beta", "beta": 4.0}, None),
    "mu_vae_1": ({"name": "mu", **READING}, 3.0),
    "mu_vae_2": ({"name": "mu", **READING}, 6.0),
}
MODES = ("", "tiny", "reduced")
# A fifth of the epochs with five times the paper's step, so that the sum of all steps is that of
# 20 epochs at 1e-4.
REDUCED_EPOCHS, REDUCED_RATE = 4, 5e-4


def family_config(config, argument):
    """Completes a config of this paper, its data given, as `argument` says.

    Args:
        config: A `ConfigDict` made from `default_config()`.
        argument: What stands after the colon of `--config=FILE:mu_vae_1,tiny`: a family and a
            mode (`tiny`, `reduced`), in any order, both optional.

    Raises:
        ValueError: If a word is neither, or there are two of a kind.
    """
    family, mode = configs.words.parse(argument, family=tuple(MODELS), mode=MODES).values()
    objective, radius = MODELS[family]
    shared_settings(config, family)
    config.latent_dim = 10
    network = {"name": "small_conv"}
    config.encoder = {"name": "clipped", "base": network, "radius": radius} if radius else network
    config.decoder = {"name": "small_deconv", "likelihood": squared_error()}
    config.objective = {"name": "classified", "base": objective}
    config.evaluation.metrics = [
        *("rate", "distortion", "elbo", "reconstruction_l2"),
        *("active_units", "classified_accuracy"),
    ]
    complete(config, "tiny" if mode == "tiny" else "")
    return {"": lambda c: c, "tiny": _tiny, "reduced": _reduce}[mode](config)


def shared_settings(config, family):
    """Sets what the toy and the convolutional models have in common: Appendix B, optimisation."""
    config.paper = "mu_vae"
    config.family = family
    config.optimizer.learning_rate = 1e-4
    config.train.epochs = 20
    config.train.batch_size = 64
    config.train.checkpoint_every = 5
    config.train.pictures_every = 10


def squared_error():
    """Returns the likelihood whose distortion is |x - x'|^2, up to a constant."""
    return {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}


def _tiny(config):
    """Makes the networks of a complete config in tiny mode tiny, and says so in `cut`."""
    encoder = config.encoder.base if "base" in config.encoder else config.encoder
    encoder.depth = config.decoder.depth = 4
    config.objective.hidden_units = (16, 16)
    config.cut += "; networks of depth 4, a classifier of 16 units"
    return config


def _reduce(config):
    """Cuts the steps of a complete config, not its networks or data, and says so in `cut`."""
    config.cut = (
        f"{REDUCED_EPOCHS} epochs of {config.train.epochs} at a learning rate of {REDUCED_RATE} "
        f"instead of {config.optimizer.learning_rate}; networks and data in full"
    )
    config.train.epochs = config.train.checkpoint_every = REDUCED_EPOCHS
    config.train.pictures_every = 0
    config.optimizer.learning_rate = REDUCED_RATE
    return config
