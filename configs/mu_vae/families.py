"""The four models of `mu_vae`, section 5: three objectives, two of them clipped.

The text leaves some things open. They are the same for both data sets:

- The reconstruction loss is |x - x'|^2 summed over pixels (eq. of section 4; "mean square error,
  |x - x'|^2, is used for all cases"): a Gaussian of scale sqrt(1/2) around a sigmoid. Its
  distortion is that loss up to the constant 392 log(pi) nats.
- The encoder's last layer gives mean and log variance (eq. 3); eq. 5 clips the mean.
- Weights are drawn from N(0, 2/N), N a unit's inputs, as printed; the text calls it Xavier's rule.
- The classifier reads a sample of the posterior, in training and in testing. Its accuracy at the
  mean is measured as well.
- mu-VAE's loss has several interpretations (`zoo.Mu`), `objective.base.mean_term` and
  `objective.base.variance_term`. `READING` is the default. Of twelve, it alone does all that the
  text says of mu-VAE (`results/mu_vae`): a mean of zero in each latent, spread up to the clipping
  radius, lower loss and higher accuracy than the VAE's, #2 ahead of #1.
- The number of epochs is not given. Here it is 20: 18,760 steps of Adam at 1e-4, which one core
  trains in 20 to 40 minutes, and the eight models of Table 1 in an evening of two cores.
  `--config.train.epochs=` trains longer.
"""

from trainers.recipe import Recipe, same_as

READING = {"mean_term": "dimension", "variance_term": "kl"}
# The likelihood whose distortion is |x - x'|^2, up to a constant.
SQUARED_ERROR = {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}


def appendix_b(config):
    """Sets the optimisation of Appendix B, the same for the toy and the convolutional models."""
    config.optimizer.learning_rate = 1e-4
    config.train.epochs = 20
    config.train.batch_size = 64
    config.train.checkpoint_every = 5
    config.train.pictures_every = 10


def base(config):
    """Sets what the four models share."""
    config.latent_dim = 10
    config.decoder = {"name": "small_deconv", "likelihood": SQUARED_ERROR}
    config.evaluation.metrics = (
        *("rate", "distortion", "elbo", "reconstruction_l2"),
        *("active_units", "classified_accuracy"),
    )


def clipped(network, radius):
    """Returns a network's encoder with |mu| <= radius sqrt(Z) (eq. 5); None does not clip."""
    return {"name": "clipped", "base": network, "radius": radius} if radius else network


def model(objective, radius=None):
    """Returns a family: an objective with a classifier, and c of the clipping."""
    return {
        "encoder": clipped({"name": "small_conv"}, radius),
        "objective": {"name": "classified", "base": objective},
    }


FAMILIES = {
    "vae": model({"name": "beta", "beta": 1.0}),
    "beta_vae": model({"name": "beta", "beta": 4.0}),
    "mu_vae_1": model({"name": "mu", **READING}, radius=3.0),
    "mu_vae_2": model({"name": "mu", **READING}, radius=6.0),
}
SCALES = {
    "tiny": {"encoder.depth": 4, "decoder.depth": 4, "objective.hidden_units": (16, 16)},
    # A fifth of the epochs with five times the paper's step, so that the sum of all steps is that
    # of 20 epochs at 1e-4. Networks and data are in full.
    "reduced": {
        "train.epochs": 4,
        "train.checkpoint_every": same_as("train.epochs"),
        "train.pictures_every": 0,
        "optimizer.learning_rate": 5e-4,
    },
}
recipe = Recipe("mu_vae", base=(appendix_b, base), families=FAMILIES, scales=SCALES)
