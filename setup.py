"""Packaging: `pip install elbo-zoo` is light; `elbo-zoo[train]` adds TensorFlow and Keras."""

from pathlib import Path

from setuptools import find_packages, setup

LIGHT = ["numpy>=1.26", "onnxruntime>=1.18"]
TRAIN = [
    "absl-py>=2.1",
    "keras>=3.8,<4",
    "matplotlib>=3.8",
    "ml_collections>=1.0",
    "onnx>=1.16",
    "pillow>=10",
    "scikit-learn>=1.4",
    "setuptools",  # TensorFlow Probability imports distutils, gone from Python 3.12.
    "tensorboard>=2.17",
    "tensorflow>=2.18",
    "tensorflow-datasets>=4.9.7",
    "tensorflow-probability>=0.25",
    "tf2onnx>=1.16.1",
    "tf_keras>=2.18",  # Importing TensorFlow Probability needs it; nothing here uses it.
    "tqdm>=4.66",
]
JAX = ["jax>=0.4.35"]
TEST = ["pytest>=8", "pytest-xdist>=3.5", "ruff>=0.6", *JAX]

setup(
    name="elbo-zoo",
    version="0.1.0.dev0",
    description="Variational autoencoders that repair the ELBO: Keras 3 models, trainers, ONNX.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["zoo*", "trainers*", "export*", "configs*"]),
    install_requires=LIGHT,
    extras_require={"train": TRAIN, "jax": JAX, "test": TEST},
)
