"""Lists the released models with their metrics, and which of them this installation holds.

python -m export.list [PATTERN] [--paper=NAME] [--data=NAME] [--latents=N]
"""

import sys

from trainers import scripts
from zoo.releases import catalogue


@scripts.reported
def main(arguments=None):
    """Prints the models that the command line asks for; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("pattern", nargs="?", help="a name, or a pattern: 'vimae-*'")
    parser.add_argument("--paper", help=f"one of {', '.join(catalogue.PAPERS)}")
    parser.add_argument("--data", help="a data set's name, or a pattern: '*mnist'")
    parser.add_argument("--latents", type=int, help="number of latents")
    options = parser.parse_args(arguments)
    models = catalogue.list_models(options.pattern, options.paper, options.data, options.latents)
    print(models)
    absent = [model["name"] for model in models if model["folder"] is None]
    if absent:
        print(f"\nNot in this installation: {', '.join(absent)}. {catalogue.HOW_TO_GET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
