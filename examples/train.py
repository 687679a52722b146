"""Trains a VAE on arrays, publishes it, and uses what was published with ONNX Runtime alone.

    pip install -e ".[train]"
    python examples/train.py --out=/tmp/my-digits

The images are scikit-learn's handwritten digits. Every encoder, decoder and objective of
`docs/parts.md` fits in the same places.
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits

import zoo


def main(out, epochs):
    """Trains, prints the bound of held-out images, and publishes into the folder `out`."""
    images = (load_digits().images[..., None] / 16).astype("float32")  # [N, 8, 8, 1] in [0, 1]
    train, test = images[:1500], images[1500:]
    keras.utils.set_random_seed(17)
    model = zoo.VAE(
        zoo.MLPEncoder(4, hidden_units=(128, 128)),
        zoo.MLPDecoder(4, hidden_units=(128, 128), image_shape=(8, 8, 1)),
        objective=zoo.Beta(1.0),
    )
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(train, batch_size=100, epochs=epochs, verbose=0)
    terms = model.evaluate(test, batch_size=100, verbose=0, return_dict=True)
    print(f"rate {terms['rate']:.1f} nats, distortion {terms['distortion']:.1f} nats")

    zoo.publish(model, out, data="scikit-learn's digits", images=test[:8], saved_model=False)
    features = zoo.load_encoder(out).features(test)  # ONNX Runtime alone
    pixels = zoo.load_decoder(out).sample(16, seed=17)
    print(f"features {features.shape}, samples {np.shape(pixels)}, in {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", required=True, help="the artifact's folder")
    parser.add_argument("--epochs", type=int, default=100)
    main(**vars(parser.parse_args()))
