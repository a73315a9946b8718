"""Steps of texts side by side, each of all layers in one compiled call: to write, not to learn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.normalized import (
    NormalizedGRU,
    NormalizedLSTM,
    NormalizedReLURNN,
    NormalizedRNN,
)
from charrnn.nn.cells.rnn import RNN, ReLURNN
from charrnn.nn.compiled import normalized_steps, steps
from charrnn.nn.compiled.products import MOST_VECTORS
from charrnn.nn.compiled.vectors import BYTES
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack

STEPS: dict[type[Cell], Callable[..., None]] = {
    LSTM: steps.step_lstm,
    GRU: steps.step_gru,
    RNN: partial(steps.step_rnn, False),
    ReLURNN: partial(steps.step_rnn, True),
    NormalizedLSTM: normalized_steps.step_lstm,
    NormalizedGRU: normalized_steps.step_gru,
    NormalizedRNN: partial(normalized_steps.step_rnn, False),
    NormalizedReLURNN: partial(normalized_steps.step_rnn, True),
}
"""The compiled step of each cell that has one."""


class CompiledStepper:
    """Agrees with :class:`charrnn.models.stepper.Stepper` to rounding, and has its attributes.

    Args:
        params: Read once, when the object is made.
        by_character: ``(n*H, K)``, what the first layer makes of each character, without its bias.
        state: ``(L, states, H, B)``; copied.
    """

    def __init__(
        self, stack: Stack, readout: Readout, params: Parameters, by_character: Array, state: Array
    ) -> None:
        if params.flat.dtype != state.dtype:
            raise TypeError("parameters and state have not one type of numbers")
        V = self._vector = BYTES // state.dtype.itemsize
        self._step = STEPS[stack.cell]
        if stack.bidirectional:
            raise ValueError("who looks ahead cannot read one character at a time")
        own = [layer.own(params) for layer in stack.layers]
        rows, H = len(stack.cell.rows), stack.hidden_size
        self._padded = -(-H // V) * V
        wide = V * rows if rows > 1 else MOST_VECTORS * V
        # A row for each character, then one for each further layer.
        self._normalized = stack.cell.normalized
        biases = [np.zeros_like(layer["b"]) if self._normalized else layer["b"] for layer in own]
        beside = [by_character.T + biases[0], *(bias[None] for bias in biases[1:])]
        table = np.concatenate(beside).reshape(-1, rows, H)
        if "d" in own[0]:  # another block
            d = np.stack([layer["d"] for layer in own])
            d = np.concatenate([np.repeat(d[:1], by_character.shape[1], axis=0), d[1:]])
            table = np.concatenate([table, d[:, None]], axis=1)
        self._table = np.ascontiguousarray(self._filled_up(table).reshape(len(table), -1))
        if self._normalized:
            by_layer = (
                np.stack([layer[name].reshape(rows, H) for layer in own]) for name in ("gain", "b")
            )
            self._norm = H, *(self._filled_up(a).reshape(len(own), -1) for a in by_layer)
        panels = []
        for index, layer in enumerate(own):
            blocks = [layer[name].reshape(rows, H, H) for name in ("UW" if index else "W")]
            M = np.concatenate(
                [self._filled_up(self._filled_up(block), 1) for block in blocks], axis=2
            )
            # To ``(K, n*padded)``, with the vectors of all gates side by side.
            by_vector = M.reshape(rows, -1, V, M.shape[2]).transpose(3, 1, 0, 2)
            panels += _panels(by_vector.reshape(M.shape[2], -1), wide)
        weights, c = readout.own(params).values()
        read_out = self._filled_up(self._filled_up(weights), 0)
        panels += _panels(read_out.T, MOST_VECTORS * V)
        self._P = np.concatenate(panels)[None]
        self._c, self._symbols = self._filled_up(c[None]), len(c)
        self._begin(state)

    def _filled_up(self, a: Array, axis: int = -1) -> Array:
        """With zeros, to whole vectors."""
        widths = [(0, 0)] * a.ndim
        widths[axis] = (0, -a.shape[axis] % self._vector)
        return np.pad(a, widths)

    def _begin(self, state: Array) -> None:
        L, states, H, B = state.shape
        padded, V, dtype = self._padded, self._vector, state.dtype
        # A row is longer by a vector, because lengths that are a power of two make cache lines collide. The
        # last row is there because a product may read from a column on.
        self._rows = np.zeros((states, B + 1, L * padded + V), dtype)
        by_layer = self._rows[:, :B, : L * padded].reshape(states, B, L, padded)
        self.state = by_layer[..., :H].transpose(2, 0, 3, 1)
        self.state[...] = state
        self._ids = np.empty(B, np.intp)
        if self._normalized:  # all of a layer
            self._z = np.empty((B, 6 * padded + V), dtype)
            self._found = np.empty((B, 8), dtype)
        else:
            self._z = np.empty((B, 7 * V), dtype)
        self._new = np.empty((B, padded + V), dtype)
        self._logits = np.empty((B, self._c.shape[1]), dtype)

    def step(self, ids: Ids) -> Array:
        """As :meth:`charrnn.models.stepper.Stepper.step`."""
        self._ids[...] = ids
        L, padded = len(self.state), self._padded
        h, cells = self._rows[0], self._rows[-1]
        self._step(
            *((*self._norm, self._found) if self._normalized else ()),
            self._P,
            self._table,
            self._ids,
            h,
            cells,
            self._z,
            self._new,
            self._c,
            self._logits,
            L,
            padded,
        )
        return self._logits[:, : self._symbols].T

    def going_on(self, state: Array) -> CompiledStepper:
        """As :meth:`charrnn.models.stepper.Stepper.going_on`."""
        other = copy.copy(self)
        other._begin(state)
        return other


def _panels(M: Array, wide: int) -> list[Array]:
    """A matrix in panels of so many of its columns; the last one is as wide as what is left."""
    return [M[:, left : left + wide].ravel() for left in range(0, M.shape[1], wide)]
