"""``charrnn inspect --html``: every view of a model on one page that needs nothing but itself.

``measured`` asks charrnn.inspection; ``sections`` and ``theory`` tell what was found, in words, tables and
pictures (``figures``, drawn with ``svg``); ``page`` puts that into ``page.html`` with ``page.css`` and ``page.js``.
"""

from __future__ import annotations

from pathlib import Path

from charrnn.cli.report.measured import measure
from charrnn.cli.report.page import page
from charrnn.cli.views import Subject


def write(
    path: Path,
    subject: Subject,
    on: str | None = None,
    unknown: str | None = None,
    *,
    with_text: bool = True,
) -> None:
    """Write the page of a model; arguments and errors as :func:`charrnn.cli.report.measured.measure`."""
    report = measure(subject, on, unknown, with_text=with_text)
    path.write_bytes(page(report).encode("utf-8"))
