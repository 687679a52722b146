"""Tables inside hand-written pages: each stands between two comments."""

from pathlib import Path

from zoo.storage import files


def put(path, text: str, begin: str, end: str):
    """Replaces what stands between two lines of a page; the rest stays.

    Args:
        path: A Markdown file.
        text: Without a line break at its ends.
        begin: The line before it, a comment of HTML.
        end: The line after it.

    Raises:
        ValueError: If the page lacks one of the two lines.
    """
    page = Path(path).read_text(encoding="utf-8")
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"Expected the lines {begin!r} and {end!r}. Received: {str(path)!r}")
    files.atomic_write(path, f"{before}{begin}\n{text}\n{end}{after}")
