"""The twelve families of `broken_elbo` trained over beta, and the runs that a figure takes."""

import dataclasses
import functools
from pathlib import Path

import configs
from trainers.sweeps import ledger, rate_distortion, running
from zoo import files

LETTERS = ("-", "+"), ("-", "+"), ("-", "+", "v")
# The paper's betas for Omniglot, by decoder; it gives none for MNIST, where they serve as well.
BETAS = {
    "-": ("0.9", "1.0", "1.1"),
    "+": ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0", "1.1"),
}
FEW_BETAS = {"-": ("0.1", "0.5", "1.0"), "+": ("0.1", "0.5", "1.0")}
FULL_EPOCHS = 200
FULL_CUT = {"mnist": "", "omniglot": "4,037 of the paper's 24,345 training images"}
# Of the figures trained "with KL annealing", whose length the paper does not give.
ANNEAL_STEPS = {"tiny": 2, "reduced": 100, "full": 1000}
METRICS = ("rate", "distortion", "elbo", "nll")
DATA = {
    "mnist": "static binarised MNIST, test",
    "omniglot": "Omniglot 28x28, small1 and small2, pixels of at least 1/2, test",
}


@dataclasses.dataclass(frozen=True)
class Trained:
    """A sweep's folder, the rows of its ledger that have numbers, and what its runs cut."""

    folder: Path
    rows: list
    cut: str


def all_families():
    """Returns `---` to `++v`."""
    encoders, decoders, marginals = LETTERS
    return [e + d + m for e in encoders for d in decoders for m in marginals]


def train(context, data, families=None, betas=None, annealed=False):
    """Returns the runs of a figure: those of `context.runs`, or trained at `context.scale`.

    Full scale is the paper's: 200 epochs, its betas. Reduced and tiny are the config's modes of
    these names, with three betas, and with two families of two. Finished runs are left alone.

    Args:
        context: The item's `Context`.
        data: "mnist" or "omniglot".
        families: Names; all twelve by default.
        betas: As text; those of the scale by default.
        annealed: Whether beta rises from 0 over the first `ANNEAL_STEPS`.
    """
    if context.runs is not None:
        return _check_full(_read(context.runs, ""), context.scale)
    families = families or all_families()
    wanted = BETAS if context.scale == "full" else FEW_BETAS
    config = str(Path(configs.__file__).parent / "broken_elbo" / f"{data}.py")
    overrides = []
    if context.scale == "full":
        overrides = [f"--config.train.epochs={FULL_EPOCHS}", f"--config.cut={FULL_CUT[data]}"]
    else:
        config = f"{config}:{context.scale}"
    overrides += (
        [f"--config.objective.anneal_steps={ANNEAL_STEPS[context.scale]}"] if annealed else []
    )
    cut = "" if context.scale == "full" else "betas 0.1, 0.5, 1.0"
    if context.scale == "tiny":
        families = [family for family in families if family in ("---", "-+v")]
        wanted = dict.fromkeys(wanted, ("0.1", "1.0"))
        cut = f"families {', '.join(families)}; betas 0.1, 1.0"
    folder = context.workdir / "runs"
    for decoder in LETTERS[1]:
        of_decoder = [family for family in families if family[1] == decoder]
        if of_decoder:
            axes = {
                "family": of_decoder,
                "objective.beta": betas or wanted[decoder],
                "seed": [str(context.seed)],
            }
            grid = ";".join(f"{key}={','.join(values)}" for key, values in axes.items())
            running.sweep(config, folder, grid, overrides, say=functools.partial(print, flush=True))
    return _read(folder, cut if betas is None else "")


def _read(folder, cut):
    every = ledger.read(folder)
    rows = rate_distortion.finished(every)
    if not rows:
        errors = [row["error"] for row in every if row["error"]]
        raise ValueError(
            f"Expected a sweep with a finished run. Received: {str(folder)!r}, {len(every)} runs, "
            f"{len(errors)} failed{': ' + errors[0] if errors else ''}"
        )
    cuts = [files.read_json(folder / row["run"] / "config.json")["config"]["cut"] for row in rows]
    failed = len(every) - len(rows)
    parts = [cut, *dict.fromkeys(cuts), f"runs not finished: {failed}" if failed else ""]
    return Trained(Path(folder), rows, "; ".join(filter(None, parts)))


def _check_full(trained, scale):
    """Returns `trained`, unless `scale` claims more than its runs are."""
    epochs = min(row["epochs"] for row in trained.rows)
    if scale == "full" and epochs < FULL_EPOCHS:
        raise ValueError(
            f"Expected runs of {FULL_EPOCHS} epochs at full scale; use --scale=reduced. "
            f"Received: {str(trained.folder)!r} with {epochs:g} epochs"
        )
    return trained


def at_beta(trained, beta):
    """Returns the rows at one beta, a row a family, in the order `---` to `++v`.

    Raises:
        ValueError: If there is none.
    """
    found = {}
    for row in trained.rows:
        if row["beta"] == beta:
            found.setdefault(row["family"], row)
    if not found:
        raise ValueError(
            f"Expected a run of beta {beta:g}. Received: {str(trained.folder)!r} with betas "
            f"{sorted({row['beta'] for row in trained.rows})}"
        )
    return [found[family] for family in all_families() if family in found]


def of_family(trained, family):
    """Returns the rows of one family by rising beta.

    Raises:
        ValueError: If there is none.
    """
    found = {}
    for row in trained.rows:
        if row["family"] == family:
            found.setdefault(row["beta"], row)
    if not found:
        raise ValueError(
            f"Expected a run of family {family}. Received: {str(trained.folder)!r} with "
            f"{sorted({row['family'] for row in trained.rows})}"
        )
    return [found[beta] for beta in sorted(found)]


def on_frontier(trained, most=12):
    """Returns the rows that no other dominates in rate and distortion, by falling rate.

    Where there are more than `most`, so many are taken, evenly spaced along the frontier.
    """
    rows = trained.rows
    edge = rate_distortion.pareto_frontier(
        [row["rate"] for row in rows], [row["distortion"] for row in rows]
    )[::-1]
    if len(edge) > most:
        edge = [edge[round(i * (len(edge) - 1) / (most - 1))] for i in range(most)]
    return [rows[i] for i in edge]
