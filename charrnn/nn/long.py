"""One text that is too long to be kept whole: a level at a time, chunk after chunk, and exactly what the whole gives."""

from __future__ import annotations

import numpy as np

from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace


def forward_in_chunks(
    stack: Stack, params: Parameters, x: Array | Ids, steps: int, workspace: Workspace
) -> tuple[Array, Array]:
    """As :meth:`Stack.forward` from the zero state, of texts without padding; not to go back from.

    What each level makes of the text is stored, since the level above reads it in both directions; of all else, such as gates, one chunk
    is held at a time.

    Args:
        x: Dense ``(input_size, T, B)``, or ids ``(T, B)``.
        steps: Of a chunk.
    """
    *_, T, B = x.shape
    state = np.zeros(stack.state_shape(B), workspace.dtype)
    starts = range(0, T, steps)
    if not stack.bidirectional:
        h = np.empty((stack.output_size, T, B), workspace.dtype)
        for start in starts:
            now = slice(start, start + steps)
            h[:, now], state = stack.forward(params, x[..., now, :], state, workspace)
        return h, state
    for rows in stack.levels:
        h = np.empty((stack.output_size, T, B), workspace.dtype)
        for row, half in zip(rows, np.split(h, len(rows)), strict=True):
            layer = stack.layers[row]
            own = workspace.child(layer.name)
            backwards = row != rows[0]
            for start in reversed(starts) if backwards else starts:
                now = slice(start, start + steps)
                order = slice(None, None, -1 if backwards else 1)
                part = np.ascontiguousarray(x[..., now, :][..., order, :])
                read, state[row] = layer.forward(params, part, state[row], own)
                half[:, now] = read[:, order]
        x = h
    return h, state
