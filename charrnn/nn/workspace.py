"""Memory that the parts of a model borrow, so that their large arrays are allocated once."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import DTypeLike

from charrnn.nn.parameters import Array

_LINE = 16  # numbers: a cache line of float32


def _aligned(size: int, dtype: DTypeLike) -> Array:
    """Memory that begins with a cache line: vectors that lie across two take twice as long to load."""
    line = _LINE * 4
    memory = np.empty(size * np.dtype(dtype).itemsize + line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : memory.size - line + start].view(dtype)


def units_together(x: Array) -> bool:
    """Whether the features of one step, of ``(features, …)``, lie side by side in memory, as in a compiled stack's.

    Else those of one feature do.
    """
    return x.strides[0] == x.itemsize


class Scratch:
    """Arrays for a moment, without names: what is taken in a ``with`` block is given up at its end.

        with scratch:
            Wh = scratch.array(4 * H, B)

    Blocks may stand in blocks. Their arrays lie one after the other in one piece of memory, which
    becomes as large as what was ever needed at once.
    """

    def __init__(self, dtype: DTypeLike = np.float32) -> None:
        self._memory = np.empty(0, dtype)
        self._used = self._needed = 0
        self._starts: list[int] = []

    def __enter__(self) -> Scratch:  # noqa: PYI034
        if not self._starts and self._needed > self._memory.size:
            self._memory = self._memory[:0].copy()  # let go of the old memory first
            self._memory = _aligned(self._needed, self._memory.dtype)
        self._starts.append(self._used)
        return self

    def __exit__(self, *_: object) -> None:
        self._used = self._starts.pop()

    def array(self, *shape: int) -> Array:
        """A C-contiguous array with undefined contents, for as long as the ``with`` block lasts."""
        if not self._starts:
            raise RuntimeError("scratch is taken in a with block")
        start, stop = self._used, self._used + prod(shape)
        self._used = -(-stop // _LINE) * _LINE
        self._needed = max(self._needed, self._used)
        if stop > self._memory.size:  # the first time
            return _aligned(stop - start, self._memory.dtype).reshape(shape)
        return self._memory[start:stop].reshape(shape)


class Workspace:
    """What a part of a model keeps from its forward pass for its backward pass, under names.

    Each part has a workspace of its own, so no name means anything to another. Memory is allocated at
    its largest size and reused. Two threads need two workspaces. ``scratch`` is for what need not be
    kept; all parts of a model share it.
    """

    def __init__(self, dtype: DTypeLike = np.float32, scratch: Scratch | None = None) -> None:
        self.dtype = np.dtype(dtype)
        self.scratch = scratch or Scratch(dtype)
        self._memory: dict[str, Array] = {}
        self._views: dict[str, Array] = {}
        self._children: dict[str, Workspace] = {}

    def array(self, name: str, *shape: int, like: Array | None = None) -> Array:
        """An array with undefined contents; the same memory each time it is asked.

        It is C-contiguous, or lies in memory as ``like`` does, see :func:`units_together`.
        """
        together = like is not None and units_together(like)
        view = self._views.get(name)
        if view is not None and view.shape == shape:
            lies_so = (np.moveaxis(view, 0, -1) if together else view).flags.c_contiguous
            if lies_so:
                return view
        size = prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = self._memory[name] = _aligned(size, self.dtype)
        if together:
            features, *others = shape
            view = np.moveaxis(memory[:size].reshape(*others, features), -1, 0)
        else:
            view = memory[:size].reshape(shape)
        self._views[name] = view
        return view

    def remember(self, **arrays: Array) -> None:
        """Keep arrays that were made elsewhere under a name."""
        self._views.update(arrays)

    def forget(self, name: str) -> None:
        """Let ``name`` be absent until it is asked for again."""
        self._views.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self._views

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def get(self, name: str) -> Array | None:
        """What is kept under a name, if anything is."""
        return self._views.get(name)

    def child(self, name: str) -> Workspace:
        """The workspace of a part, made at the first call."""
        if name not in self._children:
            self._children[name] = Workspace(self.dtype, self.scratch)
        return self._children[name]
