"""Pages that were made: parsed, checked for what has to hold of each, and opened in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

LABELABLE = ("button", "input", "meter", "output", "progress", "select", "textarea")
VOID = {"br", "img", "input", "link", "meta", "line", "path", "rect"}


@dataclass
class Element:
    """Of a parsed page."""

    name: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    def all(self, name: str | None = None) -> Iterator[Element]:
        """Every element below this one, in their order."""
        for child in self.children:
            if isinstance(child, Element):
                if name in (None, child.name):
                    yield child
                yield from child.all(name)

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)

    def by_id(self, name: str) -> Element:
        (found,) = [each for each in self.all() if each.attributes.get("id") == name]
        return found


class Parser(HTMLParser):
    """Reads a page, and fails where a tag is not closed or closes another."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(page)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        made = Element(tag, dict(attrs))
        self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def check(whole: str) -> Element:
    """What has to hold of every page."""
    root = Parser(whole).root
    everything = list(root.all())
    (html,) = root.all("html")
    assert html.attributes["lang"] == "en"
    names = [each.attributes["id"] for each in everything if "id" in each.attributes]
    assert len(names) == len(set(names))
    for each in everything:
        for key, value in each.attributes.items():
            if key in ("href", "src", "action", "data", "poster", "srcset"):
                assert (value or "").startswith("#")
                assert (value or "")[1:] in names
            if key in ("aria-labelledby", "aria-describedby", "for"):
                assert value in names
            assert not key.startswith("on")
        if each.name == "svg":
            assert each.attributes["role"] == "img"
            title = root.by_id(str(each.attributes["aria-labelledby"]))
            words = root.by_id(str(each.attributes["aria-describedby"]))
            assert title.text
            assert len(words.text) > 20
            assert not re.search(r"nan|inf\b", str(each.attributes) + each.text)
        assert not re.search(r"\b(nan|inf)\b", each.attributes.get("d") or "")
    assert "url(" not in whole
    assert "@import" not in whole
    levels = [int(each.name[1]) for each in everything if re.fullmatch("h[1-6]", each.name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(1) == 1
    # A label is that of the first thing in it that can have one, and an output can, too.
    inside = [[e for e in label.all() if e.name in LABELABLE] for label in root.all("label")]
    labelled = [first for first, *_ in inside]
    assert all(each in labelled for each in everything if each.name in ("input", "select"))

    # The policy lets one script run, that of the page.
    data, script = root.all("script")
    assert data.attributes == {"type": "application/json", "id": "data"}
    (policy,) = [e for e in root.all("meta") if "http-equiv" in e.attributes]
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert policy.attributes["content"] == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    return root


def data_in(root: Element) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(root.by_id("data").text, parse_constant=pytest.fail)
    return found


def numbers(packed: dict[str, str]) -> Any:
    return np.frombuffer(base64.b64decode(packed["bytes"]), f"<{packed['type']}")


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
