"""What the scripts share: TensorFlow's settings, flags checked, metrics printed."""

import importlib.util
import os
import platform
import sys
from pathlib import Path


def prepare_tensorflow():
    """Sets what TensorFlow reads when it is first imported; what the user has set stands.

    oneDNN is in TensorFlow and off on x86 processors without AVX-512, where convolutions train
    1.4 times faster with it (docs/speed.md).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def no_arguments(argv):
    """Raises `app.UsageError` if anything stands on the command line that is not a flag."""
    from absl import app

    if len(argv) > 1:
        raise app.UsageError(f"Expected flags only. Received: {' '.join(argv[1:])}")


def define_path(name, default, help, **options):
    """Defines a flag whose value is a path; `~` in it is the home folder, in `--name=~/x` too."""
    from absl import flags

    class Parser(flags.ArgumentParser):
        def parse(self, argument):
            return os.path.expanduser(argument)

    return flags.DEFINE(
        Parser(), name, default, help, serializer=flags.ArgumentSerializer(), **options
    )


def import_parts(names):
    """Imports modules, by name or as files, whose parts of a user's own a run's config names.

    Raises:
        ImportError: If there is no such module or file.
    """
    for name in names:
        if not name.endswith(".py"):
            importlib.import_module(name)
            continue
        if not Path(name).is_file():
            raise ImportError(f"Expected a Python file. Received: --parts={name}, which is absent")
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def is_terminal():
    """Returns whether progress bars have someone to see them."""
    return sys.stderr.isatty()


def print_metrics(evaluation):
    """Prints the metrics of an evaluation, one a line, with their standard errors."""
    split, count = evaluation["split"], evaluation["num_examples"]
    print(f"On the {split} split, {count} examples:")
    for name, entry in evaluation["metrics"].items():
        print(f"  {name:14s} {metric_text(entry)}")


def metric_text(entry):
    """Returns `-85.12 +- 0.24 nats (100 samples; a note)` for an entry of `evaluation.json`."""
    if entry["value"] is None:
        return f"not available: {entry.get('note', '')}"
    text = f"{entry['value']:.6g}"
    if entry.get("stderr") is not None:
        text += f" +- {entry['stderr']:.2g}"
    if entry.get("unit"):
        text += f" {entry['unit']}"
    more = [f"{entry['num_samples']} samples"] if entry.get("num_samples", 1) > 1 else []
    more += [entry["note"]] if entry.get("note") else []
    return f"{text} ({'; '.join(more)})" if more else text
