"""What a type checker must see of the public API; `.ci/types` reads this file and never runs it."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np

import zoo
from zoo.light.probability import Probability
from zoo.light.runtime import Decoder, Encoder

encoder = zoo.load_encoder("vimae-mnist-z8-l")
assert_type(encoder, Encoder)
assert_type(zoo.load_decoder(Path("artifact")), Decoder)
assert_type(zoo.load_probability("vimae-mnist-z8-l"), Probability)
assert_type(zoo.__version__, str)
zoo.list_models("vimae-*", latent_dim=(2, 8))

model = zoo.VAE(
    encoder={"name": "mlp", "latent_dim": 2},
    decoder=zoo.MLPDecoder(2, image_shape=(28, 28, 1), hidden_units=(64, 64)),
    objective=zoo.Beta(beta=0.5),
)
assert_type(model.latent_dim, int)
assert_type(model.sample(16, seed=3), np.ndarray)
assert_type(model.encode(np.zeros((1, 28, 28, 1)))["loc"], np.ndarray)
assert_type(zoo.vae_config(model), dict[str, Any])
assert_type(zoo.load("vimae-mnist-z8-l"), zoo.VAE)
assert_type(zoo.build(zoo.vae_config(model)), zoo.VAE)


class Twice(zoo.Beta):
    """A custom objective."""


# Each of these lines is an error; a checker says so where it reports an ignored line without one.
zoo.Beta(beta="much")  # pyright: ignore[reportArgumentType]
zoo.load_encoder(17)  # pyright: ignore[reportArgumentType]
zoo.load_encodr("x")  # pyright: ignore[reportAttributeAccessIssue]
zoo.MLPEncoder()  # pyright: ignore[reportCallIssue]
