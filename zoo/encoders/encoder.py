"""What every encoder is: e(z|x), a stochastic map from images to latents."""

from zoo.backend import tfd
from zoo.layers.part import Part


class Encoder(Part):
    """e(z|x). A subclass sets `latent_dim` and writes `build` and `call`.

    `call(x, training=False)` takes float images [B, H, W, C] in [0, 1] and returns a dict of
    tensors: what export publishes. `posterior(parameters)` turns that dict into a distribution
    over z with event shape [Z]; the default reads `loc` and `scale`, both [B, Z], as a diagonal
    Gaussian. `distribution` is the two in a row: what objectives read.
    """

    def distribution(self, x, training=False):
        """Returns e(z|x), batch shape [B], event shape [Z]."""
        return self.posterior(self(x, training=training))

    def posterior(self, parameters):
        """Returns the distribution that `parameters`, the dict of `call`, stand for."""
        return tfd.Independent(tfd.Normal(parameters["loc"], parameters["scale"]), 1)
