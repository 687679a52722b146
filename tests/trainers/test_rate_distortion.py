"""Pictures of a ledger: the rate-distortion plane, its frontier, what each part does there."""

import numpy as np
import pytest
from PIL import Image

from configs.broken_elbo.families import FAMILIES
from trainers.experiments import training
from trainers.experiments.broken_elbo import families, items
from trainers.experiments.item import Context
from trainers.sweeps import ledger, rate_distortion


def test_frontier_is_that_of_brute_force(rng):
    for points in (rng.normal(size=(60, 2)), rng.integers(0, 5, (40, 2)).astype(float)):
        rates, distortions = points.T
        chosen = rate_distortion.pareto_frontier(rates, distortions)
        for i, (r, d) in enumerate(points):
            lower = (rates <= r) & (distortions <= d) & ((rates < r) | (distortions < d))
            on_it = any((points[j] == points[i]).all() for j in chosen)
            assert on_it == (not lower.any())
        assert len({tuple(points[j]) for j in chosen}) == len(chosen)
        assert (np.diff(rates[chosen]) > 0).all() and (np.diff(distortions[chosen]) < 0).all()


def _ledger(rng):
    rows = []
    for family in FAMILIES:
        for rate in rng.uniform(0, 30, 3):
            distortion = 60 + 30 * np.exp(-rate / 15) + rng.random()
            rows.append({"family": family, "rate": rate, "distortion": distortion})
    return rows


def test_pictures_show_every_run_and_lines_of_one_elbo(rng, tmp_path):
    rows = _ledger(rng)
    figure = rate_distortion.overview(rows)
    plane, bound = figure.axes
    points = np.concatenate([np.asarray(c.get_offsets()) for c in plane.collections])
    np.testing.assert_allclose(points, [[r["rate"], r["distortion"]] for r in rows])
    totals = np.concatenate([np.asarray(c.get_offsets()) for c in bound.collections])
    np.testing.assert_allclose(totals[:, 1], points.sum(axis=1))
    dotted = [line for line in plane.lines if line.get_linestyle() == ":"]
    assert len(dotted) >= 3
    for line in dotted:
        assert np.ptp(np.sum(line.get_xydata(), axis=1)) == pytest.approx(0, abs=1e-9)
    assert len(rate_distortion.by_part(rows).axes) == 6


def test_one_point_is_a_picture_too():
    row = {"family": "++v", "rate": 1.0, "distortion": 2.0}
    for figure in (rate_distortion.overview([row]), rate_distortion.by_part([row])):
        assert rate_distortion.png_bytes(figure)[:4] == b"\x89PNG"


def test_the_first_rows_of_the_plane_are_of_the_best_elbo(rng, tmp_path, monkeypatch):
    rows = [
        {**row, "run": f"run{i}", "beta": 1.0, "seed": 17.0, "epochs": 1.0}
        for i, row in enumerate(_ledger(rng))
    ]
    for row in rows:
        row["elbo"] = -(row["rate"] + row["distortion"])
    (tmp_path / "ledger.csv").write_text("run\n")
    trained = training.Trained(tmp_path, rows, "")
    monkeypatch.setattr(families, "train", lambda context, data: trained)
    found = items.run_rate_distortion(Context("tiny", tmp_path), "omniglot").rows
    best = {row["metric"]: row for row in found if row["name"] == "best ELBO"}
    assert best["elbo"]["ours"] == max(row["elbo"] for row in rows)
    assert best["rate"]["ours"] + best["distortion"]["ours"] == pytest.approx(-best["elbo"]["ours"])
    assert len(found) == 3 + 3 * len(rows)


def test_both_pictures_are_written_for_families(tmp_path, monkeypatch, rng):
    rows = _ledger(rng)
    monkeypatch.setattr(ledger, "write", lambda workdir: rows)
    monkeypatch.setattr(ledger, "read", lambda workdir: [*rows, {"family": "---", "rate": None}])
    names = ("rate_distortion.png", "rate_distortion_by_part.png")
    for path, name in zip(rate_distortion.write(tmp_path), names, strict=True):
        assert path.name == name
        assert min(Image.open(path).size) > 800
