"""One self-contained file for a browser: its policy, its style, its script, and data for the script.

It knows nothing of what the page shows. The policy allows the one script that it names by its hash, and
forbids all else, so a page asks no network for anything.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from charrnn.drawing.page.markup import Markup, data_block, element, escaped
from charrnn.version import __version__


def document(
    title: str,
    lead: str,
    sections: Sequence[tuple[str, str, Markup]],
    data: Mapping[str, Any],
) -> str:
    """A page. The same arguments make the same file.

    Args:
        title: Its heading.
        lead: What stands below it.
        sections: Anchor, heading and content of each.
        data: What the script reads, see :func:`packed`.
    """
    script = _own("page.js")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    contents = [element("li", element("a", head, href=f"#{name}")) for name, head, _ in sections]
    return Template(_own("page.html")).substitute(
        name=escaped(title),
        lead=escaped(lead),
        first=escaped(sections[0][0]),
        contents=element("ul", *contents),
        sections=Markup("\n").join(_section(*section) for section in sections),
        data=data_block("data", data),
        allowed=f"'sha256-{digest}'",
        version=escaped(__version__),
        css=_own("page.css"),
        js=script,
    )


def packed(values: Any, kind: str) -> dict[str, str]:
    """Numbers as little-endian bytes in base64; ``kind`` is u1, u2, u4 or f4."""
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
