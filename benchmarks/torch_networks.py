"""Two more networks in plain PyTorch: DCGAN, and gated convolutions before a PixelCNN++.

They have the layers of this project's `dcgan` and `pixelcnn` parts, with ordinary zero padding.
"""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.torch_training import GatedConv


class DCGAN(nn.Module):
    """The networks of `vimae` for images of 28 x 28: batch norm after each convolution."""

    def __init__(self, latents=8, width=1.0):
        super().__init__()
        depths = [max(1, round(width * depth)) for depth in (128, 256, 512, 1024)]
        layers, inputs = [], 1
        for depth, after in zip(depths, (1, 1, 2, 1)):  # 28 -> 14 -> 7 -> 4 -> 2
            layers += [
                nn.ZeroPad2d((1, after, 1, after)),
                nn.Conv2d(inputs, depth, 4, 2, bias=False),
            ]
            layers += [nn.BatchNorm2d(depth), nn.ReLU()]
            inputs = depth
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        size = depths[-1] * 4
        self.loc, self.log_variance = nn.Linear(size, latents), nn.Linear(size, latents)
        first, *rest = (depths[3], depths[2], depths[1])
        layers = [nn.Linear(latents, 49 * first), nn.Unflatten(1, (first, 7, 7))]
        for before, depth in zip((first, *rest), rest):
            layers += [nn.ConvTranspose2d(before, depth, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(depth), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(rest[-1], 1, 4))

    def encode(self, x):
        """Returns the posterior's mean and scale, float32."""
        h = self.encoder(x)
        return self.loc(h).float(), torch.exp(0.5 * self.log_variance(h).float())

    def decode(self, z):
        """Returns logits [B, 784], float32."""
        return self.decoder(z).flatten(1).float()


class Causal(nn.Module):
    """A convolution whose last row, and in the direction "down_right" last column, is the pixel."""

    def __init__(self, inputs, outputs, kernel, direction, stride=1):
        super().__init__()
        rows, columns = kernel
        left = columns - 1 if direction == "down_right" else (columns - 1) // 2
        self.margins = (left, columns - 1 - left, rows - 1, 0)
        self.layer = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x):
        return self.layer(functional.pad(x, self.margins))


class Residual(nn.Module):
    """x + gate(conv(gate(conv(x) + W a)))."""

    def __init__(self, depth, kernel, direction, aside):
        super().__init__()
        self.first = Causal(depth, 2 * depth, kernel, direction)
        self.second = Causal(depth, 2 * depth, kernel, direction)
        self.aside = nn.Conv2d(aside, 2 * depth, 1, bias=False) if aside else None

    def forward(self, x, aside=None):
        h = self.first(x)
        if self.aside is not None:
            h = h + self.aside(aside)
        return x + functional.glu(self.second(functional.glu(h, 1)), 1)


class Stream(nn.Module):
    """Six blocks at 28, 14, 7, 7, 14, 28, of residual layers with shortcuts of equal size."""

    def __init__(self, depth, kernel, direction, resnets, reads_other):
        super().__init__()

        def blocks(aside):
            layers = [Residual(depth, kernel, direction, aside) for _ in range(3 * resnets)]
            return nn.ModuleList(layers)

        self.resnets = resnets
        self.down = blocks(depth if reads_other else 0)
        self.up = blocks(2 * depth if reads_other else depth)
        self.shrink = nn.ModuleList(Causal(depth, depth, kernel, direction, 2) for _ in range(2))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(depth, depth, 2, 2) for _ in range(2))

    def forward(self, x, other=None):
        """Returns the last map, and the maps after all layers on the way down and up."""
        down, up = [], []
        for i, block in enumerate(self.down):
            x = block(x, None if other is None else other[0][i])
            down.append(x)
            if i % self.resnets == self.resnets - 1 and i // self.resnets < 2:
                x = self.shrink[i // self.resnets](x)
        shortcuts = list(down)
        for i, block in enumerate(self.up):
            aside = shortcuts.pop()
            if other is not None:
                aside = torch.cat([other[1][i], aside], 1)
            x = block(x, aside)
            up.append(x)
            if i % self.resnets == self.resnets - 1 and i // self.resnets < 2:
                x = self.grow[i // self.resnets](x)
        return x, (down, up)


class PixelCNN(GatedConv):
    """The encoder of `GatedConv`; a PixelCNN++ of binary pixels that sees z as a plane."""

    def __init__(self, latents=64, depth=64, resnets=2, encoder_depth=32):
        super().__init__(latents, encoder_depth)
        del self.first, self.decoder
        self.plane = nn.Linear(latents, 2 * 784)
        self.rows_above = Causal(2, depth, (2, 3), "down")
        self.row_above = Causal(2, depth, (1, 3), "down")
        self.left = Causal(2, depth, (2, 1), "down_right")
        self.vertical = Stream(depth, (2, 3), "down", resnets, False)
        self.horizontal = Stream(depth, (2, 2), "down_right", resnets, True)
        self.pixels = nn.Conv2d(depth, 1, 1)

    def decode(self, z, x):
        """Returns logits [B, 784], float32, of each pixel given z and the pixels before it."""
        plane = functional.glu(self.plane(z), 1).reshape(-1, 1, 28, 28)
        inputs = torch.cat([2 * x - 1, plane.to(x.dtype)], 1)
        above = functional.pad(inputs[:, :, :-1], (0, 0, 1, 0))
        before = functional.pad(inputs[..., :-1], (1, 0))
        _, maps = self.vertical(self.rows_above(above))
        h, _ = self.horizontal(self.row_above(above) + self.left(before), maps)
        return self.pixels(h).flatten(1).float()
