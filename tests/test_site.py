"""The pages of the documentation link to what is there, and make a site without a warning."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import zoo

ROOT = pathlib.Path(__file__).parents[1]
# Named by mkdocs.yml and written by docs/site/hooks.py.
GENERATED = "reference/"
PAGES = [
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "docs/papers", "results", "results/*")
    for path in sorted(ROOT.glob(f"{folder}/*.md"))
]


def headings(text):
    """Returns the anchors of a page, as GitHub and MkDocs make them."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        place = (ROOT / page).parent / path if path else ROOT / page
        generated = place.resolve().is_relative_to(ROOT / "docs" / GENERATED)
        assert generated or place.exists(), f"{page}: {target}"
        if anchor and place.suffix == ".md" and not generated:
            assert anchor in headings(place.read_text(encoding="utf-8")), f"{page}: {target}"


def test_the_site_has_every_page():
    listed = re.findall(
        r"^ +- [^:\n]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE
    )
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == {page for page in listed if not page.startswith(GENERATED)}


def test_the_reference_has_a_page_for_each_public_name():
    hooks = (ROOT / "docs" / "site" / "hooks.py").read_text(encoding="utf-8")
    assert not [name for name, module in zoo._public().items() if f'"{module}"' not in hooks]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason='needs the packages of the extra "docs"')
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        f"--site-dir={tmp_path / 'site'}",
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference" / "objectives" / "index.html").read_text()
    assert "zoo.objectives.infovae.InfoVAE" in page
    assert "<math" in (tmp_path / "site" / "papers" / "infovae" / "index.html").read_text()
