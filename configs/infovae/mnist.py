"""`infovae` on MNIST: six ways to regularise, each with a simple or an autoregressive decoder.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/infovae/mnist.py --workdir=DIR
    ... --config=configs/infovae/mnist.py:elbo --config.data.limit=500 --config.latent_dim=2 ...
    ... --config=configs/infovae/mnist.py:stein_pixelcnn --config.latent_dim=5 ...
    python -m trainers.sweep --config=configs/infovae/mnist.py --workdir=DIR \\
        --grid="family=elbo,mmd;latent_dim=2,10;seed=17"

A family is `elbo`, `mmd`, `stein`, `adversarial`, `wgan_gp` or `none` (the "unregularised"
autoencoder, alpha 1, lambda 0). Alone it is of Figures 2 to 5: DCGAN networks, 10 latents, fixed
binary MNIST, alpha 0, lambda 1000. With `_pixelcnn` behind it, it is of Figure 6 and Table 1:
a DCGAN encoder, a PixelCNN, alpha 1, and any number of latents. `data.limit` is the size of the
training set, at most 50,000.

Scales: `tiny`, and `reduced`, which one core trains in a minute or two.

What the paper leaves open, and how it is interpreted here:

- "The DCGAN architecture" is the zoo's, as `vimae` prints it, with the optimiser of Radford et al.:
  Adam 2e-4, beta_1 0.5. No number of epochs is given: here it is 100 of 50,000 images. A config's
  epochs stay 100 with any `data.limit`. `trainers.reproduce --item=fig2` takes the same number of
  steps for each: for example `--config.train.epochs=10000` with `--config.data.limit=500`.
- Figures 2 to 5 are of "binarized MNIST": the fixed one of 50,000 training images. For Table 1
  "we use the stochastically binarized MNIST"; it stands in the section of Figure 6, where labels
  are needed as well, so that all of that section draws its pixels anew for each step.
- Table 1 has the networks of its section, PixelCNN and alpha 1: no simple decoder with 5 latents
  is near its 81 nats.
- Lambda 1000 was chosen so that "the loss on X" is "approximately the same as the loss on Z", for
  MMD. It serves Stein as well, whose step a batch's kernel makes as small. The critics' losses are
  larger: with alpha 1 they have lambda 1, the paper's own adversarial autoencoder.
"""

from trainers.recipe import Recipe

OBJECTIVES = ("mmd", "elbo", "stein", "adversarial", "wgan_gp", "none")
PIXELCNN = "_pixelcnn"
LAMBDA = 1000.0
LAMBDAS = {"adversarial": 1.0, "wgan_gp": 1.0}  # with alpha 1; see above
EPOCHS, TRAINING_EXAMPLES = 100, 50000
METRICS = ("rate", "distortion", "elbo", "mmd", "log_det_cov")


def base(config):
    """Sets what all families share."""
    config.latent_dim = 10
    config.encoder = {"name": "dcgan"}
    config.optimizer.learning_rate = 2e-4
    config.optimizer.beta_1 = 0.5
    config.train.epochs = EPOCHS
    config.train.validation_every = 5
    config.train.checkpoint_every = 5
    config.train.pictures_every = 20


def objective(name, alpha):
    """Returns the objective of a family.

    Args:
        name: One of `OBJECTIVES`.
        alpha: 0 with a simple decoder, 1 with an autoregressive one; the ELBO has none.
    """
    if name == "elbo":
        return {"name": "beta", "beta": 1.0}
    if name == "none":
        return {"name": "infovae", "alpha": 1.0, "lambda_": 0.0, "divergence": "none"}
    weight = LAMBDAS.get(name, LAMBDA) if alpha else LAMBDA
    return {"name": "infovae", "alpha": alpha, "lambda_": weight, "divergence": {"name": name}}


def simple(name):
    """Returns a family of Figures 2 to 5, with a DCGAN decoder."""
    return {
        "data.name": "binarized_mnist",
        "data.binarisation": "static",
        "decoder": {"name": "dcgan"},
        "objective": objective(name, alpha=0.0),
        "evaluation.metrics": METRICS,
    }


def pixelcnn(name):
    """Returns a family of Figure 6 and Table 1, with a PixelCNN."""
    return {
        "data.name": "mnist",
        "data.binarisation": "dynamic",
        "data.train_split": f"train[:{TRAINING_EXAMPLES}]",
        "data.validation_split": f"train[{TRAINING_EXAMPLES}:]",
        "decoder": {"name": "pixelcnn"},
        "objective": objective(name, alpha=1.0),
        "evaluation.metrics": (*METRICS, "svm_1000", "svm_1000_transductive"),
    }


def tiny(config):
    """Returns the smallest scale: networks of a few maps."""
    if config.family.endswith(PIXELCNN):
        networks = {"encoder.width": 1 / 32, "decoder.depth": 4, "decoder.num_resnets": 1}
        # One epoch of ten steps, on as many images as a probe has labels.
        return {**networks, "data.limit": 1000, "train.epochs": 1}
    return {"encoder.width": 1 / 32, "decoder.width": 1 / 64}


def reduced(config):
    """Returns the scale that one core trains in a minute or two.

    The few steps are five times as large as the paper's. A training set of another size takes
    other epochs: `trainers.experiments.papers.infovae` keeps the number of steps.
    """
    shared = {
        "encoder.width": 1 / 8,
        "optimizer.learning_rate": 1e-3,
        "train.dtype_policy": "mixed_bfloat16",  # on a core, up to twice as fast as float32
        "train.validation_examples": 500,
        "train.validation_every": 1,
        "train.checkpoint_every": 1,
        "train.pictures_every": 0,
        "data.test_split": "test[:5000]",
    }
    if config.family.endswith(PIXELCNN):
        networks = {"decoder.depth": 16, "decoder.num_resnets": 1}
        steps = {"data.limit": 20000, "train.epochs": 1, "train.batch_size": 50}
        return {**shared, **networks, **steps}
    return {**shared, "decoder.width": 1 / 16, "train.epochs": 2}


def paper_run(config):
    """Returns the training set in full, and the same number of steps for one of another size."""
    examples = config.data.limit or TRAINING_EXAMPLES
    epochs = EPOCHS * TRAINING_EXAMPLES // examples
    return {"train.epochs": epochs, "data.limit": TRAINING_EXAMPLES}


get_config = Recipe(
    "infovae",
    base=base,
    families={
        **{name: simple(name) for name in OBJECTIVES},
        **{name + PIXELCNN: pixelcnn(name) for name in OBJECTIVES},
    },
    scales={"tiny": tiny, "reduced": reduced},
    paper_run=paper_run,
    axes=("data.limit",),  # Figure 2
)
