"""Figures 2 to 5, 8, 9 to 11 and 12 to 15 of `bilbo`: latents and bounds of models of MNIST."""

import numpy as np
from scipy.stats import spearmanr

from trainers import data
from trainers.experiments.bilbo import course
from trainers.experiments.bilbo import pictures as bilbo_pictures
from trainers.experiments.bilbo import runs as bilbo_runs
from trainers.experiments.bilbo.likelihood import samples, shown
from trainers.experiments.bilbo.runs import FACTORS, LAMBDA, METHODS, SCALED_SIGMA, SIGMA, TAU
from trainers.experiments.item import Outcome, row
from zoo.backend import tfp_seed, to_numpy
from zoo.evaluation import jacobian

# Test bounds as printed: Figure 2 (three runs of learned Sigma), Figure 5 (b) and (c).
PAPER_LEARNED = (-136.5, -135.0, -134.4)
PAPER = {"learned": round(sum(PAPER_LEARNED) / 3, 2), "constant": -134.2, "bilbo": -134.3}
PAPER_RUNS = {"learned": "the mean of three", "constant": "one run", "bilbo": "one run"}
NAMES = {"learned": "learned Sigma", "constant": "constant Sigma", "bilbo": "BILBO"}


def _test_set(run):
    return data.load_splits(run.config["data"])["test"]


def _panels(models, title):
    """Returns (title, posterior means, labels) of every run that can be loaded."""
    panels = []
    for found in models.rows:
        run = models.load(found)
        if run is not None:
            test = _test_set(run)
            codes = run.model.predict_codes(test.float_images())
            panels.append((title(found), codes, test.labels))
    return panels


def _bound(found):
    return "no bound" if found["elbo"] is None else f"{found['elbo']:.1f} nats"


def _as_printed(models):
    """Returns the paper's three bounds by the name of our runs, both from the worst to the best."""
    found = [one for one in models.rows if one["elbo"] is not None]
    ranked = sorted(found, key=lambda one: one["elbo"])
    return dict(zip([one["run"] for one in ranked], PAPER_LEARNED))


def run_fig2(context):
    """Posterior means of three runs of learned variances, with their bounds."""
    models = bilbo_runs.train(context, "fig2")
    panels = _panels(models, lambda one: f"seed {one['seed']:g}: {_bound(one)}")
    note = "the paper's is the mean of its three"
    rows = bilbo_runs.run_rows(models, _as_printed(models))
    rows.append(bilbo_runs.mean_row(models, PAPER["learned"], note, family="learned"))
    pictures = {"latents": bilbo_pictures.latents(panels)} if panels else {}
    return Outcome(rows, pictures, models.cut)


def run_fig3(context):
    """Learned variances against means, and against those that the decoder's Jacobian predicts."""
    models = bilbo_runs.train(context, "fig3")
    rows, shapes, foretold = [], [], []
    for found in models.rows:
        run = models.load(found)
        if run is None:
            continue
        geometry = list(jacobian.geometry(run.model, _test_set(run)))
        loc, scale = (np.concatenate([g[name] for g in geometry]) for name in ("loc", "scale"))
        precisions = [jacobian.precision_of(block) for block in geometry]
        inverse = np.concatenate([np.diagonal(p, axis1=1, axis2=2) for p in precisions])
        title = f"seed {found['seed']:g}"
        shapes.append((title, loc / geometry[0]["prior_scale"], scale))
        foretold.append((title, scale, 1.0 / np.sqrt(inverse)))
        rows += _shape_rows(found, loc, scale, foretold[-1][2])
        gap = np.concatenate([jacobian.evidence_gap_of(block) for block in geometry])
        penalty = jacobian.variance_penalty_of(precisions)
        rows += _diagnostic_rows(found, gap, penalty)
    rows = bilbo_runs.run_rows(models, _as_printed(models), ("elbo",)) + rows
    pictures = {}
    if shapes:
        pictures["u_shape"] = bilbo_pictures.u_shape(shapes)
        pictures["predicted"] = bilbo_pictures.predicted(foretold)
    return Outcome(rows, pictures, models.cut)


def _shape_rows(found, loc, scale, foretold):
    """Returns rank correlations: a U gives one of variance with |mean|, of the same unit alone."""
    pairs = {"own": ((0, 0), (1, 1)), "other": ((0, 1), (1, 0))}
    rows = []
    for which, units in pairs.items():
        ranks = [_rank(np.abs(loc[:, against]), scale[:, of]) for of, against in units]
        note = f"rank correlation of variance with |mean| of the {which} unit, mean of both units"
        rows.append(_row(found, f"variance_and_{which}_mean", np.mean(ranks), None, note))
    rank = np.mean([_rank(foretold[:, unit], scale[:, unit]) for unit in range(loc.shape[1])])
    note = "rank correlation of the learned scale with that predicted by the Jacobian, eq. 12"
    rows.append(_row(found, "learned_and_predicted", rank, None, note))
    note = "median of learned scale / predicted scale"
    rows.append(_row(found, "learned_over_predicted", np.median(scale / foretold), None, note))
    return rows


def _diagnostic_rows(found, gap, penalty):
    error = np.std(gap, ddof=1) / np.sqrt(len(gap))
    note = "log evidence minus ELBO by the linear view, eq. 18, nats"
    rows = [_row(found, "evidence_gap", np.mean(gap), error, note)]
    for which, value in penalty.items():
        note = f"price of one variance for all images, nats: eq. 22, {which}"
        rows.append(_row(found, f"variance_penalty_{which}", value, None, note))
    return rows


def _row(found, metric, value, error, note):
    name, note = bilbo_runs.name_of(found), bilbo_runs.with_state(found, note)
    return row(name, metric, value, error, None, [found["seed"]], bilbo_runs.DATA, note)


def _rank(a, b):
    return float(spearmanr(a, b).statistic)


def run_fig4(context):
    """Bounds during training, the mean of runs, and samples of three methods."""
    models = bilbo_runs.train(context, "fig4")
    latents = sorted({one["latent_dim"] for one in models.rows})
    panels, rows, pictures = [], bilbo_runs.run_rows(models), {}
    for size in latents:
        curves, images = {}, []
        for method in METHODS:
            chosen = models.select(family=method, latent_dim=size)
            paper = PAPER[method] if size == 2 else None
            note = f"the paper's is {PAPER_RUNS[method]}" if paper else ""
            rows.append(bilbo_runs.mean_row(models, paper, note, family=method, latent_dim=size))
            histories = [models.history(one) for one in chosen]
            curves[NAMES[method]] = course.curves(chosen, histories)
            rows += course.rows_of(chosen, histories)
            run = models.load(chosen[0])
            if run is not None:
                images.append((NAMES[method], samples(run, seed=context.seed)))
        counts = sorted({len(of_runs) for of_runs in curves.values()})
        of = f"mean of {' to '.join(map(str, counts))} runs" if counts != [1] else "one run each"
        panels.append((f"{size:g} latents, {of}", curves))
        if images:
            title = f"samples, {size:g} latents"
            pictures[f"samples_z{size:g}"] = bilbo_pictures.sample_rows(images, title)
    pictures["bounds"] = bilbo_pictures.bounds(panels)
    return Outcome(rows, pictures, models.cut)


def run_fig5(context):
    """Posterior means of the three methods."""
    models = bilbo_runs.train(context, "fig5")
    # The paper's (a) is the first of its runs of Figure 2.
    printed = {"learned": PAPER_LEARNED[0], "constant": PAPER["constant"], "bilbo": PAPER["bilbo"]}
    paper = {one["run"]: printed[one["family"]] for one in models.rows}
    panels = _panels(models, lambda one: f"{NAMES[one['family']]}: {_bound(one)}")
    pictures = {"latents": bilbo_pictures.latents(panels)} if panels else {}
    return Outcome(bilbo_runs.run_rows(models, paper), pictures, models.cut)


def run_latents(context, name):
    """Figures 9, 10 and 11: posterior means against Sigma, lambda or tau."""
    key, symbol = {"fig9": (SIGMA, "sigma"), "fig10": (LAMBDA, "lambda"), "fig11": (TAU, "tau")}[
        name
    ]
    models = bilbo_runs.train(context, name)
    panels = _panels(models, lambda one: f"$\\{symbol}$ = {one[key]:g}: {_bound(one)}")
    pictures = {"latents": bilbo_pictures.latents(panels)} if panels else {}
    return Outcome(bilbo_runs.run_rows(models), pictures, models.cut)


def run_fig8(context):
    """Bounds during training with hard-coded latent scaling, by sigma."""
    models = bilbo_runs.train(context, "fig8")
    plain = {"learned": "learned", "bilbo": "bilbo"}
    scaled = {"learned": "learned_scaled", "bilbo": "bilbo_scaled"}
    factors = sorted({1.0} | {one[FACTORS[0]] for one in models.rows if _is_scaled(one)})
    rows, panels = bilbo_runs.run_rows(models, metrics=("elbo",)), []
    for factor in factors:
        names = plain if factor == 1.0 else scaled
        at = {} if factor == 1.0 else {FACTORS[0]: factor}
        key = SIGMA if factor == 1.0 else SCALED_SIGMA
        of_bilbo = {"family": names["bilbo"], **at}
        settings = {"learned": {"family": names["learned"], **at}}
        for sigma in sorted({one[key] for one in models.select(**of_bilbo)}):
            settings[f"$\\sigma$ = {sigma:g}"] = {**of_bilbo, key: sigma}
        curves = {}
        for label, values in settings.items():
            chosen = models.select(**values)
            histories = [models.history(one) for one in chosen]
            curves[label] = course.curves(chosen, histories)
            rows.append(bilbo_runs.mean_row(models, **values))
            rows += course.rows_of(chosen, histories)
        panels.append((f"latents scaled by {factor:g}", curves))
    return Outcome(rows, {"bounds": bilbo_pictures.bounds(panels)}, models.cut)


def _is_scaled(found):
    return found["family"].endswith("_scaled")


def run_manifold(context, name, title):
    """Figures 12 to 15: images along the latent plane, and the scatter of mu and z."""
    models = bilbo_runs.train(context, name)
    rows, run = bilbo_runs.run_rows(models), models.load(models.rows[0])
    if run is None:
        return Outcome(rows, {}, models.cut)
    test = _test_set(run)
    posterior = run.model.encoder.distribution(test.float_images())
    picture = bilbo_pictures.manifold(
        run.model,
        lambda plane: shown(run, run.model.decoder.images(plane)),
        to_numpy(posterior.mean()),
        to_numpy(posterior.sample(seed=tfp_seed(context.seed))),
        test.labels,
        title,
    )
    return Outcome(rows, {"manifold": picture}, models.cut)
