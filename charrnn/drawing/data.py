"""A figure's data as JSON has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from charrnn.drawing.figure import Figure, Symbols
from charrnn.words import in_json


def as_json(figure: Figure) -> dict[str, Any]:
    """What ``--json`` tells of a figure."""
    told: dict[str, Any] = plain(figure.data, figure.encoding, 17 if figure.exact else 7)
    return told


def plain(value: Any, encoding: str = "utf-8", digits: int = 7) -> Any:
    """Dataclasses, arrays and symbols as JSON has them; numbers of so many digits, null if not finite."""
    if isinstance(value, Symbols):
        return in_json(value.text, encoding)
    if isinstance(value, Mapping):
        return {key: plain(item, encoding, digits) for key, item in value.items()}
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name), encoding, digits) for f in fields(value)}
    if hasattr(value, "tolist"):  # an array, or a number out of one
        return plain(value.tolist(), encoding, digits)
    if isinstance(value, list | tuple):
        return [plain(item, encoding, digits) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") + 0.0 if isfinite(value) else None  # no -0.0
    return value
