"""The page: its sections, what its script needs, and its style, put into ``page.html``."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import PurePath
from string import Template
from typing import Any

import numpy as np

from charrnn.cli.report import sections, theory
from charrnn.cli.report.measured import Report, Watched
from charrnn.cli.report.parts import Section
from charrnn.cli.report.words import features_in_words, named, prime_in_words
from charrnn.drawing.page.markup import Markup, data_block, element, escaped, joined
from charrnn.inspection.surprise import Surprise
from charrnn.version import __version__


def page(report: Report) -> str:
    """The whole file. The same model and text make the same file."""
    script = _own("page.js")
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    parts = _sections(report)
    contents = [element("li", element("a", part.title, href=f"#{part.name}")) for part in parts]
    return Template(_own("page.html")).substitute(
        name=escaped(PurePath(report.card["checkpoint"]).name),
        lead=sections.lead(report),
        held=sections.held(report),
        contents=element("ul", *contents),
        sections=Markup("\n").join(_section(part) for part in parts),
        data=data_block("data", _data(report)),
        allowed=f"'sha256-{digest}'",
        version=escaped(__version__),
        css=_own("page.css"),
        js=script,
    )


def _sections(report: Report) -> list[Section]:
    """In their order."""
    return [
        Section("model", "The model", sections.model_section(report)),
        Section("surprise", "What surprises it", sections.surprise_section(report)),
        Section("following", "What comes next", sections.following_section(report)),
        Section("units", "What its units do", sections.units_section(report)),
        Section("gates", "Its gates", theory.gates_section(report)),
        Section("gradients", "How far back it learns", theory.gradients_section(report)),
        Section("weights", "Its weights", theory.weights_section(report)),
        Section("characters", "Characters that it treats alike", theory.characters_section(report)),
    ]


def _own(name: str) -> str:
    """A file of this package."""
    return files("charrnn.drawing.page").joinpath(name).read_text(encoding="utf-8")


def _section(part: Section) -> Markup:
    heading = element("h2", part.title, id=f"{part.name}-title")
    return element(
        "section", heading, joined(part.body), id=part.name, aria_labelledby=f"{part.name}-title"
    )


def _data(report: Report) -> dict[str, Any]:
    """What the script reads."""
    vocabulary, encoding = report.card["vocabulary"], report.kind.encoding
    ids = {character: number for number, character in enumerate(vocabulary)}
    following = [] if isinstance(report.following, str) else report.following
    surprise = report.surprise
    return {
        "unit": report.kind.unit,
        "names": [named(character, encoding) for character in vocabulary],
        "characters": _packed([ids[character] for character in report.text], "u4"),
        "surprise": _surprise(surprise, ids) if isinstance(surprise, Surprise) else None,
        "units": [_unit(watched) for watched in report.units],
        "following": [
            {
                "prime": prime_in_words(found.prime, encoding),
                # Scores up to a constant, which the softmax takes away.
                "scores": _packed(_log(found.probabilities[_plain(found.temperatures)]), "f4"),
            }
            for found in following
        ],
    }


def _plain(temperatures: tuple[float, ...]) -> int:
    """Which distribution is the model's own."""
    return temperatures.index(1.0)


def _log(probabilities: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def _surprise(found: Surprise, ids: dict[str, int]) -> dict[str, Any]:
    """Bits in hundredths, chances in 65535ths."""
    hundredths = [
        np.clip(np.rint(100 * values), 0, 65535) for values in (found.bits, found.entropy)
    ]
    return {
        "bits": _packed(hundredths[0], "u2"),
        "entropy": _packed(hundredths[1], "u2"),
        "guesses": _packed([ids[c] for guesses in found.guesses for c in guesses], "u4"),
        "chances": _packed(np.rint(65535 * found.probabilities).ravel(), "u2"),
    }


def _unit(watched: Watched) -> dict[str, Any]:
    return {
        "name": str(watched.unit),
        "features": features_in_words(watched),
        "from": watched.scale.low,
        "to": watched.scale.high,
        "low": watched.low,
        "high": watched.high,
        "values": _packed(watched.values, "u1"),
    }


def _packed(values: Any, kind: str) -> dict[str, str]:
    """Numbers as little-endian bytes in base64."""
    data = np.asarray(values).astype(f"<{kind}").tobytes()
    return {"type": kind, "bytes": base64.b64encode(data).decode("ascii")}
