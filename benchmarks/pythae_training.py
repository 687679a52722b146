"""Contender: the dense network in pythae, trained by its own trainer.

Encoder and decoder are those of `benchmarks.torch_training` in pythae's form: the posterior's
parameter is the logarithm of the variance, and the decoder gives means. The loss is pythae's.
"""

import logging
import tempfile

import torch
from torch import nn

from benchmarks.torch_training import LEARNING_RATE, THREADS, stacked

logging.disable(logging.WARNING)  # pythae reports every run

from pythae.data.datasets import BaseDataset  # noqa: E402
from pythae.models import VAE, VAEConfig  # noqa: E402
from pythae.models.base.base_utils import ModelOutput  # noqa: E402
from pythae.models.nn import BaseDecoder, BaseEncoder  # noqa: E402
from pythae.trainers import BaseTrainer, BaseTrainerConfig  # noqa: E402


class Encoder(BaseEncoder):
    """784-200-200-200-200-2."""

    def __init__(self, latents, width=200):
        super().__init__()
        self.hidden = stacked([784] + 4 * [width])
        self.loc, self.log_variance = nn.Linear(width, latents), nn.Linear(width, latents)

    def forward(self, x):
        h = self.hidden(x.flatten(1))
        return ModelOutput(embedding=self.loc(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    """2-200-200-200-200-784."""

    def __init__(self, latents, width=200):
        super().__init__()
        self.layers = nn.Sequential(*stacked([latents] + 4 * [width]), nn.Linear(width, 784))

    def forward(self, z):
        return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)).view(-1, 1, 28, 28))


def make(batch_size, images, latents=2, fused=True):
    """Returns `run(steps)`, whole epochs of the trainer.

    Args:
        batch_size: Images a step.
        images: How many random ones to make, a multiple of `batch_size`.
        latents: Latents of the model.
        fused: Whether Adam is PyTorch's fused one.
    """
    torch.set_num_threads(THREADS)
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=latents, reconstruction_loss="bce")
    model = VAE(config, Encoder(latents), Decoder(latents))
    generator = torch.Generator().manual_seed(17)
    pixels = (torch.rand(images, 1, 28, 28, generator=generator) > 0.5).float()
    settings = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        optimizer_params={"fused": fused},
        no_cuda=True,
    )
    trainer = BaseTrainer(model, BaseDataset(pixels, torch.zeros(images)), None, settings)
    trainer.prepare_training()
    trainer.callback_handler.callbacks.clear()  # a bar of progress

    def run(steps):
        for epoch in range(steps * batch_size // images):
            trainer.train_step(epoch)

    run.multiple = images // batch_size
    return run
