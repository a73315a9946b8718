"""The option ``--unknown``, of every command that reads text with a model."""

from __future__ import annotations

from typing import Any

import typer

from charrnn.config import UNKNOWN
from charrnn.errors import InputError


def unknown_option(help: str, panel: str, default: str | None = None) -> Any:
    """The option; its value is one of ``UNKNOWN``, or None where that is its default."""
    return typer.Option(
        callback=_checked, help=help, rich_help_panel=panel, show_default=default or True
    )


def _checked(value: str | None) -> str | None:
    if value not in (None, *UNKNOWN):
        raise InputError(f"--unknown must be error, skip or replace, not {value!r}")
    return value
