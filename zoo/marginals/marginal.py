"""What every marginal is: m(z), the density over latents that samples are drawn from."""

from zoo.part import Part


class Marginal(Part):
    """m(z). A subclass sets `latent_dim` and writes `distribution()`.

    `distribution()` is called anew in every step, inside `call`: a distribution made once from a
    variable would freeze its value. `connect(encoder, image_shape)` is called when a model is
    composed, before anything is built; a marginal that reads the encoder (VampPrior) keeps it
    there, and is not its owner. Where making the distribution costs much, `parameters()` does it
    once, and `from_parameters` returns the distribution as often as evaluation asks for it.

    A marginal that a family and scales do not describe has a `noise_shape` and writes
    `sample_from_noise(parameters, noise)`, draws [B, Z] as a function of standard normal noise
    [B, *noise_shape]: its draws then have a graph of their own in every runtime.
    """

    noise_shape = None

    # Whether `batch_distribution` follows the posteriors of each batch.
    is_floating = False

    # Whether the trainers call `adapt` with the training set before the first step.
    starts_from_images = False

    def __init__(self, latent_dim, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = latent_dim

    def connect(self, encoder, image_shape):
        """Takes notice of the encoder of the same model. Nothing to do for most marginals."""

    def batch_distribution(self, posterior, z):
        """Returns m(z) as an objective sees it, batch shape [], event shape [Z].

        `distribution()` for most marginals; one that floats (`bilbo`, section 4.3) is made anew
        from each batch.

        Args:
            posterior: e(z|x) of a batch.
            z: A sample of each, [B, Z].
        """
        return self.distribution()

    def distribution(self):
        """Returns m(z), batch shape [], event shape [Z]."""
        raise NotImplementedError

    def parameters(self):
        """Returns a dict of tensors for `from_parameters`; empty for most marginals."""
        return {}

    def from_parameters(self, parameters):
        """Returns `distribution()` from what `parameters` gave, while weights stay as they are."""
        return self.distribution()
