"""Writes docs/cli.md and the manual page docs/charrnn.1 from the program itself: ``make docs``.

A test compares them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from charrnn.cli import COMMANDS, make_app
from charrnn.fields import unfolded
from charrnn.version import __version__

FOLDER = Path(__file__).parent

HEAD = """\
# charrnn on the command line

Made by `make docs` from the program; `charrnn COMMAND --help` tells the same, and `man charrnn`.

| command | |
|---|---|
"""

GENERAL = """
`charrnn --version` tells the version, `charrnn --install-completion` makes the shell complete commands,
options and their values (`--show-completion` prints the script for it), and `-h` or `--help` explains any command.

Exit codes: 0 when all went well or the reader of a pipe has gone, 1 for what went wrong, 2 for what was asked
wrongly, 130 after Ctrl-C. An error is one line on standard error. With `NO_COLOR` set nothing is coloured.
"""

MANUAL_HEAD = f"""\
.\\" Made by make docs from the program.
.TH CHARRNN 1 "" "charrnn {__version__}" "User Commands"
.SH NAME
charrnn \\- teach a recurrent network to write like a text you love
.SH SYNOPSIS
"""

MANUAL_TAIL = """\
.SH EXIT STATUS
0 when all went well or the reader of a pipe has gone, 1 for what went wrong, 2 for what was asked wrongly,
130 after Ctrl-C. An error is one line on standard error.
.SH ENVIRONMENT
.TP
.B NO_COLOR
Nothing is coloured.
.TP
.B CHARRNN_KERNELS
With the value numpy, nothing goes through Numba where that is installed: no training, no score, no writing.
.SH FILES
.TP
.I checkpoints/
In the current folder: where models are written and looked for.
"""


@dataclass(frozen=True)
class Option:
    """One option: its flags, the kind of its value (empty without one), and what is said of it."""

    flags: list[str]
    value: str
    text: str


@dataclass(frozen=True)
class Command:
    """What there is to say of a command.

    Attributes:
        arguments: What stands for each, and what is said of it.
        panels: Options by the panels of the help.
    """

    name: str
    said: str
    arguments: dict[str, str]
    panels: dict[str, list[Option]]
    epilog: str

    @classmethod
    def of(cls, name: str, callback: Any, epilog: str) -> Command:
        command = cls(name, str(inspect.getdoc(callback)), {}, {}, epilog)
        for parameter, kind, repeated, info in _parameters(callback):
            text = f"{info.help}{_default(info)}"
            if isinstance(info, ArgumentInfo):
                metavar = info.metavar or parameter.upper()
                command.arguments[metavar + "..." * repeated] = text
            else:
                flags = list(info.param_decls or [f"--{parameter.replace('_', '-')}"])
                value = "" if kind is bool else info.metavar or kind.__name__
                panel = command.panels.setdefault(info.rich_help_panel or "Options", [])
                panel.append(Option(flags, value, text))
        return command

    @property
    def usage(self) -> list[str]:
        return ["charrnn", self.name, "[OPTIONS]", *(f"[{name}]" for name in self.arguments)]

    @property
    def summary(self) -> str:
        return self.said.partition("\n")[0]


def commands() -> list[Command]:
    """All of them."""
    infos = make_app(*COMMANDS).registered_commands
    return [Command.of(str(info.name), info.callback, str(info.epilog)) for info in infos]


def reference() -> str:
    """The page docs/cli.md."""
    rows = "".join(
        f"| [`charrnn {command.name}`](#charrnn-{command.name}) | {command.summary} |\n"
        for command in commands()
    )
    return HEAD + rows + GENERAL + "".join(map(_section, commands()))


def _section(command: Command) -> str:
    parts = [f"\n## charrnn {command.name}\n\n    {' '.join(command.usage)}\n\n{command.said}\n\n"]
    parts += [f"- `{name}`: {text}\n" for name, text in command.arguments.items()]
    for title, options in command.panels.items():
        parts.append(f"\n### {title}\n\n")
        for option in options:
            value = f" *{option.value}*" if option.value else ""
            parts.append(
                f"- {', '.join(f'`{flag}`' for flag in option.flags)}{value}: {option.text}\n"
            )
    return "".join(parts) + f"\n{command.epilog}\n"


def manual() -> str:
    """The manual page, in the macros of man(7)."""
    usages = (
        f".B {' '.join(command.usage[:2])}\n{_roff(' '.join(command.usage[2:]))}\n.br\n"
        for command in commands()
    )
    return MANUAL_HEAD + "".join(usages) + "".join(map(_manual_section, commands())) + MANUAL_TAIL


def _manual_section(command: Command) -> str:
    parts = [f".SH CHARRNN {command.name.upper()}\n{_roff(command.said)}\n"]
    parts += [f".TP\n.I {_roff(name)}\n{_roff(text)}\n" for name, text in command.arguments.items()]
    for title, options in command.panels.items():
        parts.append(f".SS {_roff(title)}\n")
        for option in options:
            flags = ", ".join(rf"\fB{_roff(flag)}\fR" for flag in option.flags)
            value = rf" \fI{_roff(option.value)}\fR" if option.value else ""
            parts.append(f".TP\n{flags}{value}\n{_roff(option.text)}\n")
    return "".join(parts) + f".PP\n{_roff(command.epilog)}\n"


def _roff(text: str) -> str:
    r"""Plain text for troff: a backslash and a hyphen mean themselves, no line begins a command."""
    text = " ".join(text.split()).replace("`", "").replace("\\", r"\e").replace("-", r"\-")
    text = "".join(sign if sign.isascii() else rf"\[u{ord(sign):04X}]" for sign in text)
    return rf"\&{text}" if text[:1] in (".", "'") else text


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


PAGES = {"cli.md": reference, "charrnn.1": manual}

if __name__ == "__main__":
    for name, made in PAGES.items():
        (FOLDER / name).write_text(made(), encoding="utf-8", newline="\n")
