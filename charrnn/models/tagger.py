"""A tag for each character of a text: many to many, of equal length (Graves, Schmidhuber 2005)."""

from __future__ import annotations

from charrnn.models.network import Network


class Tagger(Network):
    """It reads whole texts, by default from both ends: what a character is may follow from what comes after it."""
