"""Writes docs/cli.md from the program itself: ``make docs``. A test compares the two."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from charrnn.cli import COMMANDS, make_app
from charrnn.fields import unfolded

TARGET = Path(__file__).parent / "cli.md"

HEAD = """\
# charrnn on the command line

Made by `make docs` from the program; `charrnn COMMAND --help` tells the same.

| command | |
|---|---|
"""

GENERAL = """
`charrnn --version` tells the version, `charrnn --install-completion` makes the shell complete commands and
options (`--show-completion` prints the script for it), and `-h` or `--help` explains any command.

Exit codes: 0 when all went well or the reader of a pipe has gone, 1 for what went wrong, 2 for what was asked
wrongly, 130 after Ctrl-C. An error is one line on standard error. With `NO_COLOR` set nothing is coloured.
"""


def reference() -> str:
    """The whole page."""
    commands = [
        (info.name, info.callback, info.epilog) for info in make_app(*COMMANDS).registered_commands
    ]
    rows = "".join(
        f"| [`charrnn {name}`](#charrnn-{name}) | {_first_line(callback)} |\n"
        for name, callback, _ in commands
    )
    pages = (_page(str(name), callback, str(epilog)) for name, callback, epilog in commands)
    return HEAD + rows + GENERAL + "".join(pages)


def _page(name: str, callback: Any, epilog: str) -> str:
    arguments, panels = [], dict[str, list[str]]()
    for parameter, kind, repeated, info in _parameters(callback):
        text = f"{info.help}{_default(info)}"
        if isinstance(info, ArgumentInfo):
            metavar = info.metavar or parameter.upper()
            metavar += "..." * repeated
            arguments.append((metavar, f"- `{metavar}`: {text}\n"))
        else:
            named = info.param_decls or [f"--{parameter.replace('_', '-')}"]
            flags = ", ".join(f"`{flag}`" for flag in named)
            if kind is not bool:
                flags += f" *{info.metavar or kind.__name__}*"
            panels.setdefault(info.rich_help_panel or "Options", []).append(f"- {flags}: {text}\n")
    usage = " ".join(["charrnn", name, "[OPTIONS]", *(f"[{metavar}]" for metavar, _ in arguments)])
    parts = [
        f"\n## charrnn {name}\n\n    {usage}\n\n{inspect.getdoc(callback)}\n\n",
        *(line for _, line in arguments),
        *(f"\n### {panel}\n\n{''.join(lines)}" for panel, lines in panels.items()),
        f"\n{epilog}\n",
    ]
    return "".join(parts)


def _parameters(callback: Any) -> Iterator[tuple[str, type, bool, ArgumentInfo | OptionInfo]]:
    """Of each: name, type, whether it may be repeated, description with its default."""
    hints = get_type_hints(callback)
    for parameter in inspect.signature(callback).parameters.values():
        kind, _, _ = unfolded(hints[parameter.name])  # without None
        repeated = get_origin(kind) is list
        kind = get_args(kind)[0] if repeated else kind
        yield parameter.name, kind, repeated, parameter.default


def _default(info: ArgumentInfo | OptionInfo) -> str:
    default = info.default
    if isinstance(info.show_default, str):
        return f" Default: {info.show_default}."
    if info.show_default and default not in (None, "") and not isinstance(default, bool):
        return f" Default: `{default}`."
    return ""


def _first_line(callback: Any) -> str:
    return str(inspect.getdoc(callback)).partition("\n")[0]


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8", newline="\n")
