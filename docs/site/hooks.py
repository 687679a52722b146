"""Hooks of MkDocs: the API reference, pages outside `docs/`, and formulas as MathML.

- `on_files` writes a page of the reference for each room, with every public name of `zoo`, and
  takes up `results/` and the pages of the repository's root, to which pages of `docs/` link.
- `on_page_markdown` lets links to these pages point to where the site has them. Links to other
  files of the repository go there if `repo_url` is set, and become plain text if not.
  Pages with wide tables have no table of contents.
- `on_page_content` turns formulas into MathML, which browsers draw without a script.
- `on_post_page` names the theme's search for screen readers.
"""

import ast
import re
import sys
from pathlib import Path

from latex2mathml import converter
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
ROOT_PAGES = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
# Page of the reference -> (title, the packages whose public names it has, a sentence).
PAGES = {
    "light": (
        "Light runtime",
        (
            *("zoo.light.runtime", "zoo.light.probability", "zoo.light.autoencoder"),
            "zoo.releases",
            *("zoo.light.extractor", "zoo.light.outliers"),
        ),
        "These names need NumPy and ONNX Runtime alone; `zoo.load` needs Keras, and scikit-learn's "
        "classes need scikit-learn.",
    ),
    "model": (
        "Models",
        ("zoo.vae", "zoo.part", "zoo.optimizers", "zoo.layers", "zoo.publishing"),
        "",
    ),
    "encoders": ("Encoders", ("zoo.encoders",), "An encoder is e(z|x), the posterior."),
    "decoders": (
        "Decoders and likelihoods",
        ("zoo.decoders",),
        "A decoder is d(x|z); its likelihood says how pixels are distributed.",
    ),
    "marginals": ("Marginals", ("zoo.marginals",), "A marginal is m(z), the prior."),
    "objectives": ("Objectives", ("zoo.objectives",), "An objective says what training minimises."),
    "divergences": (
        "Divergences",
        ("zoo.divergences",),
        "A divergence between q(z) and m(z) is a term of `InfoVAE` and `Infomax`.",
    ),
}


def on_files(files, config):
    """Adds the reference, the results and the repository's own pages."""
    names = _public_names()
    for page, (title, packages, text) in PAGES.items():
        rows = [f"::: {_identifier(n, module)}" for n, module in names if module in packages]
        content = "\n\n".join([f"# {title}", text, *rows])
        files.append(File.generated(config, f"reference/{page}.md", content=content))
    listed = {module for _, packages, _ in PAGES.values() for module in packages}
    if lost := [name for name, module in names if module not in listed]:
        raise ValueError(f"Expected a page of the reference for each name. Received: {lost}")
    files.append(File.generated(config, "reference/index.md", content=_index(names)))
    for path in sorted((ROOT / "results").rglob("*")):
        is_page = path.suffix == ".md" or path.suffix == ".png"
        if is_page and "runs" not in path.relative_to(ROOT).parts:
            files.append(_copied(config, path))
    for name in ROOT_PAGES:
        if (ROOT / name).is_file():
            files.append(_copied(config, ROOT / name))
    return files


def on_page_markdown(markdown, page, config, files):
    """Points links that leave `docs/` to the site's copy or to the repository."""
    if re.search(r"^\|(?:[^|\n]*\|){6,}$", markdown, re.MULTILINE):
        page.meta.setdefault("hide", []).append("toc")  # leaves wide tables the width of the page
    folder = Path(page.file.src_uri).parent
    is_outside = page.file.src_uri.startswith("results/") or page.file.src_uri in ROOT_PAGES

    def replace(match):
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        if "://" in target or target.startswith(("#", "mailto:")) or not target:
            return match[0]
        base = ROOT if is_outside else ROOT / "docs"
        path = (base / folder / target).resolve()
        if not path.is_relative_to(ROOT):
            return match[0]
        inside = path.relative_to(ROOT).as_posix()
        if path.is_dir() and (path / "README.md").is_file():
            inside = f"{inside}/README.md"
        uri = inside.removeprefix("docs/")
        if files.get_file_from_path(uri):
            up = "../" * len(folder.parts)
            return f"[{text}]({up}{uri}{anchor})"
        if (ROOT / inside).exists():
            if config["repo_url"]:
                return f"[{text}]({config['repo_url'].rstrip('/')}/blob/main/{inside}{anchor})"
            return text
        return match[0]

    pattern = r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)"
    return re.sub(pattern, replace, markdown)


def on_page_content(html, **_):
    """Draws formulas, which the extension `arithmatex` has marked."""
    pattern = r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>'

    def replace(match):
        display = "inline" if match[2] == "(" else "block"
        text = match[3].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return converter.convert(text, display=display)

    return re.sub(pattern, replace, html, flags=re.DOTALL)


def on_post_page(output, **_):
    """Names the search, which the theme does not, for readers who hear the page."""
    for element in ('data-md-component="search" role="dialog"', 'id="__search"'):
        output = output.replace(element, f'{element} aria-label="Search"')
    return output


on_post_template = on_post_page  # the page of wrong addresses


def _copied(config, path):
    uri = path.relative_to(ROOT).as_posix()
    return File(uri, str(ROOT), config["site_dir"], config["use_directory_urls"])


def _public_names():
    """Returns `[(name, module)]` of the public names of `zoo` that are no modules."""
    sys.path.insert(0, str(ROOT))  # here, as MkDocs restores the path after it has loaded this
    import zoo

    return sorted(zoo._public().items())


def _identifier(name, module):
    """Returns where a public name is defined: "zoo.encoders.mlp.MLPEncoder"."""
    folder = ROOT.joinpath(*module.split("."))
    for path in sorted(folder.glob("*.py")):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        if any(getattr(node, "name", None) == name for node in nodes):
            return f"{module}.{path.stem}.{name}"
    return f"{module}.{name}"


def _index(names):
    rows = ["# API reference\n\nImport `zoo`; each name is loaded when it is first used.\n"]
    rows += ["| name | page |", "|---|---|"]
    pages = {module: page for page, (_, modules, _) in PAGES.items() for module in modules}
    for name, module in names:
        page = pages[module]
        rows.append(f"| [`zoo.{name}`]({page}.md#{_identifier(name, module)}) | {PAGES[page][0]} |")
    return "\n".join(rows)
