"""What stands in for a character that a vocabulary lacks: one that looks or means much the same, or nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cached_property

PLAIN = {
    **dict.fromkeys("`´ʹʻʼʽʾʿˈ‘’‚‛′‵‹›❛❜", "'"),
    **dict.fromkeys("ʺ˝“”„‟″‶«»〝〞〟❝❞「」『』", '"'),
    **dict.fromkeys("‐‑‒–—―⁃−➖", "-"),
    **dict.fromkeys("•‣∗", "*"),
    **dict.fromkeys("·‧∙⋅", "."),
    **dict.fromkeys("⁄∕÷", "/"),
    **dict.fromkeys("˜∼〜", "~"),
    **{"ˆ": "^", "¦": "|", "‖": "|", "×": "x", "¡": "!", "¿": "?", "≠": "!="},
    **{"。": ".", "、": ",", "〈": "<", "〉": ">", "【": "[", "】": "]"},
    **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "TH"},
    **{"ð": "d", "Ð": "D", "ŋ": "n", "Ŋ": "N", "ı": "i", "ȷ": "j", "ĸ": "k"},
}
"""Plainer forms of signs and letters of which Unicode does not tell any."""

BROKEN, UNTOLD, BLANK = "\N{REPLACEMENT CHARACTER}", "?", " "


def plainer(character: str) -> str:
    """The next plainer form of a character: one or several, none for marks, or itself if there is none.

    It is what Unicode says to be compatible with it, or its letter without what its name says it is "with" (a
    stroke, a hook). No space is a tab or a line feed.
    """
    if character in PLAIN:
        return PLAIN[character]
    if character.isspace():
        return BLANK
    category = unicodedata.category(character)
    if category[0] == "M" or category == "Cf":
        return ""
    parts = unicodedata.normalize("NFKD", character)
    letter, with_, _ = unicodedata.name(character, "").partition(" WITH ")
    if parts == character and with_:
        try:
            return unicodedata.lookup(letter)
        except KeyError:
            pass
    return parts


def forms(character: str) -> Iterator[str]:
    """A character's forms, from itself to the plainest."""
    form, before = character, ""
    while form != before:
        yield form
        form, before = "".join(map(plainer, form)), form


class StandIns:
    """What stands in for characters that are none of ``characters``."""

    def __init__(self, characters: str) -> None:
        self._known = frozenset(characters)

    def __call__(self, character: str) -> str:
        """Known characters for one that is not, never a line feed; none where there are none.

        What has no similar one is told by U+FFFD or a question mark, if it could be read, or by a space.
        """
        similar = self.similar(character)
        if similar is not None:
            return similar
        readable = unicodedata.category(character)[0] in "LNS"
        untold = BROKEN + UNTOLD * readable + BLANK
        return next((c for c in untold if c in self._known), "")

    def similar(self, character: str) -> str | None:
        """Similar ones: a plainer form, such a form in the other case, or else finer forms of the plainest."""
        ways: tuple[Callable[[str], str], ...] = (str, self._other_case, self._finer)
        for way in ways:
            for form in forms(character):
                found = [c if c in self._known else way(c) for c in form]
                if self._known.issuperset(found):
                    return "".join(found)
        return None

    def _other_case(self, character: str) -> str:
        return character.swapcase()

    def _finer(self, character: str) -> str:
        return self._finest.get(character, character)

    @cached_property
    def _finest(self) -> dict[str, str]:
        """The first known character of those that have the same plainest one; closing quotes before opening ones,
        since they are apostrophes too."""
        order = sorted(self._known, key=lambda c: (unicodedata.category(c) != "Pf", c))
        found = {[*forms(c)][-1]: c for c in reversed(order) if unicodedata.category(c) != "Cc"}
        return {**found, **{c: c for c in found.values()}}
