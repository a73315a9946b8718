"""One self-contained file for a browser: its policy, its style, its script, and data for the script.

It knows nothing of what the page shows. The policy allows the one script that it names by its hash, and
forbids all else, so a page asks no network for anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from charrnn.drawing.page.markup import Markup, data_block, element, escaped
from charrnn.version import __version__

NOTHING = Markup()


@dataclass(frozen=True)
class Inset:
    """A part of a page, with the script that it lives by.

    Attributes:
        link: The anchor of its beginning, and words for a link to it.
        content: What is seen, with anchors that no other part has.
        data: What the script reads, in the element ``data``, under names that no other part has; see :func:`packed`.
        style: Beside that of every page.
        script: What runs, leaving no names behind.
    """

    link: tuple[str, str]
    content: Markup
    data: Mapping[str, Any]
    style: str
    script: str


@dataclass(frozen=True)
class Page:
    """What a page is made of; text is escaped, markup is not.

    Attributes:
        title: What the window is called.
        heading: What stands at the top.
        lead: What stands below it.
        skip: The anchor of what is to be reached first, and words for the link to it.
        parts: All else, one below the other. Their scripts are the only ones that the page may run.
        beneath: What stands below the choice of colours, above the parts.
    """

    title: str
    heading: str
    lead: str
    skip: tuple[str, str]
    parts: Sequence[Inset]
    beneath: Markup = NOTHING


def assembled(page: Page) -> str:
    """A page as a file. The same parts make the same file."""
    script = "".join(part.script for part in page.parts)
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    anchor, words = page.skip
    return Template(_own("page.html")).substitute(
        title=escaped(page.title),
        name=escaped(page.heading),
        lead=escaped(page.lead),
        skip=element("a", words, class_="skip", href=f"#{anchor}"),
        beneath=page.beneath,
        main=Markup("\n".join(part.content for part in page.parts)),
        data=data_block(
            "data", {name: each for part in page.parts for name, each in part.data.items()}
        ),
        allowed=f"'sha256-{digest}'",
        version=escaped(__version__),
        css=_own("page.css") + "".join(part.style for part in page.parts),
        js=script,
    )


def document(
    title: str,
    lead: str,
    sections: Sequence[tuple[str, str, Markup]],
    data: Mapping[str, Any],
    also: Sequence[Inset] = (),
) -> str:
    """A page of sections, with links to them. The same arguments make the same file.

    Args:
        title: Its heading.
        lead: What stands below it.
        sections: Anchor, heading and content of each.
        data: What the script reads.
        also: What comes after the sections.
    """
    links = [*((name, head) for name, head, _ in sections), *(part.link for part in also)]
    contents = [element("li", element("a", head, href=f"#{name}")) for name, head in links]
    skip = (sections[0][0], "Skip to the first view")
    views = Markup("\n".join(_section(*section) for section in sections))
    return assembled(
        Page(
            title=f"{title}: inside a charrnn model",
            heading=title,
            lead=lead,
            skip=skip,
            parts=[Inset(skip, views, data, "", _own("page.js")), *also],
            beneath=Markup(f'<nav aria-label="Views">\n{element("ul", *contents)}\n</nav>\n'),
        )
    )


def packed(values: Any, kind: str) -> dict[str, str]:
    """Numbers as little-endian bytes in base64; ``kind`` is i1, u1, u2, u4, f2 or f4."""
    data = np.asarray(values).astype(f"<{kind}").tobytes()
    return {"type": kind, "bytes": base64.b64encode(data).decode("ascii")}


def _section(name: str, heading: str, content: Markup) -> Markup:
    title = f"{name}-heading"
    return element(
        "section", element("h2", heading, id=title), content, id=name, aria_labelledby=title
    )


def _own(name: str) -> str:
    """A file of this package."""
    return files("charrnn.drawing.page").joinpath(name).read_text(encoding="utf-8")
