"""Reports a verification as a table, and compares two arrays."""

import dataclasses

import numpy as np

from zoo.storage.escape import printable

TOLERANCE = 1e-5


@dataclasses.dataclass
class Check:
    """One line of the table; `ok` is None for a check that was not made."""

    check: str
    subject: str
    ok: bool | None
    detail: str


@dataclasses.dataclass
class Report:
    """The result of `verify`.

    Attributes:
        name: The model's name.
        runtime: The runtime and its version.
        checks: A list of `Check`.
        max_error: The largest error of all comparisons, `None` where none was made.
        remade: Whether what was run was made anew from the artifact's weights.
        tolerance: The largest error that any comparison may have.
    """

    name: str
    runtime: str
    checks: list
    max_error: float | None = None
    remade: bool = False
    tolerance: float = TOLERANCE

    @property
    def ok(self):
        """Whether every check that was made agrees, and numbers were compared."""
        return self.max_error is not None and all(check.ok is not False for check in self.checks)

    def add(self, check, subject, ok, detail):
        self.checks.append(Check(check, subject, ok, detail))

    def add_error(self, subject, error, tolerance=TOLERANCE):
        """Adds a comparison of numbers, which agrees if `error` is within the tolerance."""
        self.max_error = max(error, self.max_error or 0.0)
        self.tolerance = max(self.tolerance, tolerance)
        limit = "" if tolerance == TOLERANCE else f", up to {tolerance:.1e} by the card"
        self.add("numbers", subject, error <= tolerance, f"error {error:.1e}{limit}")

    def attempt(self, check, subject, function, *arguments):
        """Adds the outcome of `function`: its text, or the error that it raised."""
        try:
            self.add(check, subject, True, function(*arguments))
        except Exception as error:  # a broken file may fail in any reader, in any way
            self.add(check, subject, False, one_line(error))

    def __str__(self):
        rows = [("check", "subject", "result", "detail")]
        labels = {True: "ok", False: "FAILED", None: "skipped"}
        # Subjects and details hold names from the card, which may hold anything.
        rows += [
            (c.check, printable(c.subject), labels[c.ok], printable(c.detail)) for c in self.checks
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        made_anew = ", by a SavedModel made from its weights" if self.remade else ""
        lines = [f"{printable(self.name)} in {printable(self.runtime)}{made_anew}", ""]
        lines += [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]])
            for row in rows
        ]
        failed = sum(check.ok is False for check in self.checks)
        checked = sum(check.ok is not None for check in self.checks)
        error = "none compared" if self.max_error is None else f"{self.max_error:.1e}"
        lines += [
            "",
            "error = max |a - b| / max(1, |b|), a: this runtime, b: the golden file (Keras)",
            f"largest error {error}, tolerance {self.tolerance:.0e}",
            f"PASSED: {checked} checks" if self.ok else f"FAILED: {failed} of {checked} checks",
        ]
        return "\n".join(lines)


def one_line(error):
    """Returns an error's text on one line, for a table."""
    return " ".join(str(error).split()) or type(error).__name__


def relative_error(received, expected):
    """Returns max |a - b| / max(1, |b|): relative for large values, absolute for small ones.

    Args:
        received: Array, a.
        expected: Array of the same shape, b.

    Raises:
        ValueError: If shapes or dtypes differ, or a value is not finite.
    """
    if received.shape != expected.shape or received.dtype != expected.dtype:
        raise ValueError(
            f"expected {expected.dtype}{list(expected.shape)}, "
            f"received {received.dtype}{list(received.shape)}"
        )
    if not (np.isfinite(received).all() and np.isfinite(expected).all()):
        raise ValueError("expected finite values, received NaN or an infinity")
    a, b = received.astype(np.float64), expected.astype(np.float64)
    return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)), initial=0.0))
