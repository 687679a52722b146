"""docs/reliability.md shows the numbers of its reports, and its sums are right."""

import json
import pathlib
import shutil

import pytest

from benchmarks import reliability

DOCS = pathlib.Path(__file__).parents[1] / "docs"
VERSIONS = {"python": "3", "tensorflow": "2", "keras": "3", "onnxruntime": "1"}
REPORT = {
    "command": "python -m pytest -m faults",
    "seed": 17,
    "seconds": 3725,
    "tests": {"passed": 9, "failed": 1},
    "hardware": "a processor, 2 cores",
    "versions": VERSIONS,
    "faults": {
        "kills of training": {"injected": 1200, "runs": 7, "different": 0, "most seconds": 0.5},
        "kills of evaluation": {"injected": 5, "different": 2},
    },
}
OTHER = {**REPORT, "faults": {"mutations of files": {"injected": 9, "undetected": 3, "files": 4}}}


def test_counts_are_shown_and_summed():
    lines = reliability.faults_text([REPORT, OTHER]).splitlines()
    assert "| kills | 1,205 | 2 |" in lines
    assert "| kills of training | 1,200 | 0 |" in lines
    assert "| mutations | 9 | 3 |" in lines
    assert "| kills of training | 1,200 | 0 different, at most 0.50 seconds, 7 runs |" in lines
    assert "| mutations of files | 9 | 3 undetected, 4 files |" in lines
    assert lines[0] == (
        "- `python -m pytest -m faults`: seed 17, 1 h 02 min, tests 1 failed, 9 passed."
    )


def test_a_kind_of_two_reports_counts_once():
    few = {**OTHER, "faults": {"mutations of files": {"injected": 1, "undetected": 0}}}
    for reports in ([OTHER, few], [few, OTHER]):
        lines = reliability.faults_text(reports).splitlines()
        assert "| mutations | 9 | 3 |" in lines
        assert "| mutations of files | 9 | 3 undetected, 4 files |" in lines


def test_the_page_shows_its_reports(tmp_path):
    page = shutil.copy(DOCS / "reliability.md", tmp_path)
    reports = [json.loads((DOCS / name).read_text()) for name in reliability.REPORTS]
    reliability.write(page, reports, json.loads((DOCS / "soak.json").read_text()))
    shown = pathlib.Path(page).read_text(encoding="utf-8")
    assert shown == (DOCS / "reliability.md").read_text(encoding="utf-8")
    assert all(report["tests"].get("failed", 0) == 0 for report in reports)


def test_a_page_without_the_comments_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("nothing")
    with pytest.raises(ValueError, match="Expected the lines '<!-- faults"):
        reliability.write(tmp_path / "page.md", [REPORT], {})
