"""Contender: training, sampling and NLL of the four networks in plain PyTorch, on one device."""

import torch
from torch.nn import functional

from benchmarks import torch_networks, torch_training

NETWORKS = {
    "mlp": torch_training.MLP,
    "gated_conv": torch_training.GatedConv,
    "dcgan": torch_networks.DCGAN,
    "pixelcnn": torch_networks.PixelCNN,
}
TINY = {"mlp": {}, "gated_conv": {"depth": 2}, "dcgan": {"width": 0.02}}
TINY["pixelcnn"] = {"depth": 2, "resnets": 1, "encoder_depth": 2}


def make(network, task, batch_size, dtype="bfloat16", compiled=False, tiny=False, samples=16):
    """Returns `run(steps)`.

    Args:
        network: A name of `NETWORKS`.
        task: "train", a step of Adam; "sample", images from draws of the prior; or "nll",
            importance sampling of log p(x).
        batch_size: Images a step.
        dtype: "float32", in which matrix products are TF32 on a GPU, or "bfloat16", by autocast.
        compiled: Whether to use `torch.compile`.
        tiny: Whether to make a small network, to see it work.
        samples: Latents an image, of "nll".
    """
    torch.manual_seed(17)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = NETWORKS[network](**(TINY[network] if tiny else {})).to(device)
    model = model.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=device == "cuda")
    x = (torch.rand(batch_size, 1, 28, 28, device=device) > 0.5).float()
    x = x.contiguous(memory_format=torch.channels_last)
    latents = model.loc.out_features

    def distortion(z, x):
        logits = model.decode(z, x) if network == "pixelcnn" else model.decode(z)
        return functional.binary_cross_entropy_with_logits(
            logits, x.flatten(1), reduction="none"
        ).sum(1)

    def loss(noise):
        loc, scale = model.encode(x)
        rate = 0.5 * (loc**2 + scale**2 - 2 * torch.log(scale) - 1).sum(1)
        return (distortion(loc + scale * noise, x) + rate).mean()

    def sample(noise):
        return torch.sigmoid(model.decode(noise))

    def nll(noise):
        loc, scale = model.encode(x)
        z = loc + scale * noise
        log_weight = 0.5 * (noise**2 - z**2).sum(-1) + torch.log(scale).sum(-1)
        repeated = x.expand(samples, *x.shape).flatten(0, 1)
        log_prob = -distortion(z.flatten(0, 1), repeated).reshape(samples, -1)
        return torch.logsumexp(log_prob + log_weight, 0)

    function = {"train": loss, "sample": sample, "nll": nll}[task]
    function = torch.compile(function) if compiled else function
    model.train(task == "train")
    leading = (samples, batch_size) if task == "nll" else (batch_size,)

    def step():
        noise = torch.randn(*leading, latents, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            if task != "train":
                with torch.no_grad():
                    return function(noise)
            value = function(noise)
        adam.zero_grad()
        value.backward()
        adam.step()

    def run(steps):
        for _ in range(steps):
            step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run
