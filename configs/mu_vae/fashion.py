"""The small convolutional VAE of `mu_vae` on Fashion-MNIST, ELBO with squared error.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/mu_vae/fashion.py --workdir=DIR

The paper's Table 4 and Adam 1e-4, batch 64; it gives no number of epochs. A Gaussian of scale
sqrt(1/2) around a sigmoid makes the distortion the squared error, up to a constant.
"""

from trainers.config import complete, default_config


def get_config(mode=""):
    """Returns the config; `:tiny` runs a few steps."""
    config = default_config()
    config.paper = "mu_vae"
    config.latent_dim = 10
    config.data.name = "fashion_mnist"
    config.encoder = {"name": "small_conv"}
    likelihood = {"name": "gaussian", "scale": 0.5**0.5, "mean_activation": "sigmoid"}
    config.decoder = {"name": "small_deconv", "likelihood": likelihood}
    config.objective = {"name": "beta", "beta": 1.0}
    config.optimizer.learning_rate = 1e-4
    config.train.epochs = 50
    config.train.batch_size = 64
    return complete(config, mode)
