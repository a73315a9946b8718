"""``charrnn inspect --html``: every view of a model on one page that needs nothing but itself.

``measured`` asks charrnn.inspection; ``sections`` and ``theory`` tell what was found, in words, tables and
pictures (``figures``, drawn with ``svg``); ``page`` puts that into ``page.html`` with ``page.css`` and ``page.js``.
"""

from __future__ import annotations

from pathlib import Path

from charrnn.cli.report.measured import measure
from charrnn.cli.report.page import page
from charrnn.cli.views import Subject


def write(path: Path, subject: Subject, on: str | None = None, unknown: str | None = None) -> None:
    """Write the page of a model; arguments and errors as :func:`charrnn.cli.report.measured.measure`."""
    path.write_bytes(page(measure(subject, on, unknown)).encode("utf-8"))
