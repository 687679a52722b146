"""What every marginal is: m(z), the density over latents that samples are drawn from."""

from zoo.layers.part import Part


class Marginal(Part):
    """m(z). A subclass sets `latent_dim` and writes `distribution()`.

    `distribution()` is called anew in every step, inside `call`: a distribution made once from a
    variable would freeze its value. `connect(encoder)` is called once when a model is composed;
    a marginal that reads the encoder (VampPrior) keeps it there, and is not its owner.
    """

    def __init__(self, latent_dim, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = latent_dim

    def connect(self, encoder):
        """Takes notice of the encoder of the same model. Nothing to do for most marginals."""

    def distribution(self):
        """Returns m(z), batch shape [], event shape [Z]."""
        raise NotImplementedError
