"""No option: a model on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charrnn.cli.views import Subject, only
from charrnn.cli.views.screen import Screen
from charrnn.inspection import summarize


def measure(subjects: list[Subject], _value: None) -> dict[str, Any]:
    subject = only(subjects)
    return {"checkpoint": str(subject.path), **summarize(subject.checkpoint)}


def as_json(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found


def draw(found: Mapping[str, Any], screen: Screen) -> None:
    screen.put_whole(found["checkpoint"])
