"""What `pyproject.toml` cannot say: requirements with reasons, and what a wheel holds.

`pip install elbo-zoo` is light; `elbo-zoo[train]` adds TensorFlow and Keras.
"""

import sys
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent

# .ci/lowest runs the whole suite on these lower bounds, .ci/run on the newest versions.
LIGHT = [
    "numpy>=1.26",
    "onnxruntime>=1.21",  # Earlier ones find files of weights only by the path of the graph.
]
TRAIN = [
    "absl-py>=2.1",
    "importlib_resources>=6",  # TensorFlow Datasets downloads with it and does not declare it.
    # Dense of earlier ones broadcasts kernels in tf.matmul, which corrupts memory on CPUs.
    "keras>=3.15,<4",
    "matplotlib>=3.8",
    "ml_collections>=1.1",  # Earlier ones set no field of a dataclass by a flag.
    "onnx>=1.16",
    "pillow>=10",
    "scikit-learn>=1.6",
    "setuptools>=68",  # TensorFlow Probability imports distutils, gone from Python 3.12.
    "tensorboard>=2.20",
    "tensorflow>=2.20",  # Earlier ones exclude the protobuf that tensorflow-metadata needs.
    "tensorflow-datasets>=4.9.10",  # Earlier ones fail on protobuf 7.
    "tensorflow-probability>=0.25",
    "tf2onnx>=1.17",  # Earlier ones need protobuf 3.
    "tf_keras>=2.20",  # Importing TensorFlow Probability needs it; nothing here uses it.
    "tqdm>=4.66",
]
# For `python -m export.encode` of pictures, with a bar.
IMAGES = ["pillow>=10", "tqdm>=4.66"]
# Sources of data: shards of WebDataset, data sets that Hugging Face's library saved.
WDS = ["webdataset>=0.2.100", "pillow>=10"]
# pyarrow is named for its bound: newer ones need NumPy 2, and do not declare it.
HF = ["datasets>=4.2", "pyarrow>=21", "pillow>=10"]
# Folds constants of ONNX graphs: for publishing, and for `python -m export.convert --to=onnx`.
ONNX = ["onnx>=1.16", "onnxslim>=0.1.98"]
# `python -m export.push`, and models by the name hf://OWNER/NAME.
HUB = ["huggingface_hub>=1.0"]
# The second interpreter of TensorFlow Lite files, which needs no TensorFlow.
TFLITE = ["ai-edge-litert>=2.3"]
# Drives Chromium (from the system) in the slow tests of the explorer's page.
BROWSER = ["websocket-client>=1.7"]
# Earlier ones register protobufs that TensorFlow 2.20 registers too, and abort.
JAX = ["jax>=0.4.36"]
# Builds the documentation as a site: `mkdocs build --strict`.
DOCS = [
    "latex2mathml>=3.77",
    "ipykernel>=6",  # Runs the tutorials.
    "mkdocs>=1.6,<2",
    "mkdocs-jupyter>=0.25",
    "mkdocs-material>=9.6",
    "mkdocstrings[python]>=0.30",
]
# Sweeps, reproduction and `python -m export.encode` on a cluster.
RAY = ["ray[data]>=2.40"]
# `python -m export.encode --out=FOLDER`; Ray Data has it too.
PARQUET = ["pyarrow>=21"]
# `trainers.sweep --search`.
OPTUNA = ["optuna>=4.2"]
# `--tracker`. The skinny distribution has the client and the store in files, and no server.
MLFLOW = ["mlflow-skinny>=3"]
WANDB = ["wandb>=0.19"]
# What `python -m benchmarks.train_speed` compares with.
BENCHMARK = ["torch>=2.6", "pythae>=0.1.2"]
# The wheels of CUDA and cuDNN; both frameworks agree on CUDA 12.
CUDA = ["tensorflow[and-cuda]>=2.20", "jax[cuda12]>=0.4.36"]
TEST = [
    "hypothesis>=6.100",
    "pandas>=2.2",
    "pytest>=8",
    "pytest-xdist>=3.8",
    "ruff>=0.15",
    "setuptools>=77",  # Tests build distributions; earlier ones know no licence expression.
    *JAX,
    *WDS,
    *HF,
]


# Top-level folders of the repository that a wheel has in `zoo/_commands`, so that it takes none of
# these names from the user's code; see `zoo/commands.py`.
TOOLS = ("trainers", "export", "configs")
PACKAGES = find_packages(include=[f"{name}*" for name in ("zoo", *TOOLS)])
PACKAGE_DATA = {
    "zoo": ["py.typed", "*.pyi"],
    "export.runtimes": ["*.cjs"],
    "export.explorer": ["page/*"],
}


def in_wheel(name):
    """Returns the name that a package of the repository has in a wheel."""
    return f"zoo._commands.{name}" if name.partition(".")[0] in TOOLS else name


class BuildWithArtifacts(build_py):
    """Puts the example model into the package, and an index of the others.

    An editable install needs neither: it reads `artifacts/` where it is.
    """

    def run(self):
        super().run()
        if not self.editable_mode and (ROOT / "artifacts").is_dir():
            sys.path.insert(0, str(ROOT))
            from zoo.releases import shipping  # the standard library is all that it needs

            shipping.ship(ROOT / "artifacts", Path(self.build_lib) / "zoo" / "artifacts")


class EditableAsInRepository(editable_wheel):
    """Installs the packages under the names that they have in the repository."""

    def run(self):
        self.distribution.packages = PACKAGES
        self.distribution.package_dir = {}
        self.distribution.package_data = PACKAGE_DATA
        super().run()


setup(
    packages=[in_wheel(name) for name in PACKAGES],
    package_dir={in_wheel(name): name for name in TOOLS},
    include_package_data=False,  # `package_data` says it all; MANIFEST.in is for sources.
    package_data={in_wheel(name): patterns for name, patterns in PACKAGE_DATA.items()},
    cmdclass={"build_py": BuildWithArtifacts, "editable_wheel": EditableAsInRepository},
    install_requires=LIGHT,
    extras_require={
        "models": ["elbo-zoo-models"],  # Distributions that `export.package` writes.
        "sklearn": ["scikit-learn>=1.6"],
        "images": IMAGES,
        "wds": WDS,
        "hf": HF,
        "hub": HUB,
        "onnx": ONNX,
        "tflite": TFLITE,
        "train": TRAIN,
        "jax": JAX,
        "ray": RAY,
        "parquet": PARQUET,
        "cuda": CUDA,
        "optuna": OPTUNA,
        "mlflow": MLFLOW,
        "wandb": WANDB,
        "browser": BROWSER,
        "docs": DOCS,
        "benchmark": BENCHMARK,
        "types": ["basedpyright>=1.30"],  # `.ci/types`; brings its own Node.js.
        "test": TEST,
    },
)
