"""Options that follow from the fields of configurations: each field that says what it is for has one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

import typer

from charrnn.fields import OneOf, declared, unfolded

Command = TypeVar("Command", bound=Callable[..., None])


def sets(
    panels: Mapping[str, type], aliases: Mapping[str, str], defaults: Mapping[str, str]
) -> Callable[[Command], Command]:
    """Let a command's ``**settings`` be options, each None where it is not given.

    Args:
        panels: Of the help, in order, each with its configuration.
        aliases: A second flag for some settings.
        defaults: Words for what a setting is where it is not given; else its default.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        made = [
            _option(name, hint, panel, aliases.get(name), defaults.get(name))
            for panel, config in panels.items()
            for name, hint in declared(config).items()
        ]
        parameters = sorted([*own, *filter(None, made)], key=lambda p: _place(p, list(panels)))
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def defaults_of(*configs: type) -> dict[str, str]:
    """The defaults of all settings as words; that of a truth need not be said."""
    found = (field for config in configs for field in fields(config))
    return {f.name: str(f.default) for f in found if not isinstance(f.default, bool)}


def _option(
    name: str, hint: Any, panel: str, alias: str | None, default: str | None
) -> inspect.Parameter | None:
    kind, _, said = unfolded(hint)
    words = [part for part in said if isinstance(part, str)]
    if not words:
        return None
    choices = [f", one of {', '.join(part.names)}." for part in said if isinstance(part, OneOf)]
    option = typer.Option(
        *filter(None, (f"--{name.replace('_', '-')}", alias)),
        help="".join(words + choices),
        rich_help_panel=panel,
        show_default=default or False,
    )
    made: Any = Annotated[kind | None, option]
    return inspect.Parameter(
        name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=made
    )


def _place(parameter: inspect.Parameter, panels: list[str]) -> int:
    """Arguments first, then the panels in order, then all else."""
    _, _, (info,) = unfolded(parameter.annotation)
    panel = info.rich_help_panel
    if isinstance(info, typer.models.ArgumentInfo):
        return -1
    return panels.index(panel) if panel in panels else len(panels)
