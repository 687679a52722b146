"""The twelve families of `broken_elbo` trained over beta, and the runs that a figure takes."""

from configs.broken_elbo import omniglot
from trainers.experiments import training
from trainers.sweeps import ledger, rate_distortion
from zoo.storage import files

LETTERS = ("-", "+"), ("-", "+"), ("-", "+", "v")
# The paper's betas for Omniglot, by decoder; it gives none for MNIST, where they serve as well.
BETAS = {
    "-": ("0.9", "1.0", "1.1"),
    "+": ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0", "1.1"),
}
FEW_BETAS = {"-": ("0.1", "0.5", "1.0"), "+": ("0.1", "0.5", "1.0")}
FULL_EPOCHS = 200
# What the config of a run says of its data: its name and, where `DATA` is of some alone, splits.
NAMES = {"mnist": "binarized_mnist", "omniglot": "omniglot"}
SPLITS = {"mnist": {}, "omniglot": omniglot.SPLITS}
# Of the figures trained "with KL annealing", whose length the paper does not give.
ANNEAL_STEPS = {"tiny": 2, "reduced": 100, "full": 1000}
# The paper annealed on Omniglot, where strong decoders ignored the code else; of which models it
# does not say. Here no item of Omniglot does.
WITHOUT = "without KL annealing"
UNANNEALED = {"mnist": "", "omniglot": WITHOUT}
METRICS = ("rate", "distortion", "elbo", "nll")
DATA = {
    "mnist": "static binarised MNIST, test",
    "omniglot": "Omniglot 28x28, small1 and small2, pixels of at least 1/2, test",
}


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
        return _taken(context, data, families or all_families(), betas, annealed)
    families = families or all_families()
    wanted = BETAS if context.scale == "full" else FEW_BETAS
    overrides = []
    if context.scale == "full":
        overrides = [f"--config.train.epochs={FULL_EPOCHS}"]
    if annealed:
        overrides.append(f"--config.objective.anneal_steps={ANNEAL_STEPS[context.scale]}")
    cut = "" if context.scale == "full" else "betas 0.1, 0.5, 1.0"
    if context.scale == "tiny":
        families = [family for family in families if family in ("---", "-+v")]
        wanted = dict.fromkeys(wanted, ("0.1", "1.0"))
        cut = f"families {', '.join(families)}; betas 0.1, 1.0"
    grids = []
    for decoder in LETTERS[1]:
        of_decoder = [family for family in families if family[1] == decoder]
        if of_decoder:
            axes = {"family": of_decoder, "objective.beta": betas or wanted[decoder]}
            grids.append({**axes, "seed": [context.seed]})
    said = "" if annealed else UNANNEALED[data]
    cut = "; ".join(filter(None, [cut if betas is None else "", said]))
    return training.train(context, f"broken_elbo/{data}", grids, overrides, cut)


def _taken(context, data, families, betas, annealed):
    """Returns the runs of `context.runs`; `cut` says what they lack of the paper's grid.

    Raises:
        ValueError: If they are of other data or without a beta, or if the scale is "full", and they
            are less than that.
    """
    trained = training.read(context.runs)
    plain = [_check_run(trained.folder, row, data) for row in trained.rows]
    epochs = min(row["epochs"] for row in trained.rows)
    # A run that failed is there; what is read says that it is not finished.
    lacking = _lacking(ledger.read(trained.folder), families, betas)
    if annealed and any(plain):
        lacking = "; ".join(filter(None, [lacking, WITHOUT]))
    if context.scale == "full" and (epochs < FULL_EPOCHS or lacking):
        raise ValueError(
            f"Expected runs of {FULL_EPOCHS} epochs, all families and betas, at full scale; use "
            f"--scale=reduced. Received: {str(trained.folder)!r} with {epochs:g} epochs, "
            f"{lacking or 'all of them'}"
        )
    said = UNANNEALED[data] if any(plain) and not annealed else ""
    if not annealed and not all(plain):
        said = "; ".join(filter(None, [said, "runs with KL annealing among them"]))
    return trained.also(lacking, said)


def _check_run(folder, row, data):
    """Returns whether a run has no KL annealing; raises if it is not one of the item's."""
    config = files.read_json(folder / row["run"] / "config.json")["config"]
    names = {key: config["data"].get(key) for key in ("name", *SPLITS[data])}
    expected = {"name": NAMES[data], **SPLITS[data]}
    if names != expected or row["beta"] is None:
        raise ValueError(
            f"Expected runs with a beta on {expected}. Received: {row['run']} in {str(folder)!r}, "
            f"on {names}, with beta={row['beta']}"
        )
    return not config["objective"].get("anneal_steps")


def _lacking(rows, families, betas):
    """Returns what families or betas of the paper's are not there, in words, or ""."""
    rows = [row for row in rows if row["beta"] is not None]  # a failed run may not have said
    there = {
        family: {row["beta"] for row in rows if row["family"] == family} for family in families
    }
    absent = [family for family, found in there.items() if not found]
    parts = [f"without {', '.join(absent)}"] if absent else []
    wanted = {family: set(map(float, betas or BETAS[family[1]])) for family in families}
    if any(found and not wanted[family] <= found for family, found in there.items()):
        every = sorted(set().union(*there.values()))
        parts.append(f"betas {', '.join(map(str, every))}")
    return "; ".join(parts)


def at_beta(trained, beta):
    """Returns the rows at one beta, a row a family, in the order `---` to `++v`.

    Raises:
        ValueError: If there is none.
    """
    found = {row["family"]: row for row in reversed(trained.select(beta=beta))}
    return [found[family] for family in all_families() if family in found]


def of_family(trained, family):
    """Returns the rows of one family by rising beta, a row a beta.

    Raises:
        ValueError: If there is none.
    """
    found = {row["beta"]: row for row in reversed(trained.select(family=family))}
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
