"""Spans: what runs of tags mean together, such as words, names, parts in capitals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BEGIN, INSIDE = "B", "I"
NOTHING = -1  # of a tag outside of any span
BORDER = -2  # between texts


class Scheme:
    """How tags make spans.

    Where there are the tags ``B`` and ``I``, or some that begin with ``B-``, spans begin with B, go on with I, and other tags are outside of
    any (IOB2; Ramshaw, Marcus 1995); an I that goes on with nothing begins a span, too. Else a span is a run of equal tags.

    Args:
        iob: Whether it is the first way, where the names are not to tell.

    Attributes:
        kinds: What a span can be.
    """

    def __init__(self, names: Sequence[str], iob: bool | None = None) -> None:
        named = {BEGIN, INSIDE} <= {*names} or any(name.startswith("B-") for name in names)
        self.iob = named if iob is None else iob
        if self.iob:
            parts = [name.split("-", 1) for name in names]
            found = [part[-1] if part[0] in (BEGIN, INSIDE) else None for part in parts]
            found = [
                BEGIN if part == [INSIDE] else kind for part, kind in zip(parts, found, strict=True)
            ]
            begins = [part[0] == BEGIN for part in parts]
        else:
            found, begins = list(names), [False] * len(names)
        self.kinds = tuple(dict.fromkeys(kind for kind in found if kind is not None))
        places = {kind: place for place, kind in enumerate(self.kinds)}
        numbers = [NOTHING if kind is None else places[kind] for kind in found]
        # One more stands for the borders between texts.
        self._kinds, self._begins = np.array([*numbers, BORDER]), np.array([*begins, False])

    def spans(self, tags: NDArray[np.integer]) -> NDArray[np.intp]:
        """``(N, 3)``: where each span begins and ends, and its kind; a tag of ``-1`` is a border that no span goes over."""
        kind, begins = self._kinds[tags], self._begins[tags]
        changes = np.append(True, kind[1:] != kind[:-1]) | begins
        starts = np.flatnonzero(changes)
        stops = np.append(starts[1:], len(tags))
        found = np.stack([starts, stops, kind[starts]], axis=1) if len(tags) else np.empty((0, 3))
        return found[found[:, 2] >= 0].astype(np.intp)
