"""What stands in for unknown characters."""

from __future__ import annotations

import string
import unicodedata

import pytest

from charrnn.errors import UnknownCharacterError
from charrnn.text.standins import StandIns, forms
from charrnn.text.vocabulary import Vocabulary

TYPED = string.digits + string.ascii_letters + string.punctuation + " \n"


@pytest.mark.parametrize(
    ("known", "unknown", "expected"),
    [
        ("?Eae", "é", "e"),  # without its accent
        ("?aé", "É", "é"),  # the other case
        ("?Eab", "é", "E"),  # both
        ("e\u0301", "é", "e\u0301"),  # a vocabulary of decomposed text
        ("?ab ", "ß", "?"),
        ("?ab\ufffd", "ß", "\ufffd"),
        ("ab ", "☃", " "),
        ("xyz", "☃", ""),
        ("\nxyz", "☃", ""),  # never a line feed
        ("\nxyz", " ", ""),
        ("\nxyz\t", " ", ""),  # nor a tab, which could begin a column
        ("xyz", "\n", ""),
        ("abs", "ß", "ss"),
        ("ABS", "ß", "SS"),
        ("’“”", "'", "’"),  # the other way round
        ("’“”", '"', "”"),
        ("?–", "-", "–"),
        ("?–", "—", "–"),
        ("?«»", "„", "»"),
        ("?\u3000", "\t", "\u3000"),
        ("?Ａ", "a", "?"),
        ("?ａ", "a", "ａ"),
        ("?a", "’", ""),  # no question mark for what only parts words
        ("?a ", "—", " "),
        ("?a", "\x1b", ""),
    ],
)  # fmt: skip
def test_what_stands_in(known: str, unknown: str, expected: str) -> None:
    """The nearest that is known: plainer, of the other case, as plain, or nothing of the kind."""
    assert Vocabulary(known).known(unknown, "replace") == expected


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        *((c, "'") for c in "\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u02bc"),
        *((c, '"') for c in "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"),
        *((c, "-") for c in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d"),
        *((c, " ") for c in "\t\v\f\r\x1c\x85\xa0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000"),
        *((c, "") for c in "\u00ad\u200b\u200c\u200d\u200e\u2060\ufe0f\ufeff\u0301"),
        ("\u2026", "..."), ("\u2025", ".."), ("\u3002", "."), ("\u00bd", "1/2"), ("\u2122", "TM"),
        ("\ufb03", "ffi"), ("\uff21", "A"), ("\u00d7", "x"), ("\u00bf", "?"), ("\u2260", "!="),
        *zip("øØłŁđħŧıǿſƒ", "oOlLdhtiosf", strict=True),
        ("æ", "ae"), ("Æ", "AE"), ("œ", "oe"), ("ß", "ss"), ("ẞ", "SS"), ("þ", "th"), ("ð", "d"),
        ("字", "?"), ("€", "?"), ("😀", "?"),
    ],
)  # fmt: skip
def test_what_can_be_typed_stands_in(unknown: str, expected: str) -> None:
    assert StandIns(TYPED)(unknown) == expected


def test_every_character_has_a_plainest_form() -> None:
    """Which is soon reached, and no line feed."""
    for code in range(0x30000):  # what lies beyond has no other forms
        character = chr(code)
        found = [form for _, form in zip(range(9), forms(character), strict=False)]
        assert len(found) < 9, hex(code)
        assert "\n" not in "".join(found[1:])
        if unicodedata.category(character) == "Zs":
            assert found[-1] == " "


def test_lines_of_unknown_characters() -> None:
    """Those of the first line that has any are named, with the line unless it is the only one."""
    vocabulary, told = Vocabulary("ab\n"), "not in the model's vocabulary: "
    advice = '; add unknown="skip" or unknown="replace"'

    def message(text: str, line: int = 0) -> str:
        with pytest.raises(UnknownCharacterError) as caught:
            vocabulary.known(text, where="a.txt", line=line)
        return str(caught.value)

    x, y, z = "'x' (U+0078)", "'y' (U+0079)", "'z' (U+007A)"
    assert message("axb") == f"a.txt: {told}{x}{advice}"
    assert message("axb", line=7) == f"a.txt, line 7: {told}{x}{advice}"
    assert message("a\nxzx\n\nyx\n") == f"a.txt, line 2: {told}{x}, {z}{advice}"
    assert message("a\nb\ny", line=3) == f"a.txt, line 5: {told}{y}{advice}"
