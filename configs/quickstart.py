"""The quickstart: a small dense VAE on scikit-learn's handwritten digits, nothing downloaded.

python -m trainers.train --config=configs/quickstart.py --workdir=/tmp/quickstart

The option `:tiny` runs a few steps.
"""

from trainers.recipe import Recipe


def base(config):
    """Sets the data, the model and the training."""
    config.data.name = "digits"
    config.latent_dim = 8
    # Two layers, and a rate whose weight rises over the first half: all latents stay in use. With
    # the four layers of 200 units of `bilbo`, and the whole rate at once, most of them are lost.
    config.encoder = {"name": "mlp", "hidden_units": (256, 256)}
    config.decoder = {"name": "mlp", "hidden_units": (256, 256)}
    config.objective.anneal_steps = 1200
    config.optimizer.learning_rate = 1e-3
    config.train.epochs = 100
    config.train.batch_size = 60  # 24 steps an epoch, 12 in one execution
    config.train.pictures_every = 25
    config.train.validation_every = 5
    config.train.checkpoint_every = 10
    config.evaluation.num_samples = 500


get_config = Recipe(base=base)
