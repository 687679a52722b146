"""`mu_vae` on Fashion-MNIST: VAE, beta-VAE and two mu-VAEs with a classifier beside them.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/mu_vae/fashion.py --workdir=DIR
    ... --config=configs/mu_vae/fashion.py:mu_vae_2 --config.objective.base.mean_term=example ...
    python -m trainers.sweep --config=configs/mu_vae/fashion.py --workdir=DIR \\
        --grid="family=vae,beta_vae,mu_vae_1,mu_vae_2;seed=17"

The families: `vae` (the default), `beta_vae` (beta 4), `mu_vae_1` and `mu_vae_2` (clipped at c = 3
and 6). Table 4's networks, Adam 1e-4, batch 64, 10 latents. The classifier's test accuracy in the
paper's Table 1 is 78.01, 62.35, 82.71 and 84.26%. What its text leaves open is settled in
`configs/mu_vae/families.py`.
"""

from configs.mu_vae import families
from trainers.config import default_config


def get_config(argument=""):
    """Returns a family's config, by `:mu_vae_1` say; with `,tiny` or `,reduced` a cut one."""
    config = default_config()
    config.data.name = "fashion_mnist"
    return families.family_config(config, argument)
