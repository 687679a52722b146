"""`benchmarks.growth`: slopes, the table in the page and the picture."""

import pytest

from benchmarks import growth, growth_work
from export import pages


def _rows(power):
    return [{"value": v, "seconds": 0.1 * v**power, "megabytes": 500.0} for v in (10, 20, 80)]


RESULT = {"K": _rows(1), "side": _rows(2)}


def test_a_slope_is_the_power_of_the_growth():
    assert growth.slope(RESULT["K"], "seconds") == pytest.approx(1)
    assert growth.slope(RESULT["side"], "seconds") == pytest.approx(2)
    assert growth.slope(RESULT["side"], "megabytes") == 0


def test_the_page_has_the_table_and_what_is_above_linear(tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"before\n{growth.BEGIN}\nold\n{growth.END}\nafter\n")
    pages.put(page, growth.table(RESULT), growth.BEGIN, growth.END)
    text = page.read_text()
    assert "| K | 10, 20, 80 | 1, 2, 8 | 500, 500, 500 | 1.00 | 0.00 |" in text
    assert "last two values: side." in text and "old" not in text
    assert text.startswith("before") and text.endswith("after\n")


def test_the_picture_is_whole(tmp_path):
    growth.draw(RESULT, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_every_axis_says_how_it_should_grow():
    for axis in growth_work.AXES.values():
        assert axis.why and list(axis.values) == sorted(axis.values) and len(axis.values) >= 3
