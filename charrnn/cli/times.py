"""Times as options take them: ``90s``, ``10m``, ``1.5h``."""

from __future__ import annotations

import re

from charrnn.errors import InputError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}  # in seconds
MOST_MINUTES = 1_000_000


def parse_time(text: str) -> float | None:
    """A time with its unit, in seconds; None where it is something else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text, re.ASCII)
    return float(match[1]) * UNITS[match[2]] if match else None


def parse_minutes(text: str) -> float:
    """``--minutes``, a time with its unit or a number of minutes, in seconds.

    Raises:
        InputError: It is neither, zero, or too long.
    """
    seconds = parse_time(text)
    if seconds is None:
        try:
            seconds = 60 * float(text)
        except ValueError:
            raise InputError(
                f"--minutes must be a number of minutes, or a time such as 90s, 10m or 1h, not {text!r}"
            ) from None
    if not 0 < seconds <= 60 * MOST_MINUTES:
        raise InputError(f"--minutes must be above 0 and at most {MOST_MINUTES}, not {text}")
    return seconds
