"""`broken_elbo` on static binarised MNIST: the twelve families, `---` unless another is named.

    TFDS_DATA_DIR=... python -m trainers.train --config=configs/broken_elbo/mnist.py --workdir=DIR
    ... --config=configs/broken_elbo/mnist.py:++v --config.objective.beta=0.5 ...
    ... --config=configs/broken_elbo/mnist.py:-+v,target_rate --config.objective.target=10 ...
    python -m trainers.sweep --config=configs/broken_elbo/mnist.py --workdir=DIR \\
        --grid="family=---,-+v,++-;objective.beta=0.1,0.5,1.0;seed=17"

The paper trains 200 epochs with Adam on normalised gradients, 3e-4 for 100 epochs, then linearly
to zero. Here there are 15 epochs with the same two halves; `--config.train.epochs=200` is the
paper's run. It gives no betas for MNIST. For Omniglot they are 0.1 to 1.1 for the autoregressive
decoders and 0.9, 1.0, 1.1 for the simple ones. `--config.objective.anneal_steps=STEPS` anneals the
rate. The widths stay adjustable: `encoder.depth` (`encoder.base.depth` under a flow),
`decoder.depth`, `encoder.hidden_units` and `marginal.hidden_units` of the flows. Scales: `tiny`,
and `reduced`, which one core trains in a few minutes.
"""

from configs.broken_elbo.families import recipe, reduced


def data(config):
    """Sets the data and the epochs."""
    config.data.name = "binarized_mnist"
    config.data.binarisation = "static"
    config.train.epochs = 15


get_config = recipe(
    data,
    reduced=reduced(epochs=1, limit=20000, test_split="test[:2000]"),
    paper_run={"train.epochs": 200, "data.limit": 50000},
)
