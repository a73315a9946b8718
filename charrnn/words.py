"""Numbers, paths and names as words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
"""What stands after a backslash, and what both mean together."""

LINE_ENDS = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

# Controls, line and paragraph separators, what turns the direction of all that follows, annotations, tags, and
# what never is a character. No space, and nothing that joins or parts letters.
UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
NO_TEXT = re.compile("[\udc80-\udcff]")  # a byte of a path


class _Asked:
    """Who is answered: whoever called a function, or a command."""

    by_command = False


@contextmanager
def for_a_command() -> Iterator[None]:
    """Whoever asks is at the command line: settings are told as its options."""
    before, _Asked.by_command = _Asked.by_command, True
    try:
        yield
    finally:
        _Asked.by_command = before


def setting(name: str, value: str) -> str:
    """How one is given: ``unknown="skip"`` to a function, or ``--unknown skip`` to a command."""
    return f"--{name} {value}" if _Asked.by_command else f'{name}="{value}"'


def duration(seconds: float) -> str:
    """``1:23`` or ``4:05:06``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(seconds: float) -> str:
    """``3 min``, ``5 h`` or ``12 days``."""
    for unit, length, enough in (("min", 60, 90), ("h", 3600, 36), ("days", 86400, 1 << 60)):
        if seconds / length < enough:
            return f"{seconds / length:.0f} {unit}"
    raise AssertionError("nothing is so old")


def size(number: float) -> str:
    """``312 B``, ``4.5 kB`` or ``12 MB``."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.{0 if number >= 10 or unit == 'B' else 1}f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def rounded(number: float) -> str:
    """To two decimals, of a small number four; of a whole one none, and never with an exponent of ten."""
    return f"{number:,.{2 if number >= 0.1 else 4}f}".rstrip("0").rstrip(".")


def decimals(number: float, places: int, sign: str = "") -> str:
    """``0.50``, with a ``sign`` of ``+`` also ``+0.50``; what is nothing to so many places has no minus: never ``-0.00``."""
    told = f"{number:{sign}.{places}f}"
    return told if re.search("[1-9a-z]", told) else told.replace("-", sign)


def of_which(share: float | None, name: str) -> str:
    """``3.0 % of name``; the whole, where the share is 0 or none."""
    return f"{percent(share)} of {name}" if share else name


def percent(share: float) -> str:
    """``63 %``, ``0.4 %`` or ``<0.1 %``."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.{0 if share >= 0.1 or not share else 1}f} %"


def shortened(name: str, most: int = 200) -> str:
    """A name, and of a very long one both ends."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 :]}"


def listed(names: Sequence[str], between: str = ", ", most: int = 8) -> str:
    """Names one after the other: of very many the first few."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return between.join(map(shortened, names[:most])) + more


def quoted(path: str | Path) -> str:
    """A path as a shell reads it.

    What a terminal could take for a command, and bytes that are no text, stand as bash and zsh read them.
    """
    word = str(path)
    if not UNSAFE.search(word) and not NO_TEXT.search(word):
        return shlex.quote(word)
    word = re.sub(r"[\\']", r"\\\g<0>", word)
    word = NO_TEXT.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", word)
    return f"$'{printable(word)}'"


def unescaped(text: str) -> str:
    r"""What somebody typed, with ``\n``, ``\t``, ``\0`` and ``\\`` read as one character each; other backslashes stay."""
    return re.sub(r"\\([nt0\\])", lambda found: ESCAPES[found[1]], text)


def as_argument(path: str | Path) -> str:
    """The name of a file as commands take it: one that begins with a dash would be an option.

    A ``Path`` is always a file, a ``str`` may be ``-``, which is standard input.
    """
    name = str(path)
    return f"./{name}" if name.startswith("-") and (name != "-" or path != name) else name


def rejoined(path: str) -> str:
    """A path in UTF-8, whatever the locale made of its bytes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def printable(text: str, keep: str = "") -> str:
    r"""Text on one line, with nothing in it that a terminal could take for a command: that is told as ``\u001b``.

    Half of a surrogate pair stays: it stands for a byte of a path and goes out as it came in.

    Args:
        keep: What stays besides, such as line feeds.
    """
    return UNSAFE.sub(lambda found: found[0] if found[0] in keep else escaped(found[0]), text)


def valid(text: str) -> str:
    """Text that UTF-8 can hold: halves of a surrogate pair become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def escaped(character: str) -> str:
    r"""``\n``, or ``\u001b``: as JSON and most languages have it."""
    code = ord(character)
    return LINE_ENDS.get(character) or (f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}")


def in_json(text: str, encoding: str) -> str:
    """A model's characters as JSON has them: bytes as UTF-8, those that are none as U+DC80 to U+DCFF."""
    return text if encoding == "utf-8" else text.encode(encoding).decode("utf-8", "surrogateescape")
