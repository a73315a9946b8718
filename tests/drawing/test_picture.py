"""Every block that a picture can be made of."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from figures import CHARACTERS, HOSTILE, PICTURED, blocks, figure

from charrnn.drawing.figure import Figure, Words
from charrnn.errors import InputError

pytest.importorskip("matplotlib")
picture = pytest.importorskip("charrnn.drawing.picture")

SVG = "{http://www.w3.org/2000/svg}"
SINGLE = [block for block in blocks() if isinstance(block, PICTURED)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_hostile_strings(encoding: str) -> None:
    """No formula, no markup, and nothing that XML cannot hold; what it shows is told."""
    root = ET.fromstring(picture.render(figure(encoding), "svg"))
    told = [root.find(f"{SVG}{name}") for name in ("title", "desc")]
    assert [one is not None and (one.text or "")[:25] for one in told] == [
        r"a\u001b]0;x\u0007\u009b2J"
    ] * 2
    words = [text for one in root.iter(f"{SVG}text") for text in one.itertext()]
    assert any("<b>$x_{$ & [red]" in text for text in words)
    assert not {c for text in words for c in text if not c.isprintable() and c not in "\n"}
    assert not set(HOSTILE + CHARACTERS) & {"\ufffd"}
    assert ("e9h" in words) == (encoding == "latin-1")


@pytest.mark.parametrize("number", range(len(SINGLE)))
def test_one_block(number: int) -> None:
    """Each by itself; the same picture is the same file."""
    one, again = (
        picture.render(replace(figure(), picture=[SINGLE[number]]), "svg") for _ in range(2)
    )
    assert one == again
    assert one.count(b"<path ") > 3


def test_metadata_of_png() -> None:
    data = picture.render(replace(figure(), title="It rises", picture=SINGLE[1:3]), "png")
    assert data.startswith(b"\x89PNG")
    assert b"It rises" in data


def test_none() -> None:
    """Said in the figure's own words."""
    with pytest.raises(InputError, match="nothing varies"):
        picture.render(Figure("", (), {}, no_picture="nothing varies"), "png")
    with pytest.raises(TypeError, match="no way to draw Words"):
        picture.render(Figure("", (), {}, picture=[Words("a")]), "png")
