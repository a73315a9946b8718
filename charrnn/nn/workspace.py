"""Memory that layers borrow, so that their large arrays are allocated once."""

from __future__ import annotations

from math import prod
from types import ModuleType

import numpy as np
from numpy.typing import DTypeLike

from charrnn.nn.parameters import Array


class Workspace:
    """Named scratch arrays, allocated at their largest size and reused.

    A layer's forward pass asks for its buffers with :meth:`array`; its backward pass finds what
    was saved with ``workspace["name"]``. Two threads need two workspaces.

    Attributes:
        scratch: The workspace that all parts of a model share, for arrays that are given up before
            another part takes its turn.
        kernels: The compiled steps, :mod:`charrnn.nn.compiled.kernels`, where the cells are to use them.
    """

    def __init__(
        self,
        dtype: DTypeLike = np.float32,
        kernels: ModuleType | None = None,
        scratch: Workspace | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.kernels = kernels
        self.scratch = scratch or self
        self._memory: dict[str, Array] = {}
        self._views: dict[str, Array] = {}
        self._children: dict[str, Workspace] = {}

    def array(self, name: str, *shape: int) -> Array:
        """A C-contiguous array with undefined contents; the same memory each time it is asked."""
        view = self._views.get(name)
        if view is not None and view.shape == shape:
            return view
        size = prod(shape)
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = self._memory[name] = np.empty(size, self.dtype)
        view = self._views[name] = memory[:size].reshape(shape)
        return view

    def remember(self, **arrays: Array) -> None:
        """Keep arrays that were made elsewhere under a name, for the backward pass."""
        self._views.update(arrays)

    def forget(self, name: str) -> None:
        """Let ``name`` be absent until it is asked for again."""
        self._views.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self._views

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def child(self, name: str) -> Workspace:
        """The workspace of a part, made at the first call."""
        if name not in self._children:
            self._children[name] = Workspace(self.dtype, self.kernels, self.scratch)
        return self._children[name]
