"""Writes a static page that explores one model, or two side by side.

python -m export.explorer MODEL [MODEL] --out=FOLDER
"""

import sys

from export import pictures
from export.explorer.build import build
from trainers import scripts


@scripts.reported
def main(arguments=None):
    """Builds the page that the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("models", nargs="+", help="one or two released names, folders or URLs")
    parser.add_argument("--out", required=True, help="the folder to write")
    pictures.add_images(parser, "images for the page", required=False)
    pictures.add_resize(parser)
    parser.add_argument("--ort", help="folder of onnxruntime-web; fetched by npm if not given")
    options = parser.parse_args(arguments)
    page = build(options.models, options.out, options.images, options.resize, options.ort)
    print(f"{page}\nlook at it: python -m http.server --directory={page.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
