"""Writes the generated tables of the documentation and of the README again.

python -m export.refresh [--tables=NAME,NAME] [--keep]

`--help` lists the tables. Without `--keep` everything in them is measured again, which takes hours
for all of them; with it they are written from earlier measurements and from the models' cards. Run
it in the repository's folder.
"""

import sys
from pathlib import Path

from export import tables
from trainers import scripts


def refresh(names: list[str] | None = None, keep: bool = False) -> dict[str, str]:
    """Writes tables again.

    Args:
        names: Names of tables; None for all of them.
        keep: Whether to keep what was measured, and to write only what cards and registries say
            anew.

    Returns:
        Name -> the page that was written.

    Raises:
        ValueError: If a table is unknown. Nothing is written then.
        FileNotFoundError: If a page is not below the present folder.
    """
    modules = {name: tables.get(name) for name in (tables.names() if names is None else names)}
    absent = [module.PAGE for module in modules.values() if not Path(module.PAGE).is_file()]
    if absent:
        raise FileNotFoundError(
            f"Expected the repository's folder as the present one. Received: {str(Path.cwd())!r}, "
            f"without {', '.join(absent)}"
        )
    for name, module in modules.items():
        print(f"{name}: {module.PAGE}", flush=True)
        module.refresh(keep)
    return {name: module.PAGE for name, module in modules.items()}


def main(argv):
    """Writes the tables that the command line names."""
    options = flags.FLAGS
    scripts.start_tensorflow()
    refresh(options.tables, options.keep)


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    flags.DEFINE_list("tables", None, f"Some of {', '.join(tables.names())}; all by default.")
    flags.DEFINE_bool("keep", False, "Keep what was measured before.")
    sys.exit(scripts.run(main))
