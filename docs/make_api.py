"""Writes docs/api.md from the docstrings: ``make docs``. A test compares the two."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "api.md"

MODULES = ("charrnn", "charrnn.inspection", "charrnn.nn")

HEAD = """\
# charrnn from Python

Made by `make docs` from the docstrings; `help(charrnn.train)` tells the same. What raises an error raises a
`charrnn.CharrnnError` of some kind, whose text is what the command line would say.
"""


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(map(_module, MODULES))


def _module(name: str) -> str:
    module = import_module(name)
    names = [n for n in module.__all__ if n.isidentifier() and not n.startswith("_")]
    contents = " · ".join(
        f"[`{n}`](#{anchor})" for n, anchor in zip(names, _anchors(name, names), strict=True)
    )
    parts = [f"\n## {name}\n\n{_prose(module)}\n\n{contents}\n"]
    for n in names:
        thing = getattr(module, n)
        parts.append(f"\n### {name}.{n}\n\n{''.join(_described(n, thing))}")
    return "".join(parts)


def _anchors(module: str, names: Iterable[str]) -> Iterator[str]:
    """As GitHub makes them of headings: without capitals and points, and those that recur numbered."""
    seen = Counter[str]()
    for name in names:
        anchor = f"{module}.{name}".lower().replace(".", "")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def _described(name: str, thing: Any) -> Iterator[str]:
    if not callable(thing):
        yield f"`{type(thing).__name__}` of {len(thing)}.\n"
        return
    yield f"    {name}{_signature(thing)}\n\n{_prose(thing)}\n"
    if inspect.isclass(thing):
        yield from _members(thing)


def _members(thing: type) -> Iterator[str]:
    """Its public methods and properties that say what they are for."""
    for name, member in vars(thing).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        said = _prose(function)
        called = "" if isinstance(member, property) else _signature(function)
        yield f"\n#### `.{name}{called}`\n\n{said}\n"


def _signature(thing: Any) -> str:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # an exception's, say, is not known to every Python
        return "(…)"
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if name not in ("self", "cls")
    ]
    said = str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))
    # An object's address is another each time.
    return re.sub(r"<[\w.]+ object at 0x\w+>|\w+\(\w+\) at 0x\w+", "…", said)


def _prose(thing: Any) -> str:
    """A docstring as Markdown: its sections in bold, references as code, arguments in a list."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    lines: list[str] = []
    for block in re.split(r"\n(?=\w+:\n)", text):
        heading, colon, rest = block.partition(":\n")
        if colon and heading in ("Args", "Attributes", "Returns", "Raises", "Yields"):
            said = _listed(rest) if heading not in ("Returns", "Yields") else textwrap.dedent(rest)
            lines.append(f"**{heading}**\n\n{said.strip()}")
        else:
            lines.append(block.strip("\n"))
    return "\n\n".join(part for part in lines if part.strip())


def _listed(text: str) -> str:
    """``name: what it is`` for each entry, which may go on in lines that are indented."""
    body, empty, after = text.partition("\n\n")  # what comes after stands further left
    entries = re.split(r"\n(?=\S)", textwrap.dedent(body).strip("\n"))
    items = []
    for entry in entries:
        name, colon, said = entry.partition(": ")
        words = " ".join((said if colon else entry).split())
        items.append(f"- `{name}`: {words}" if colon and len(name) < 40 else f"- {words}")
    return "\n".join(items) + (f"\n\n{after.strip()}" if empty and after.strip() else "")


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8", newline="\n")
