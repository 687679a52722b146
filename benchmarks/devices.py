"""Compares training on two devices with training on one, term by term, for every objective.

    python -m benchmarks.devices

Each case trains a few steps with the same global batches on one device and on two: two replicas
under TensorFlow, two devices under JAX, and two processes under JAX. The last batch of an epoch is
uneven. The command writes the largest relative difference of each term into docs/scaling.md.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from trainers import scripts

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scaling.md"
COMMAND = "python -m benchmarks.devices"
STRATEGIES = {
    "tensorflow": "TensorFlow, 2 replicas",
    "jax": "JAX, 2 devices",
    "processes": "JAX, 2 processes",
}
SHAPE, LATENTS, CLASSES = (8, 8, 1), 3, 3
# Two batches of 8 and one of 3; on two devices the last one has parts of 2 and 1.
EXAMPLES, BATCH, EPOCHS, RATE = 19, 8, 2, 0.001
FLOOR = 0.01  # a term nearer to zero counts as if it were so large

DENSE = {"name": "mlp", "hidden_units": [7, 5]}
DCGAN_ENCODER = {"name": "dcgan", "filters": [4, 6], "kernel_size": 4}
DCGAN_DECODER = {"name": "dcgan", "filters": [6, 4, 4], "kernel_size": 4}
IAF = {"name": "iaf", "base": DENSE, "num_flows": 2, "hidden_units": [8]}
FLOAT = {"marginal": "floating"}
CASES = {
    "beta": {"objective": {"name": "beta", "beta": 0.5, "anneal_steps": 4}},
    "beta, DCGAN with batch normalisation": {
        "encoder": DCGAN_ENCODER,
        "decoder": DCGAN_DECODER,
    },
    "beta, noise on pixels": {"encoder": {"name": "pixel_noise", "base": DENSE, "limit": 0.5}},
    "beta, IAF and VampPrior": {
        "encoder": IAF,
        "marginal": {"name": "vamp", "num_pseudo_inputs": 4},
    },
    "beta, PixelCNN and MAF": {
        "decoder": {"name": "pixelcnn", "depth": 4, "num_resnets": 1},
        "marginal": {"name": "maf", "num_flows": 2, "hidden_units": [8]},
    },
    "beta, floating prior": FLOAT,
    "target_rate": {"objective": {"name": "target_rate", "target": 2.0}},
    "mu": {},
    "mu, mean of the batch": {"objective": {"name": "mu", "mean_term": "batch"}},
    "bilbo": FLOAT,
    "bilbo, BAGGINS": {"likelihood": "baggins", **FLOAT},
    "dip": {},
    "dip, variant i": {"objective": {"name": "dip", "variant": "i"}},
    "infovae": {"objective": {"name": "infovae", "lambda_": 3.0}},
    "infovae, Stein": {"objective": {"name": "infovae", "lambda_": 3.0, "divergence": "stein"}},
    "infovae, MMD of median bandwidth": {
        "objective": {
            "name": "infovae",
            "lambda_": 3.0,
            "divergence": {"name": "mmd", "kernel": "imq", "estimator": "v", "bandwidth": "median"},
        }
    },
    "infomax, adversarial": {
        "objective": {
            "name": "infomax",
            "divergence": {"name": "adversarial", "hidden_units": [6]},
        }
    },
    "infomax, Wasserstein": {
        "objective": {"name": "infomax", "divergence": {"name": "wgan_gp", "hidden_units": [6]}}
    },
    "classified": {
        "objective": {"name": "classified", "num_classes": CLASSES, "hidden_units": [6]}
    },
}


def cases():
    """Returns name -> parts; an objective that `CASES` lacks is there with its defaults."""
    from zoo.registry import OBJECTIVES

    there = {case.get("objective", {}).get("name", name) for name, case in CASES.items()}
    there |= {name.split(",")[0] for name in CASES}
    return {**CASES, **{name: {} for name in OBJECTIVES.names() if name not in there}}


def build(name):
    """Returns the compiled `zoo.VAE` of a case, always with the same weights."""
    import keras

    import zoo

    case = cases()[name]
    keras.utils.set_random_seed(17)
    decoder = {"latent_dim": LATENTS, "image_shape": list(SHAPE), **case.get("decoder", DENSE)}
    model = zoo.VAE(
        {"latent_dim": LATENTS, **case.get("encoder", DENSE)},
        {**decoder, "likelihood": case.get("likelihood", "bernoulli")},
        case.get("marginal"),
        case.get("objective", {"name": name.split(",")[0]}),
    )
    # Steps of plain gradient descent show the gradients; no rounding is made larger.
    model.compile(keras.optimizers.SGD(RATE), jit_compile=keras.backend.backend() == "jax")
    return model


def dataset():
    """Returns images that are always the same, with labels, as a `trainers.data.Dataset`."""
    from trainers import data

    rng = np.random.default_rng(17)
    images = rng.random((EXAMPLES, *SHAPE), np.float32)
    labels = rng.integers(0, CLASSES, EXAMPLES)
    return data.Dataset("noise", "train", images, labels, binarisation="dynamic")


def train(name, devices):
    """Trains a case on a number of devices of this process, or of each of several.

    Returns:
        Dict of arrays: each term of each epoch and of an evaluation after them, `gradient` of the
        first step, and `weights` after the last one.
    """
    from trainers import data
    from trainers import devices as spreading

    examples = dataset()
    with spreading.scope(devices) as spread:
        model = build(name)
        labels = model.objective.needs_labels
        first = [np.array(weight) for weight in model.trainable_weights]

        def fit(epochs, steps, start):
            stream = spread.training_batches(examples, BATCH, 17, start, labels)
            options = {"epochs": epochs, "steps_per_epoch": steps, "shuffle": False, "verbose": 0}
            return model.fit(stream, **options).history

        logs = [fit(1, 1, 0)]
        slopes = [
            (before - np.array(weight)) / RATE
            for before, weight in zip(first, model.trainable_weights)
        ]
        steps = data.steps_per_epoch(examples, BATCH)
        logs.append(fit(EPOCHS, steps, steps))
        images, classes = examples.float_images(), examples.labels if labels else None
        evaluated = spread.evaluate(model, images, classes, BATCH)
        weights = [np.array(w) for w in model.weights if "float" in w.dtype]
    values = {
        key: np.array([value for log in logs for value in log[key]] + [evaluated[key]])
        for key in evaluated
    }
    return {**values, "gradient": _joined(slopes), "weights": _joined(weights)}


def _joined(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def difference(ours, theirs):
    """Returns the largest difference of two arrays, relative to the larger of value and `FLOOR`.

    Those of gradients and weights are relative to the largest of all: a gradient of zero is
    rounding. Two NaN are equal, as a term of a batch that is too small for it is NaN.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    size = np.maximum(np.abs(theirs), FLOOR)
    if ours.size > 20:
        size = np.nanmax(size)
    return float(np.nanmax(np.abs(ours - theirs) / size, initial=0.0))


def compared(one, two):
    """Returns case -> key -> `difference` of the results of `train`, of one device and of two."""
    return {
        name: {key: difference(two[name][key], value) for key, value in results.items()}
        for name, results in one.items()
    }


def work(strategy, names):
    """Returns what two devices give and what one does, for the cases, in this process."""
    if strategy == "processes":
        return {name: train(name, 1) for name in names}, None
    return {name: train(name, 2) for name in names}, {name: train(name, 1) for name in names}


def _start(strategy, arguments, environment):
    """Starts a process of this module that writes the results of a strategy."""
    backend = "tensorflow" if strategy == "tensorflow" else "jax"
    devices = "1" if strategy == "processes" else "2"
    settings = {
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "CUDA_VISIBLE_DEVICES": "-1",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles in two thirds of the time
    }
    command = [sys.executable, "-m", "benchmarks.devices", f"--strategy={strategy}", *arguments]
    return subprocess.Popen(command, env={**os.environ, **environment, **settings})


def measure(strategies=tuple(STRATEGIES), names=None, environment=None):
    """Returns strategy -> case -> key -> largest relative difference from one device.

    Args:
        strategies: Some of `STRATEGIES`; "processes" are compared with one device of "jax".
        names: Some of `cases()`, or None for all.
        environment: Variables for the processes.

    Raises:
        RuntimeError: If a process fails.
    """
    names = [f"--cases={';'.join(names)}"] if names else []
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for strategy in strategies:
            port = free_port()
            started = []
            for i in range(2 if strategy == "processes" else 1):
                place = [f"--out={folder}/{strategy}{i}", f"--process_id={i}"]
                place.append(f"--coordinator=localhost:{port}")
                started.append(_start(strategy, [*place, *names], environment or {}))
            codes = [process.wait() for process in started]
            if any(codes):
                raise RuntimeError(f"Expected all cases to run. Received: strategy={strategy!r}")
            results[strategy] = json.loads(Path(f"{folder}/{strategy}0").read_text())
    one = {strategy: result["one"] for strategy, result in results.items()}
    one["processes"] = one.get("jax")
    return {
        strategy: compared(one[strategy], result["two"])
        for strategy, result in results.items()
        if one[strategy]
    }


def free_port():
    """Returns a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def table(differences):
    """Returns Markdown: the largest differences of loss and terms, gradient and weights."""
    columns = [STRATEGIES[strategy] for strategy in differences]
    lines = [
        f"| objective and parts | term | {' | '.join(columns)} |",
        f"|---|---|{'---|' * len(columns)}",
    ]
    for name in next(iter(differences.values())):
        keys = list(next(iter(differences.values()))[name])
        for key in keys:
            values = [f"{cases[name][key]:.0e}" for cases in differences.values()]
            lines.append(f"| {name} | {key} | {' | '.join(values)} |")
    return "\n".join(lines)


def largest(differences):
    """Returns one line of Markdown a strategy: the largest difference of all."""
    return "\n".join(
        f"- {STRATEGIES[strategy]}: at most {max(max(c.values()) for c in results.values()):.1e} "
        f"in {len(results)} cases."
        for strategy, results in differences.items()
    )


def main():
    """Measures and writes the page; with `--strategy`, one process's results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strategy", choices=sorted(STRATEGIES))
    parser.add_argument("--cases", default="")
    parser.add_argument("--out")
    parser.add_argument("--coordinator")
    parser.add_argument("--process_id", type=int)
    arguments = parser.parse_args()
    names = [name for name in arguments.cases.split(";") if name]
    if arguments.strategy is None:
        from export import pages

        differences = measure(names=names or None)
        text = f"{largest(differences)}\n\n{table(differences)}"
        pages.put(PAGE, text, f"<!-- devices: {COMMAND} -->", "<!-- end of devices -->")
        print(largest(differences))
        return
    prepare(arguments)
    two, one = work(arguments.strategy, names or list(cases()))
    results = {key: value and _lists(value) for key, value in (("two", two), ("one", one))}
    Path(arguments.out).write_text(json.dumps(results))


def prepare(arguments):
    """Gives this process two devices, or joins it with the other one."""
    if arguments.strategy == "tensorflow":
        two_logical_devices()
    elif arguments.strategy == "processes":
        from trainers import processes

        processes.initialize(arguments.coordinator, 2, arguments.process_id)
    import zoo

    zoo.load_parts(needed_by=COMMAND)


def two_logical_devices():
    """Makes TensorFlow see two CPU devices; before it computes anything."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)


def _lists(results):
    return {
        name: {key: value.tolist() for key, value in values.items()}
        for name, values in results.items()
    }


if __name__ == "__main__":
    scripts.prepare_tensorflow()
    main()
