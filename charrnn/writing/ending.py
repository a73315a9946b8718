"""Where a written text ends."""

from __future__ import annotations

import math

from charrnn.config import SamplingConfig


class Ending:
    """Finds where a text ends, as it comes: by its length, its lines, or the strings that it stops after.

    ``end`` is one more such string, that ends a record; empty for a running text. ``reached`` tells whether
    the end has been found.
    """

    def __init__(self, config: SamplingConfig, end: str = "") -> None:
        self._left = math.inf if config.length is None else config.length
        self._lines = config.until_lines or math.inf
        self._stop = (*config.stop, end) if end else config.stop
        self._before = ""
        self.reached = self._left == 0

    def cut(self, piece: str) -> str:
        """What of the next characters is still a part of the text."""
        end = min(self._left, len(piece))
        if self._lines <= piece.count("\n"):
            after_lines = [place for place, symbol in enumerate(piece, 1) if symbol == "\n"]
            end = min(end, after_lines[int(self._lines) - 1])
        seen = self._before + piece
        for stop in self._stop:
            place = seen.find(stop)
            if place >= 0:
                end = min(end, place + len(stop) - len(self._before))
        kept = piece[: int(end)]
        self._left -= len(kept)
        self._lines -= kept.count("\n")
        self.reached = len(kept) < len(piece) or not self._left or not self._lines
        if self._stop:
            self.reached |= (self._before + kept).endswith(self._stop)
            self._before = (self._before + kept)[-max(map(len, self._stop)) :]
        return kept
