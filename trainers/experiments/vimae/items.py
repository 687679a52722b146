"""The figures and tables of `vimae`, The Variational InfoMax Autoencoder."""

import functools

from trainers.experiments.vimae import pictures, runs, tables

BOTH = ("reconstructions", "samples")


def _pictures(data, *which, families=tuple(runs.NAMES)):
    return functools.partial(pictures.pictures, data=data, which=which or BOTH, families=families)


# Name -> the function and what the paper concludes from it.
ITEMS = {
    "fig1": (
        pictures.plane,
        "Models of the ELBO do not learn a q(z) close to p(z), and its entropy is far larger; a "
        "divergence between them bounds it.",
    ),
    "fig2": (
        _pictures("omniglot"),
        "A high penalty on the rate makes poor reconstructions; VAE and beta_H-VAE do not generate "
        "good samples.",
    ),
    "fig3": (
        _pictures("cifar10", "reconstructions"),
        "beta_H-VAE reconstructs worst; beta_A-VAE resembles VIMAE, at half of its rate.",
    ),
    "fig4": (
        _pictures("celeba", families=runs.INFOMAX),
        "A normal and a logistic prior differ little in what is generated.",
    ),
    "fig5": (_pictures("cifar10", "samples"), "Samples of VIMAE are better than those of VAEs."),
    "fig6": (
        _pictures("mnist", "reconstructions"),
        "All models reconstruct MNIST; VIMAE has the smallest error.",
    ),
    "fig7": (
        _pictures("mnist", "samples"),
        "Samples of beta_A-VAE seem to belong to one cluster: the entropy of its q(z) is high.",
    ),
    "table1": (
        tables.generated_nll,
        "Sharper samples come with informative generators: VIMAE-n has the lowest NLL.",
    ),
    "table2": (
        functools.partial(tables.accuracy, data="cifar10"),
        "VIMAE-l is best on clean and noisy images, both VIMAE under a mask.",
    ),
    "table3": (
        functools.partial(tables.accuracy, data="mnist"),
        "On clean codes all but the VAE are alike; under noise and masks VIMAE keeps its accuracy, "
        "VIMAE-l most.",
    ),
    "table4": (
        tables.few_characters,
        "On characters never seen no model is far above chance; VIMAE is the most robust.",
    ),
    "table5": (
        tables.frechet,
        "Both VIMAE are alike, and far better than models of the ELBO.",
    ),
}
