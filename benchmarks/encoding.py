"""Contender: one encoder, batch by batch, in one runtime."""

import os
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ENCODERS = {"mlp": 2, "small_conv": 10, "gated_conv": 64}


def make(network, runtime, batch_size):
    """Returns `run(steps)`: one encoded batch a step.

    Args:
        network: One of `ENCODERS`.
        runtime: "onnxruntime", "tensorflow" or "pytorch".
        batch_size: Images a step.
    """
    images = np.random.default_rng(17).random((batch_size, 28, 28, 1), "float32")
    encode = {"onnxruntime": _onnx, "tensorflow": _tensorflow, "pytorch": _pytorch}[runtime](
        network
    )

    def run(steps):
        for _ in range(steps):
            encode(images)

    return run


def _model(network):
    import zoo

    zoo.load_parts()
    from zoo.registry import ENCODERS as REGISTERED

    latents = ENCODERS[network]
    return zoo.VAE(
        REGISTERED.create({"name": network, "latent_dim": latents}), zoo.MLPDecoder(latents)
    )


def _onnx(network):
    import onnxruntime

    from export import onnx

    model = _model(network)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "encoder.onnx")
        onnx.export(model.encode, {"image": model.image_shape}, path, network)
        graph = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: graph.run(["loc", "scale"], {"image": images})


def _tensorflow(network):
    import tensorflow as tf

    encode = tf.function(_model(network).encode, autograph=False)
    return lambda images: encode(tf.constant(images))["loc"].numpy()


def _pytorch(network):
    import torch

    from benchmarks import torch_training

    torch.set_num_threads(torch_training.THREADS)
    networks = {
        "mlp": torch_training.MLP,
        "small_conv": torch_training.SmallConv,
        "gated_conv": torch_training.GatedConv,
    }
    model = networks[network]().eval()

    @torch.inference_mode()
    def encode(images):
        return model.encode(torch.from_numpy(images).reshape(-1, 1, 28, 28))

    return encode
