"""Commands: where ``--`` stands; and their help in a narrow terminal, where each option's name stands whole on a line
of its own, with words below it."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

from charrnn.cli.arguments import note_dashes
from charrnn.cli.terminal import columns

WIDE = 80  # columns that Typer's tables need
OUTER, INNER = "  ", "    "  # before names, before what is said of them


class Command(TyperCommand):
    """A command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        note_dashes(args, self.make_parser(ctx).parse_args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if columns() >= WIDE:
            super().format_help(ctx, formatter)
        else:
            formatter.write(_narrow(self, ctx))


class Group(TyperGroup):
    """The program."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if columns() >= WIDE:
            super().format_help(ctx, formatter)
        else:
            found = (self.get_command(ctx, name) for name in self.list_commands(ctx))
            commands = [(c.name, c.get_short_help_str(limit=1000)) for c in found if c]
            formatter.write(_narrow(self, ctx, commands))


def _narrow(command: Any, context: Any, commands: Iterable[tuple[str | None, str]] = ()) -> str:
    """Usage, help, arguments, options and commands, one below the other."""
    panels: dict[str, list[Any]] = {"Arguments": []}
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
            title = getattr(parameter, "rich_help_panel", None) or usual
            panels.setdefault(title, []).append(record)
    panels["Commands"] = list(commands)
    usage = ("Usage:", context.command_path, *command.collect_usage_pieces(context))
    lines = [_lines(" ".join(usage), "", OUTER)]
    lines += ["\n" + _lines(paragraph) for paragraph in (command.help or "").split("\n\n")]
    for title, records in panels.items():
        if records:
            lines.append(f"\n{title}:")
        for name, said in records:
            lines += [_lines(name, OUTER), _lines(said, INNER)]
    lines.append("\n" + _lines(command.epilog or ""))
    return "\n".join(lines).rstrip("\n")


def _lines(text: str, first: str = "", others: str | None = None) -> str:
    """Lines that are broken at blanks alone, after indents."""
    found = wrap(
        " ".join(text.split()),
        columns() - 1,
        initial_indent=first,
        subsequent_indent=first if others is None else others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(found)
