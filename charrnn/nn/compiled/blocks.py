"""The quick twin of an optimiser's work on blocks: one compiled loop each, in which a number stays in its register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from charrnn.nn.blocks import Blocks, Change, tree
from charrnn.nn.compiled import updates
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace


def _rule(kernel: Any) -> Callable[..., None]:
    """A method that hands a block to a kernel, with all numbers in the arrays' precision."""

    def update(
        _self: Blocks,
        w: Array,
        g: Array,
        slots: Sequence[Array],
        average: Array | None,
        change: Change,
        numbers: Sequence[float],
        _workspace: Workspace,
    ) -> None:
        kernel(w, g, *slots, average, *map(w.dtype.type, (*change, *numbers)))

    return update


class CompiledBlocks(Blocks):
    """Agrees with :class:`Blocks` to rounding; the sum of parts bit by bit, its square to rounding."""

    def sum_parts(self, parts: Array, block: slice) -> float:
        return float(updates.sum_parts(parts, tree(len(parts)), block.start, block.stop))

    adam = _rule(updates.adam)
    scaled = _rule(updates.scaled)
    momentum = _rule(updates.momentum)
