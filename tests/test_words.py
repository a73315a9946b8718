"""Names and texts as words that can be shown, and pasted."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from charrnn.words import decimals, printable, quoted, rounded, unescaped, valid

ACTING = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # fmt: skip
ORDINARY = (
    "a é漢\u00a0\u00ad\u061c\u200b\u200c\u200d\u200e\u202f\u3000\ufe0f\ufeff👩\u200d💻\ufffd\udc9b"
)
NAMES = [
    "a.npz",
    "two  blanks",
    "it's",
    "shot\u202fPM",
    "全\u3000角",
    "a\nb\tc",
    "\x1b[2J$x`y`\\n'",
    "\u009b1\u202e2",
    "\udc9b\udcffa",
]


@pytest.mark.parametrize(
    ("number", "told", "signed"),
    [
        (0.0, "0.00", "+0.00"),
        (-0.0, "0.00", "+0.00"),
        (-0.004, "0.00", "+0.00"),
        (-0.006, "-0.01", "-0.01"),
        (12.345678, "12.35", "+12.35"),
        (1234.5, "1234.50", "+1234.50"),  # as programs read it
        (float("nan"), "nan", "+nan"),
        (float("-inf"), "-inf", "-inf"),
    ],
)
def test_decimals(number: float, told: str, signed: str) -> None:
    assert decimals(number, 2) == told
    assert decimals(number, 2, "+") == signed


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (24.0, "24"),
        (9.259, "9.26"),
        (0.04, "0.04"),
        (0.0012, "0.0012"),
        (20_000.0, "20,000"),
        (0.0, "0"),
    ],
)
def test_rounded(number: float, told: str) -> None:
    assert rounded(number) == told


def test_printable() -> None:
    """Nothing acts on a terminal, and what does not is left as it is."""
    for code in ACTING:
        assert printable(chr(code)).isascii()
        assert printable(chr(code)).isprintable()
    assert printable("\x1b[K\n\x9b\u202e") == r"\u001b[K\n\u009b\u202e"
    assert printable("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"
    assert printable(ORDINARY) == ORDINARY
    assert valid("a\ud800\udc9b") == "a\ufffd\ufffd"


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no such shell")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_quoted(name: str) -> None:
    """A shell reads what was meant, out of words that a terminal can bear."""
    assert printable(quoted(name)) == quoted(name)
    told = subprocess.run(
        ["bash", "-c", f"printf %s {quoted(name)}"],
        capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert told.stdout == name.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"\n\t\0", "\n\t\0"),
        (r"\\n", r"\n"),
        (r"\\\n", "\\\n"),
        (r"\q\\", "\\q\\"),
        ("\\", "\\"),
        ("", ""),
    ],
)
def test_unescaped(typed: str, meant: str) -> None:
    assert unescaped(typed) == meant
