"""From an artifact to a Keras model."""

from zoo.releases import catalogue
from zoo.releases.card import check_file, read_card

WEIGHTS = "model.weights.h5"


def load(model):
    """Returns the `zoo.VAE` of an artifact: built from its card, with its weights.

    Only names of the zoo's registries and arrays are read; no code is loaded or run.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`.

    Raises:
        FileNotFoundError: If there is no such model, or a file of it is absent.
        ValueError: If a file is not the one that was published, or the card names a part that
            this version does not have.
    """
    folder = catalogue.resolve(model)
    card = read_card(folder)
    weights = check_file(folder, card, WEIGHTS)
    import zoo

    vae = zoo.build(card["model"])
    vae.load_weights(weights)
    return vae
