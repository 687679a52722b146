"""Values and durations as text, for pages, ledgers and terminals."""

import math


def with_error(value, stderr=None):
    """Returns `86.34 ± 0.12`: two digits of the standard error, or five of a value without one."""
    if value is None:
        return "not available"
    if stderr is None or not math.isfinite(value) or not math.isfinite(stderr):
        return f"{value:.5g}" if isinstance(value, float) else str(value)
    if stderr == 0:
        return f"{value:.5g} ± 0"
    digits = max(0, 1 - math.floor(math.log10(stderr)))
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def duration(seconds):
    """Returns seconds in words: `8.4 s`, `3 min 05 s`, `2 h 07 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
