"""Verifies that an artifact is complete and gives its published numbers on this machine.

    python -m export.verify FOLDER_OR_NAME [--runtime=NAME]
    python -m export.verify --all [--matrix=FILE [--models=NAME,NAME | --runtimes=NAME,NAME]]

Exit code 0 only if every check agrees. The default needs NumPy and ONNX Runtime alone.
`--help` lists the runtimes.
"""

import sys

from export import runtimes
from export.checks import verify
from export.tables import verified
from trainers import scripts

__all__ = ["main", "verify"]


@scripts.reported
def main(arguments=None):
    """Verifies what the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("model", nargs="?", help="a released name, an artifact's folder, or a URL")
    parser.add_argument("--runtime", default="onnxruntime", help=f"one of {runtimes.names()}")
    parser.add_argument("--node_modules", default="", help="where npm installed, for Node.js")
    parser.add_argument("--all", action="store_true", help="every model at hand, in every runtime")
    parser.add_argument("--matrix", default="", help="with --all: the table goes to this file")
    parser.add_argument(
        "--models",
        type=lambda text: text.split(","),
        default=[],
        help="with --matrix: names, by commas, that alone are verified; its other lines stay",
    )
    parser.add_argument(
        "--runtimes",
        type=lambda text: text.split(","),
        default=[],
        help="with --matrix: runtimes, by commas, that its table lacks; its other columns stay",
    )
    options = parser.parse_args(arguments)
    some = options.models or options.runtimes
    alone = (options.matrix and not options.all) or (some and not options.matrix)
    if options.all == bool(options.model) or alone or (options.models and options.runtimes):
        parser.error(
            "expected a model, or --all [--matrix=FILE [--models=NAME,NAME | --runtimes=NAME,NAME]]"
        )
    for name in runtimes.names() if options.all else [options.runtime]:
        runtimes.get(name).start()
    if options.all:
        return verified.verify_all(
            options.matrix, options.node_modules, options.models, options.runtimes
        )
    # A model without a SavedModel is run by one made from its weights.
    report = verify(options.model, options.runtime, options.node_modules, rebuild=True)
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
