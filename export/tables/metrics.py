"""The table of metrics, from their registry: `docs/metrics.md`."""

from export import pages
from zoo.evaluation import metric

PAGE = "docs/metrics.md"
BEGIN = "<!-- metrics: python -m export.refresh --tables=metrics -->"
END = "<!-- end of metrics -->"


def refresh(keep: bool = False) -> None:
    """Writes the table into its page. Nothing is measured, with `keep` or without.

    Raises:
        ValueError: If the page lacks the two lines between which the table stands.
    """
    pages.put(PAGE, metric.table(), BEGIN, END)
