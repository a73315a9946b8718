"""What each task learns where no file is named: made of what every Python carries."""

from __future__ import annotations

import random
from datetime import date

from charrnn.errors import InputError

DEFAULT_SOURCE = "the Python language reference (pydoc_data.topics)"
TIME_ZONES = "the standard library's time zones (zoneinfo)"
DATES = "dates in words, and as ISO 8601 has them"
CASES = "upper and lower case in the Python language reference (pydoc_data.topics)"

DEFAULTS = {
    "lm": DEFAULT_SOURCE,
    "classify": TIME_ZONES,
    "tag": CASES,
    "conditional": TIME_ZONES,
    "seq2seq": DATES,
}
"""The source of each task."""
STEMS = {
    DEFAULT_SOURCE: "python-reference",
    TIME_ZONES: "time-zones",
    CASES: "python-cases",
    DATES: "dates",
}
"""What files are called that are made of them."""

CONTINENTS = frozenset(
    (
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    )
)
UPPER, OTHER = "U", "."  # tags
DAYS = 4000
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ENDINGS = {1: "st", 2: "nd", 3: "rd"}  # of ordinal numbers


def embedded_text(source: str) -> str:
    """The text of one of them, as a file would have it.

    Raises:
        InputError: This Python comes without it.
    """
    return {DEFAULT_SOURCE: default_text, TIME_ZONES: time_zones, CASES: cases, DATES: dates}[
        source
    ]()


def default_text() -> str:
    """The Python language reference that CPython carries for ``help()``; it varies by version.

    Raises:
        InputError: This Python comes without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError(
            "this Python lacks the default corpus (pydoc_data.topics); name a text file to train on"
        ) from None
    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))


def time_zones() -> str:
    """Cities, each with its continent or ocean, as the names of time zones have them.

    Raises:
        InputError: There are none on this system.
    """
    from zoneinfo import available_timezones

    names = sorted(name.split("/") for name in available_timezones())
    cities = [(zone[-1].replace("_", " "), zone[0]) for zone in names if len(zone) > 1]
    lines = [f"{city}\t{continent}\n" for city, continent in cities if continent in CONTINENTS]
    if not lines:
        raise InputError(
            "this system has no time zones to learn from (pip install tzdata brings some); name a file of examples"
        )
    return "".join(lines)


def dates() -> str:
    """Days of three centuries in some of the ways in which people write them, each as ``2026-11-29``; the same ones each time."""
    rng, lines = random.Random(0), list[str]()
    first, last = date(1800, 1, 1).toordinal(), date(2099, 12, 31).toordinal()
    for _ in range(DAYS):
        day = date.fromordinal(rng.randint(first, last))
        month = MONTHS[day.month - 1]
        ending = "th" if day.day in (11, 12, 13) else ENDINGS.get(day.day % 10, "th")
        short = f"{month[:3]}{'.' * (len(month) > 3)}"
        name = rng.choice((month, month, month[:3], short))
        number = rng.choice((f"{day.day}", f"{day.day}{ending}"))
        written = rng.choice(
            (
                f"{number} {name} {day.year}",
                f"{name} {number}, {day.year}",
                f"the {day.day}{ending} of {month}, {day.year}",
                f"{day.day:02}.{day.month:02}.{day.year}",
                f"{WEEKDAYS[day.weekday()]}, {number} {name} {day.year}",
            )
        )
        written = rng.choice((written, written, written.lower()))
        lines.append(f"{written}\t{day.isoformat()}\n")
    return "".join(lines)


def cases() -> str:
    """Lines of the Python reference in lower case, each with which of its characters were upper case."""
    lines = (" ".join(line.split()) for line in default_text().splitlines())
    pairs = ((line, line.lower()) for line in lines if line)
    return "".join(
        f"{lower}\t{''.join(UPPER if a != b else OTHER for a, b in zip(line, lower, strict=True))}\n"
        for line, lower in pairs
        if len(line) == len(lower)
    )
