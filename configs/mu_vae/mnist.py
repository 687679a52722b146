"""`mu_vae` on MNIST: VAE, beta-VAE and two mu-VAEs, each with a classifier.

    export TFDS_DATA_DIR=...
    python -m trainers.train --config=configs/mu_vae/mnist.py --workdir=DIR
    ... --config=configs/mu_vae/mnist.py:mu_vae_2 --config.objective.base.mean_term=example ...
    python -m trainers.sweep --config=configs/mu_vae/mnist.py --workdir=DIR \\
        --grid="family=vae,beta_vae,mu_vae_1,mu_vae_2;seed=17"

The families: `vae` (the default), `beta_vae` (beta 4), `mu_vae_1` and `mu_vae_2` (clipped at c = 3
and 6). Table 4's networks, Adam 1e-4, batch 64, 10 latents. The classifier's test accuracy in the
paper's Table 1 is 93.42, 62.45, 95.28 and 96.44%. Scales: `tiny` and `reduced`. What the text
leaves open is at the top of `configs/mu_vae/families.py`.
"""

from configs.mu_vae.families import recipe

get_config = recipe.on(name="mnist")
