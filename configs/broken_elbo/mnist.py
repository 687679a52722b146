"""`broken_elbo`, family `---` on static binarised MNIST: gated convolutions, N(0, I), beta 1.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/broken_elbo/mnist.py --workdir=DIR

The paper trains 200 epochs with Adam on normalised gradients, 3e-4 for 100 epochs, then linearly
to zero. Here 15 epochs with the same two halves: `--config.train.epochs=200` is the paper's run.
"""

from trainers.config import complete, default_config


def get_config(mode=""):
    """Returns the config; `:tiny` runs a few steps."""
    config = default_config()
    config.paper = "broken_elbo"
    config.cut = "15 of the paper's 200 epochs"
    config.latent_dim = 64
    config.data.name = "binarized_mnist"
    config.data.binarisation = "static"
    config.encoder = {"name": "gated_conv"}
    config.decoder = {"name": "gated_deconv", "likelihood": {"name": "bernoulli"}}
    config.objective = {"name": "beta", "beta": 1.0}
    config.optimizer.name = "normalized_adam"
    config.optimizer.learning_rate = 3e-4
    config.optimizer.schedule = "constant_then_linear"
    config.optimizer.constant_share = 0.5
    config.train.epochs = 15
    config.train.batch_size = 100
    config.train.validation_examples = 1000
    config.evaluation.metrics = ["rate", "distortion", "elbo", "nll", "active_units"]
    config.evaluation.num_samples = 100
    config.evaluation.nll_examples = 1000
    return complete(config, mode)
