"""`bilbo`, learned variances: dense networks, 2 latents, grey MNIST as Bernoulli targets.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/bilbo/mnist.py --workdir=DIR

The paper's Figure 2 reports test bounds of -136.5, -135.0 and -134.4 nats for three runs of 200
epochs, Adam 1e-3, batch 300.
"""

from trainers.config import complete, default_config


def get_config(mode=""):
    """Returns the config; `:tiny` runs a few steps."""
    config = default_config()
    config.paper = "bilbo"
    config.latent_dim = 2
    config.data.name = "mnist"
    config.encoder = {"name": "mlp"}
    config.decoder = {"name": "mlp", "likelihood": {"name": "bernoulli"}}
    config.objective = {"name": "beta", "beta": 1.0}
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 200
    config.train.batch_size = 300
    config.train.validation_every = 5
    config.train.checkpoint_every = 5
    config.train.pictures_every = 50
    return complete(config, mode)
