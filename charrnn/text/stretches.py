"""Parts of an array one after the other, looked up as if they were an array; nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.integer[Any]]


class Lookup(Protocol):
    """What texts are read from: an array ``(N,)`` of integers, or what answers as one."""

    def __len__(self) -> int: ...
    def __getitem__(self, places: Places, /) -> NDArray[Any]: ...


class Stretches:
    """Some stretches of an array.

    Args:
        ids: ``(N,)``.
        bounds: Where each begins and where it ends, in order.
    """

    def __init__(self, ids: Lookup, bounds: Sequence[tuple[int, int]]) -> None:
        self.bounds = tuple(bounds)
        starts, stops = np.array(bounds, np.int64).reshape(-1, 2).T
        self._ids, self._stops = ids, np.cumsum(stops - starts)
        self._moved = stops - self._stops  # from a place among the stretches to that in the array

    def __len__(self) -> int:
        return int(self._stops[-1]) if len(self._stops) else 0

    def __getitem__(self, places: Places, /) -> NDArray[Any]:
        if len(self._moved) == 1:
            return self._ids[places + self._moved[0]]
        return self._ids[places + self._moved[np.searchsorted(self._stops, places, side="right")]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[np.arange(len(self))], dtype)


class Files:
    """Of each place in a text the number of the file that it is from.

    Args:
        lengths: Of the files, in order.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self._stops = np.cumsum(lengths)

    def __len__(self) -> int:
        return int(self._stops[-1])

    def __getitem__(self, places: Places, /) -> NDArray[Any]:
        return np.searchsorted(self._stops, places, side="right")
