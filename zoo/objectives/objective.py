"""What every objective is: a loss, and the named terms it is made of."""

import keras

from zoo.part import Part


class Objective(Part):
    """A loss of (x, encoder, decoder, marginal). A subclass writes `call` and sets `term_names`.

    `call` returns a dict: `loss` [], minimised, and the terms named by `term_names`, shape [B]
    where they are per example (nats), [] where they are batch statistics; those are logged, and
    `call` may return more. Logs are means over examples: a batch of B examples has the weight B,
    and the terms of `loss_weights` add up to the loss. `call` gets the other three parts rather
    than tensors made from them, so that it may sample, differentiate or train networks as it
    needs. `step`, the number of batches trained on, is what schedules read.

    Args:
        seed: Int; seeds the draws of `next_seed(self.seed_generator)`.
    """

    term_names = ()
    # Whether `call` takes `labels`, integers [B], from `fit(images, labels)`.
    needs_labels = False

    def __init__(self, seed=17, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape=None):
        pass

    def check_parts(self, encoder, decoder, marginal):
        """Called when a model is composed; raises ValueError if this cannot train these parts."""

    def check_labels(self, labels, where):
        """Called before training with all labels; raises ValueError if this cannot train on them.

        Args:
            labels: NumPy array [N] of integers.
            where: The data that they belong to, for the message.
        """

    def connect(self, encoder, image_shape):
        """Called when a model is composed; builds layers of its own that need the parts' sizes."""

    def logged_terms(self, decoder):
        """Returns the names of the terms that are logged with this decoder."""
        return self.term_names

    def loss_weights(self):
        """Returns name -> weight: the loss is the sum of weight times batch mean of these terms.

        `cost` stands for `distortion` where it is not logged. An empty dict declares nothing.
        """
        return {}

    def smallest_batches(self):
        """Returns name -> the fewest examples of a batch that give the term a value; 1 if absent.

        A smaller batch takes no part in the mean of the term, and its loss is without the term.
        """
        return {}

    def released(self):
        """Returns the objective of a published model: without networks that judge from beside."""
        return self
