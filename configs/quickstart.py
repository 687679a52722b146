"""The quickstart: a small dense VAE on scikit-learn's handwritten digits, nothing downloaded.

python -m trainers.train --config=configs/quickstart.py --workdir=/tmp/quickstart

The option `:tiny` runs a few steps.
"""

from trainers.recipe import Recipe


def base(config):
    """Sets the data, the model and the training."""
    config.data.name = "digits"
    config.latent_dim = 8
    config.encoder = {"name": "mlp"}
    config.decoder = {"name": "mlp", "likelihood": {"name": "bernoulli"}}
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 100
    config.train.batch_size = 60  # 24 steps an epoch, 12 in one execution
    config.train.pictures_every = 25
    config.train.validation_every = 5
    config.train.checkpoint_every = 10
    config.evaluation.num_samples = 500


get_config = Recipe(base=base)
