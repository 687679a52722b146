"""Who trains in `benchmarks.train_speed`: this project, its peers, and what a framework can reach.

Each peer has its best settings for a CPU: Adam in one kernel, `torch.compile`, for convolutions
both layouts of memory, and for Keras's example twenty steps an execution. All use the same
network, batch and threads.
"""

import dataclasses
import importlib.util
from collections.abc import Mapping

from benchmarks.rounds import Contender

BATCHES = {"mlp": 300, "gated_conv": 64}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
STEPS = 20  # an execution
# What a contender is: this project, another library, or a bound on what could be reached.
OURS, PEER, LIMIT, MATRIX = "elbo-zoo", "peer", "limit", "matrix product"
JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """A contender and what it needs.

    Args:
        name: What tables call it, without its type of number.
        role: `OURS`, `PEER`, `LIMIT` or `MATRIX`.
        module: Module with `make(**options)`.
        options: For `make`.
        package: The package that it needs, besides this project's.
        environment: Added to the environment of its process.
    """

    name: str
    role: str
    module: str
    options: Mapping
    package: str = "tensorflow"
    environment: Mapping = dataclasses.field(default_factory=dict)

    def start(self):
        """Returns the contender, its process started."""
        return Contender(self.name, self.module, self.options, self.environment)


def entries(network, dtype, images, steps=STEPS):
    """Returns the contenders of a network whose packages are installed.

    Args:
        network: "mlp" or "gated_conv".
        dtype: "float32" or "bfloat16".
        images: How many random images each makes.
        steps: Steps an execution.
    """
    sizes = {"batch_size": BATCHES[network], "images": images}
    ours = {"network": network, **sizes, "dtype_policy": POLICIES[dtype], "steps": steps}
    result = [
        Entry(MATRIX, MATRIX, "benchmarks.matrix_product", {"dtype": dtype}),
        Entry("elbo-zoo", OURS, "benchmarks.zoo_training", ours),
        *_torch(network, dtype, sizes),
    ]
    if network == "mlp":
        result += [
            Entry("elbo-zoo on JAX", OURS, "benchmarks.zoo_training", ours, "jax", JAX),
            *_limits(dtype, sizes, steps),
        ]
        if dtype == "bfloat16":  # `auto` leaves XLA out
            with_xla = {**ours, "jit_compile": "on"}
            result.append(Entry("elbo-zoo with XLA", OURS, "benchmarks.zoo_training", with_xla))
        if dtype == "float32":  # neither has another type
            example = {**sizes, "steps": steps}
            result += [
                Entry("pythae", PEER, "benchmarks.pythae_training", sizes, "pythae"),
                Entry("Keras's VAE example", PEER, "benchmarks.keras_example", example),
            ]
    return [entry for entry in result if importlib.util.find_spec(entry.package)]


def _torch(network, dtype, sizes):
    layouts = [""] if network == "mlp" else ["", ", channels last"]
    return [
        Entry(
            f"PyTorch {name}{layout}",
            PEER,
            "benchmarks.torch_training",
            {
                **{"network": network, **sizes, "dtype": dtype, "fused": True},
                **{"compiled": name == "compile", "channels_last": bool(layout)},
            },
            "torch",
        )
        for name in ("eager", "compile")
        for layout in layouts
    ]


def _limits(dtype, sizes, steps):
    names = {"tensorflow": "TensorFlow", "jax": "JAX"}
    return [
        Entry(
            f"one XLA program by hand, {name}",
            LIMIT,
            "benchmarks.xla_loop",
            {**sizes, "framework": framework, "dtype": dtype, "steps": steps},
            framework,
        )
        for framework, name in names.items()
    ]
