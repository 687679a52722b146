"""The tables of `vimae`, and which of their orderings hold."""

import numpy as np

from trainers.experiments import training
from trainers.experiments.item import Outcome, row
from trainers.experiments.vimae import runs
from zoo import evaluation
from zoo.evaluation import information, probes
from zoo.evaluation.corruption import Corrupted

# The paper's tables: numbers in the order of `runs.NAMES`.
NLL = (1224, 1254, 1228, 1190, 1223)
ACCURACY = {
    "cifar10": {
        "": (30, 29, 31, 29, 32),
        "_noise_0.3": (25, 26, 31, 28, 34),
        "_mask_0.2": (16, 19, 18, 23, 23),
    },
    "mnist": {
        "": (80, 92, 93, 93, 93),
        "_noise_0.2": (77, 86, 66, 92, 92),
        "_noise_0.4": (70, 82, 13, 86, 88),
        "_mask_0.2": (72, 91, 85, 92, 92),
        "_mask_0.5": (52, 84, 65, 86, 87),
    },
    "omniglot": {
        "": (22, 21, 22, 22, 24),
        "_noise_0.2": (22, 21, 22, 23, 23),
        "_noise_0.4": (17, 22, 21, 24, 20),
        "_mask_0.2": (22, 19, 21, 22, 23),
        "_mask_0.5": (16, 17, 24, 22, 22),
    },
}
FID = {"celeba": (82, None, 89, 55, 56), "cifar10": (168, 262, 174, 104, 103)}
# Section 5.3, Omniglot: 5 characters of 60 + 20 images, 100 labels, again for so many draws of
# characters, as 100 test images alone leave an error of 4%.
FEW = {"num_classes": 5, "train_per_class": 60, "test_per_class": 20}
LABELLED, DRAWS = 100, {"tiny": 2, "reduced": 20, "full": 20}
GENERATED = {"tiny": 100, "reduced": 10000, "full": 10000}


def generated_nll(context):
    """Table 1: NLL of generated samples, Omniglot."""
    models = runs.train(context, "omniglot")
    note = "by a Parzen density of the training images; the paper does not define its number"
    rows = models.rows("generated_nll", _of_paper(NLL), note)
    return _outcome(rows, models, higher_is_better=False)


def accuracy(context, data):
    """Tables 2 and 3: an SVM on 1000 labelled codes, test images corrupted."""
    models = runs.train(context, data)
    rows = []
    for corruption, percent in ACCURACY[data].items():
        paper = _of_paper([value / 100 for value in percent])
        rows += models.rows(f"svm_1000{corruption}", paper)
    return _outcome(rows, models)


def few_characters(context):
    """Table 4: five characters of alphabets that were not trained on."""
    models = runs.train(context, "omniglot")
    draws = DRAWS[context.scale]
    found = {family: _few_classes(run, context.seed, draws) for family, _, run in models.loaded()}
    note = (
        f"mean over {draws} draws of 5 characters, 100 of 300 codes labelled; chance is 0.2; "
        "transductive: codes standardised by all 400, corrupted test codes among them"
    )
    rows = []
    for corruption, percent in ACCURACY["omniglot"].items():
        for family, paper in _of_paper(percent).items():
            entry = {"value": None, "note": "its training failed"}
            if family in found:
                entry = _mean(found[family][corruption])
            metric = f"svm_100_of_300{corruption}"
            rows.append(models.row(family, metric, entry, paper / 100, note))
    return _outcome(rows, models)


def _few_classes(run, seed, draws):
    """Returns corruption -> the accuracy of each draw of characters."""
    test, _ = runs.load_data(run)
    labels = np.asarray(test.labels)
    clean, found = information.codes(run.model, test), {}
    for corruption in ACCURACY["omniglot"]:
        codes = clean
        if corruption:
            _, kind, strength = corruption.split("_")
            codes = information.codes(run.model, Corrupted(test, kind, float(strength), seed))
        found[corruption] = [
            _svm(clean, codes, labels, *probes.few_classes(labels, **FEW, seed=seed + draw))
            for draw in range(draws)
        ]
    return found


def _svm(clean, codes, labels, train, test):
    labelled = train[probes.labelled_subset(labels[train], LABELLED)]
    inputs = np.concatenate([clean[train], codes[test]])
    given = (clean[labelled], labels[labelled], codes[test], labels[test])
    return probes.svm_probe(*given, unlabelled_codes=inputs)["accuracy"]


def _mean(values):
    """Returns the entry of a mean over draws; without an error where the draws do not differ."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    entry = {"value": float(np.mean(values)), "stderr": None}
    if spread == 0.0:
        return {**entry, "note": "no error: the draws do not differ"}
    return {**entry, "stderr": spread / len(values) ** 0.5}


def frechet(context):
    """Table 5: Frechet distances of generated images, CIFAR10, and CelebA where it is there."""
    runs.check_substitute(context)
    models = runs.train(context, "cifar10")
    rows = _frechet_rows(context, models)
    outcome = _outcome(rows, models, higher_is_better=False)
    try:
        faces, note = runs.faces(context)
    except FileNotFoundError:
        note = (
            "CelebA is not prepared: `python -m trainers.prepare --name=celeb_a`; "
            "see configs/vimae/celeba.py"
        )
        missing = [_absent(family, note) for family in runs.NAMES]
        return Outcome([*outcome.rows, *missing], {}, f"{outcome.cut}; no CelebA".strip("; "))
    if faces == "cifar10":
        note = "left out: its substitute, cifar10, is the other half of the table"
        missing = [_absent(family, note) for family in runs.NAMES]
        return Outcome([*outcome.rows, *missing], {}, f"{outcome.cut}; no CelebA".strip("; "))
    others = runs.train(context, faces, note=note)
    more = _outcome(_frechet_rows(context, others), others, higher_is_better=False)
    cut = training.joined(outcome.cut, more.cut)
    return Outcome([*outcome.rows, *more.rows], {}, cut)


def _frechet_rows(context, models):
    """Returns the rows by our classifier's features, and at full scale by Inception's."""
    folder = models.trained.folder / f"classifier_{models.data}"
    paper = _of_paper(FID.get(models.data, (None,) * 5))
    metrics = ["frechet_classifier", *(["frechet_inception"] * (context.scale == "full"))]
    found = {}
    for family, _, run in models.loaded():
        test, train = runs.load_data(run)
        found[family] = evaluation.evaluate(
            run.model,
            test,
            train,
            metrics,
            seed=context.seed,
            num_generated=GENERATED[context.scale],
            classifier=folder,
            progress=False,
        )
    failed = {"value": None, "note": "its training failed"}
    notes = {
        "frechet_classifier": "features of our classifier of this data: orderings compare with "
        "the paper's FID, values do not",
        "frechet_inception": "",
    }
    return [
        models.row(family, metric, found.get(family, {}).get(metric, failed), paper[family], note)
        for metric, note in notes.items()
        if metric in metrics
        for family in models.families
    ]


def _absent(family, note):
    name, paper = runs.NAMES[family], _of_paper(FID["celeba"])[family]
    return row(name, "frechet_inception", None, None, paper, data="CelebA 64x64, test", note=note)


def _of_paper(numbers):
    return dict(zip(runs.NAMES, numbers))


def _outcome(rows, models, higher_is_better=True):
    """Returns the rows, and behind those of each metric one on the paper's orderings."""
    every = []
    for metric in dict.fromkeys(r["metric"] for r in rows):
        of_metric = [r for r in rows if r["metric"] == metric]
        every += [*of_metric, runs.orderings(of_metric, higher_is_better)]
    return Outcome([r for r in every if r is not None], {}, models.cut)
