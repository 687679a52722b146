"""The five models of `vimae` as its items take them: their runs, rows, and orderings."""

import dataclasses
import itertools

from trainers import data
from trainers.experiments import training
from trainers.experiments.item import row

# Family -> the name in the paper, in its order.
NAMES = {
    "vae": "VAE",
    "beta_h": "beta_H-VAE",
    "beta_a": "beta_A-VAE",
    "vimae_n": "VIMAE-n",
    "vimae_l": "VIMAE-l",
}
INFOMAX = ("vimae_n", "vimae_l")
DATA = {
    "plane": "MNIST, test",
    "mnist": "MNIST, test",
    "omniglot": "Omniglot 28x28 in four rotations, alphabets not trained on",
    "cifar10": "CIFAR10, test",
    "celeba": "CelebA 64x64, test",
}
# The name and the latents in each config.
CONFIGS = {
    "plane": ("mnist", 2),
    "mnist": ("mnist", 8),
    "omniglot": ("omniglot", 8),
    "cifar10": ("cifar10", 64),
    "celeba": ("celeb_a", 64),
}
SUBSTITUTES = ("cifar10", "mnist", "omniglot")


@dataclasses.dataclass(frozen=True)
class Models:
    """The runs of five (or fewer) models on one data set.

    Attributes:
        trained: A `training.Trained`.
        data: "mnist", say.
        families: Those that were to be trained, in the paper's order.
        note: What every row has to say, or "".
    """

    trained: training.Trained
    data: str
    families: tuple
    note: str = ""

    @property
    def cut(self):
        """What was cut, other data than the paper's included."""
        return "; ".join(filter(None, (self.note, self.trained.cut)))

    def run(self, family):
        """Returns the ledger's row of a model, or None if its training failed."""
        return next((row for row in self.trained.rows if row["family"] == family), None)

    def loaded(self):
        """Yields (family, its row, its `runs.Run`) of each model that was trained."""
        for family in self.families:
            found = self.run(family)
            if found is not None:
                yield family, found, self.trained.load(found)

    def rows(self, metric, paper=(), note=""):
        """Returns a row for each model, of a metric that its evaluation measured.

        Args:
            metric: Its name.
            paper: dict family -> the paper's number.
            note: Of each row.
        """
        return [
            self.row(family, metric, self._entry(family, metric), dict(paper).get(family), note)
            for family in self.families
        ]

    def row(self, family, metric, entry, paper=None, note=""):
        """Returns the row of one number: an entry `{"value", "stderr"}` with its own `note`."""
        notes = (self.note, note, entry.get("note", ""), training.how(entry))
        seeds = [found["seed"] for found in [self.run(family)] if found is not None]
        return row(
            NAMES[family],
            metric,
            entry["value"],
            entry.get("stderr"),
            paper,
            seeds,
            DATA[self.data],
            "; ".join(filter(None, notes)),
        )

    def _entry(self, family, metric):
        found = self.run(family)
        if found is None:
            return {"value": None, "note": "its training failed"}
        return self.trained.metric(found, metric)


def train(context, name, families=tuple(NAMES), note=""):
    """Returns the `Models` of a data set, trained at the item's scale where they are not yet."""
    known, latent_dim = CONFIGS[name]
    axes = {
        "family": list(families),
        # As the config has them: so runs of all data sets can share a folder.
        "data.name": [known],
        "latent_dim": [latent_dim],
        "seed": [context.seed],
    }
    trained = training.train(context, f"vimae/{name}", axes)
    return Models(trained, name, tuple(families), note)


def load_data(run):
    """Returns the test and the training split of a run's data."""
    splits = data.load_splits(run.config["data"])
    return splits["test"], splits["train"]


def faces(context):
    """Returns (data set, note) of an item on CelebA: a substitute where one is asked for.

    Raises:
        FileNotFoundError: If CelebA is not there and no substitute is named; how to get it is said.
        ValueError: If the substitute is unknown.
    """
    check_substitute(context)
    if context.substitute:
        return context.substitute, f"substitute: {context.substitute} instead of CelebA"
    check_celeba()
    return "celeba", ""


def check_substitute(context):
    """Raises ValueError if the substitute is unknown."""
    if context.substitute and context.substitute not in SUBSTITUTES:
        raise ValueError(
            f"Expected a substitute among {list(SUBSTITUTES)}. "
            f"Received: substitute={context.substitute!r}"
        )


def check_celeba():
    """Raises `FileNotFoundError`, which says how to get it, unless CelebA is prepared."""
    try:
        data.load("celeb_a", "test[:1]", download=False)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} CelebA may be used for research alone; see configs/vimae/celeba.py. "
            "An item can run on other data when told to: --substitute=cifar10"
        ) from error


def orderings(rows, higher_is_better=True):
    """Returns a row on which of the paper's orderings of two models hold in ours.

    Args:
        rows: Of one metric, a row a model; pairs count whose numbers in the paper differ.
        higher_is_better: Which of two is "before" the other, for the sentence.

    Returns:
        A row whose number is the share of pairs that hold, or None where there is no pair.
    """
    known = [r for r in rows if r["ours"] is not None and r["paper"] is not None]
    pairs = [
        (a, b) if a["paper"] < b["paper"] else (b, a)
        for a, b in itertools.combinations(known, 2)
        if a["paper"] != b["paper"]
    ]
    if not pairs:
        return None
    failed = [(low, high) for low, high in pairs if not low["ours"] < high["ours"]]
    said = [(high, low) if higher_is_better else (low, high) for low, high in failed]
    note = f"{len(pairs) - len(failed)} of {len(pairs)} pairs of models"
    if said:
        note += "; not " + ", ".join(f"{a['name']} before {b['name']}" for a, b in said)
    return row(
        "orderings of the paper that hold",
        known[0]["metric"],
        1 - len(failed) / len(pairs),
        seeds=known[0]["seeds"],
        data=known[0]["data"],
        note=note,
    )
