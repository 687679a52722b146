"""Pictures of a ledger: the rate-distortion plane, its frontier, what each part does there."""

import itertools

import numpy as np
import pytest
from PIL import Image

from configs.broken_elbo.families import FAMILIES
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


def _sweep(**axes):
    """Rows of every combination of some keys' values, each with a rate of its own."""
    points = [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    return [
        {"family": None, **point, "rate": float(i), "distortion": 90.0 - i}
        for i, point in enumerate(points)
    ]


def _drawn(rows):
    """Returns how each row looks in both panels, and the legend's texts."""
    figure = rate_distortion.overview(rows)
    looks = []
    for panel in figure.axes:
        texts = {text.xy: text.get_text() for text in panel.texts}
        looks.append([])
        for row, dots in zip(rows, panel.collections, strict=True):
            (place,) = dots.get_offsets()
            np.testing.assert_allclose(place[0], row["rate"])
            marker = tuple(map(tuple, dots.get_paths()[0].vertices.round(3)))
            text = texts.get(tuple(place), "")
            looks[-1].append((tuple(dots.get_facecolor()[0]), marker, text))
    assert looks[0] == looks[1]
    return looks[0], [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("axes", "texts"),
    [
        ({"latent_dim": [2.0, 8.0], "beta": [0.1, 0.5, 1.0]}, ["beta = 0.5", "latent_dim = 8"]),
        ({"encoder.name": ["mlp", "dcgan"]}, ["encoder.name = dcgan", "encoder.name = mlp"]),
        ({"seed": [1.0, 2.0]}, ["seed = 1", "seed = 2"]),
        (
            {"beta": list(range(20)), "latent_dim": [2.0, 8.0], "decoder.name": ["mlp", "dcgan"]},
            ["beta = 0", "beta = 19", "latent_dim = 8, decoder.name = mlp"],
        ),
        ({"family": ["---", "-+v"], "beta": [0.1, 0.5]}, ["beside a point: beta"]),
        ({"a": list("abcde"), "b": list("abcd"), "c": ["x", None]}, ["a = e", "b = d, c = none"]),
        ({"a": list("abcde"), "b": list("abcd"), "c": list("xyz")}, ["not distinguished: c"]),
    ],
)
def test_points_are_distinguished_by_what_was_swept(axes, texts):
    rows = _sweep(**axes)
    looks, legend = _drawn(rows)
    is_told = not any(text.startswith("not distinguished") for text in texts)
    assert (len(set(looks)) == len(rows)) == is_told
    assert set(texts) <= set(legend)


def test_seeds_look_the_same_and_the_legend_says_so():
    looks, legend = _drawn(_sweep(latent_dim=[2.0, 8.0], seed=[1.0, 2.0, 3.0]))
    assert len(set(looks)) == 2 and looks[:3] == [looks[0]] * 3
    assert "not distinguished: seed" in legend


def test_a_legend_fits_its_figure():
    rows = _sweep(beta=list(range(9)), **{"encoder.name": ["mlp", "dcgan"], "a.long_key": [1, 2]})
    figure = rate_distortion.overview(rows)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.width


def test_what_was_swept_is_what_differs():
    rows = [{"run": "a", "beta": 1.0, "seed": 1.0, "rate": 1.0}]
    rows.append({"run": "b", "beta": 1.0, "seed": 2.0, "rate": 2.0, "latent_dim": 3.0})
    assert ledger.swept(rows) == ["seed", "latent_dim"]


def test_both_pictures_are_written_for_families(tmp_path, monkeypatch, rng):
    rows = _ledger(rng)
    monkeypatch.setattr(ledger, "write", lambda workdir: rows)
    monkeypatch.setattr(ledger, "read", lambda workdir: [*rows, {"family": "---", "rate": None}])
    names = ("rate_distortion.png", "rate_distortion_by_part.png")
    for path, name in zip(rate_distortion.write(tmp_path), names, strict=True):
        assert path.name == name
        assert min(Image.open(path).size) > 800
