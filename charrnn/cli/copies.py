"""What a written text copies, as it is told by ``charrnn sample --novelty``."""

from __future__ import annotations

import json
from typing import Any

from charrnn.config import TextConfig
from charrnn.text.source import Source
from charrnn.words import in_json, printable
from charrnn.writing.novelty import RUN, Novelty

SHOWN = 60  # characters of a copied span


def in_words(novelty: Novelty, config: TextConfig, seed: int) -> str:
    """A line for standard error; the seed tells which text it is about."""
    about = f"novelty (seed {seed}):"
    if novelty.whole:
        return (
            f"{about} the whole record is in {Source(str(novelty.source))}, line {novelty.line:,}"
        )
    if config.records:
        about += " the record as a whole is new;"
    if not config.records or novelty.characters >= RUN:
        size = f"{novelty.characters:,} {config.unit}s"
        about += f" {novelty.share:.1%} of {size} are in copied runs of over {RUN - 1};"
    if novelty.source is None:
        return f"{about} not one is known"
    span = in_json(novelty.span, config.encoding)
    shown = span if len(span) <= SHOWN else f"{span[: SHOWN - 1]}…"
    return (
        f"{about} the longest run, {len(novelty.span):,}, is in {Source(novelty.source)}, "
        f"line {novelty.line:,}: {printable(json.dumps(shown, ensure_ascii=False))}"
    )


def as_fields(novelty: Novelty, config: TextConfig) -> dict[str, Any]:
    """For an object of JSON."""
    return {
        "copied": round(novelty.share, 6),
        "longest": len(novelty.span),
        "span": in_json(novelty.span, config.encoding),
        "start": novelty.start,
        "file": novelty.source,
        "line": novelty.line,
        **({"whole": novelty.whole} if config.records else {}),
    }
