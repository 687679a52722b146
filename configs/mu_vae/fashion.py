"""`mu_vae` on Fashion-MNIST; all else is as in `configs/mu_vae/mnist.py`.

    python -m trainers.train --config=configs/mu_vae/fashion.py:mu_vae_2 --workdir=DIR

The classifier's test accuracy in the paper's Table 1 is 78.01 (`vae`), 62.35 (`beta_vae`), 82.71
(`mu_vae_1`) and 84.26% (`mu_vae_2`).
"""

from configs.mu_vae.families import recipe

get_config = recipe.on(name="fashion_mnist")
