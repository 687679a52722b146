"""Contender: the same networks and the same training step in plain PyTorch.

Images are [B, 1, 28, 28]. PyTorch pads strided convolutions by two on either side, TensorFlow by
one before and two after: the two networks are the same function of mirrored images (`mirrored`).
"""

import itertools
import os

import torch
from torch import nn
from torch.nn import functional

LEARNING_RATE = 1e-3
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class MLP(nn.Module):
    """784-200-200-200-200-2 and back, rectified linear units, scale = softplus(a) + 1e-5."""

    def __init__(self, latents=2, width=200):
        super().__init__()
        widths = [784] + 4 * [width]
        self.hidden = stacked(widths)
        self.loc = nn.Linear(width, latents)
        self.raw_scale = nn.Linear(width, latents)
        self.decoder = nn.Sequential(*stacked([latents] + 4 * [width]), nn.Linear(width, 784))

    def encode(self, x):
        """Returns the posterior's mean and scale, float32."""
        h = self.hidden(x.flatten(1))
        return self.loc(h).float(), functional.softplus(self.raw_scale(h).float()) + 1e-5

    def decode(self, z):
        """Returns logits, float32."""
        return self.decoder(z).float()


def stacked(widths):
    pairs = itertools.pairwise(widths)
    return nn.Sequential(*[part for a, b in pairs for part in (nn.Linear(a, b), nn.ReLU())])


class Gated(nn.Module):
    """a * sigmoid(b), the halves of a layer of double width; `padding` as `nn.ZeroPad2d`."""

    def __init__(self, layer, padding=None):
        super().__init__()
        self.layer = layer
        self.padding = padding

    def forward(self, x):
        x = x if self.padding is None else functional.pad(x, self.padding)
        return functional.glu(self.layer(x), dim=1)


def _gated(inputs, outputs, kernel, stride=1, padding=0):
    return Gated(nn.Conv2d(inputs, 2 * outputs, kernel, stride, padding))


class GatedConv(nn.Module):
    """The network `---` of `broken_elbo`, appendix F: gated convolutions, 64 latents."""

    def __init__(self, latents=64, depth=32):
        super().__init__()
        d = depth
        self.encoder = nn.Sequential(
            _gated(1, d, 5, 1, 2),
            _gated(d, d, 5, 2, 2),
            _gated(d, 2 * d, 5, 1, 2),
            _gated(2 * d, 2 * d, 5, 2, 2),
            _gated(2 * d, 8 * d, 7),
            nn.Flatten(),
        )
        self.loc = nn.Linear(8 * d, latents)
        self.raw_scale = nn.Linear(8 * d, latents)
        self.first = Gated(nn.Linear(latents, 2 * 49 * 2 * d))
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (2 * d, 7, 7)),
            _gated(2 * d, 2 * d, 5, 1, 2),
            Gated(nn.ConvTranspose2d(2 * d, 4 * d, 5, 2, 2, output_padding=1)),
            _gated(2 * d, d, 5, 1, 2),
            Gated(nn.ConvTranspose2d(d, 2 * d, 5, 2, 2, output_padding=1)),
            Gated(nn.Conv2d(d, 2 * d, 4), padding=(2, 1, 2, 1)),
            nn.Conv2d(d, 1, 5, padding=2),
        )

    def encode(self, x):
        """Returns the posterior's mean and scale, float32."""
        h = self.encoder(2 * x - 1)
        variance = functional.softplus(self.raw_scale(h).float()) + 1e-10
        return self.loc(h).float(), torch.sqrt(variance)

    def decode(self, z):
        """Returns logits, float32."""
        return self.decoder(self.first(z)).flatten(1).float()


class SmallConv(nn.Module):
    """The encoder of `mu_vae`, Table 4: leaky rectified units, scale = exp(a / 2) + 1e-5."""

    def __init__(self, latents=10, depth=64):
        super().__init__()
        layers = [nn.Conv2d(1, depth, 3, 1, 1)]
        layers += [nn.Conv2d(depth, depth, 3, 2, 1) for _ in range(2)]
        pairs = [(layer, nn.LeakyReLU(0.2)) for layer in layers]
        self.encoder = nn.Sequential(*[part for pair in pairs for part in pair], nn.Flatten())
        self.loc = nn.Linear(49 * depth, latents)
        self.raw_scale = nn.Linear(49 * depth, latents)

    def encode(self, x):
        """Returns the posterior's mean and scale, float32."""
        h = self.encoder(x)
        return self.loc(h).float(), torch.exp(0.5 * self.raw_scale(h).float()) + 1e-5


def negative_elbo(model, x, noise):
    """Returns the mean over images of distortion plus rate in nats, at z = loc + scale * noise."""
    loc, scale = model.encode(x)
    logits = model.decode(loc + scale * noise)
    distortion = functional.binary_cross_entropy_with_logits(
        logits, x.flatten(1), reduction="none"
    ).sum(1)
    rate = 0.5 * (loc**2 + scale**2 - 2 * torch.log(scale) - 1).sum(1)
    return (distortion + rate).mean()


def make(network, batch_size, images, optimizer="adam", dtype="float32", compiled=False, **options):
    """Returns `run(steps)`.

    Args:
        network: "mlp" or "gated_conv".
        batch_size: Images a step.
        images: How many random ones to make.
        optimizer: "adam" or "normalized_adam".
        dtype: "float32", or "bfloat16" for `torch.autocast`.
        compiled: Whether to use `torch.compile`.
        **options: `channels_last` (bool) and `fused` (bool), the memory layout and Adam's kernel.
    """
    torch.set_num_threads(options.get("threads", THREADS))
    torch.manual_seed(17)
    model = MLP() if network == "mlp" else GatedConv()
    layout = torch.channels_last if options.get("channels_last") else torch.contiguous_format
    model = model.to(memory_format=layout)
    adam = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=options.get("fused", False))
    latents = model.loc.out_features
    pixels = torch.rand(images, 1, 28, 28, generator=torch.Generator().manual_seed(17))
    pixels = (pixels > 0.5).float()
    total = torch.zeros(())

    def loss_of(x):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            return negative_elbo(model, x, torch.randn(len(x), latents))

    loss_of = torch.compile(loss_of) if compiled else loss_of

    def run(steps):
        for indices in _batches(images, batch_size, steps):
            x = pixels[indices].contiguous(memory_format=layout)
            adam.zero_grad()
            loss = loss_of(x)
            loss.backward()
            if optimizer == "normalized_adam":
                _normalize(model.parameters())
            adam.step()
            total.add_(loss.detach())

    return run


def _batches(images, batch_size, steps):
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch_size:
            order = torch.randperm(images)
        yield order[:batch_size]
        order = order[batch_size:]


def _normalize(parameters):
    """Divides each gradient by its own norm."""
    gradients = [parameter.grad for parameter in parameters]
    norms = torch._foreach_norm(gradients)
    torch._foreach_div_(gradients, [norm + 1e-12 for norm in norms])
