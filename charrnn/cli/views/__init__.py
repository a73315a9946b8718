"""What ``charrnn inspect`` shows: one file for each view, with three functions.

    measure(subjects, value, **refinements) -> Found     asks charrnn.inspection
    as_json(found) -> dict                               the same for a pipe
    draw(found, screen) -> None                          the same for eyes

``subjects`` are the checkpoints that were named, ``value`` is that of the view's option. A further
view is a file in ``charrnn/inspection`` that measures, one here that draws, and its option in
``charrnn/cli/inspect.py``. What they draw with is in ``screen`` and ``chart``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from charrnn.drawing.terminal.screen import Screen
from charrnn.errors import InputError
from charrnn.inspection import summarize
from charrnn.training.run import Checkpoint
from charrnn.words import rejoined


@dataclass(frozen=True)
class Subject:
    """What is looked into."""

    path: Path
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """The path in words."""
        return rejoined(str(self.path))

    def summary(self) -> dict[str, Any]:
        """:func:`charrnn.inspection.summarize`, with the path first."""
        summary = summarize(self.checkpoint)
        summary["corpus"]["sources"] = list(map(rejoined, summary["corpus"]["sources"]))
        return {"checkpoint": self.name, **summary}


class View(Protocol):
    """A module of this package."""

    def measure(self, subjects: list[Subject], value: Any, **refinements: Any) -> Any: ...
    def as_json(self, found: Any) -> Mapping[str, Any]: ...
    def draw(self, found: Any, screen: Screen) -> None: ...


def only(subjects: list[Subject]) -> Subject:
    """The subject of a view that shows one.

    Raises:
        InputError: Several were named.
    """
    if len(subjects) > 1:
        raise InputError("one checkpoint at a time; several side by side: --compare")
    return subjects[0]


def plain(value: Any) -> Any:
    """Dataclasses and arrays as JSON has them; numbers with seven digits, null if not finite."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # an array, or a number out of one
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if isfinite(value) else None
    return value
