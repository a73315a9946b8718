"""Recurrent layers on top of each other: the reference, which reads as the equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids
from charrnn.nn.layer import Layer
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


@dataclass(frozen=True)
class Stack:
    """``num_layers`` layers, *L*, of ``hidden_size`` units, *H*, of one kind of cell. Its quick twin is :func:`charrnn.nn.compiled.compile_stack`.

    The state of the whole stack is one array ``(L, states, H, B)``, in which a layer has a row.

    For layers of two directions there would be two of :class:`Layer` in a place of ``layers``, one of which,
    ``layer0/reverse``, reads texts reversed within their lengths: their outputs are joined to
    ``(2H, T, B)``, which is what the layer above reads, and each has a row of the state.

    Args:
        input_size: Rows of a dense input, or the number of ids.
        one_hot: Whether the input comes as ids.
        name: What the layers' names begin with (``"encoder/"``), where a model has several stacks.
    """

    cell: type[Cell]
    input_size: int
    hidden_size: int
    num_layers: int = 1
    one_hot: bool = False
    name: str = ""

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The lowest first."""
        return tuple(
            Layer(
                self.cell(self.hidden_size),
                self.hidden_size if index else self.input_size,
                f"{self.name}layer{index}",
                one_hot=self.one_hot and index == 0,
            )
            for index in range(self.num_layers)
        )

    @property
    def multiplications(self) -> int:
        """Of the matrix products, for each step of one text."""
        return sum(layer.multiplications for layer in self.layers)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, by its name in the model."""
        return dict(pair for layer in self.layers for pair in layer.parameter_shapes().items())

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for layer in self.layers:
            layer.initialize(params, rng)

    def state_shape(self, batch: int) -> tuple[int, int, int, int]:
        """``(L, states, H, B)``."""
        return self.num_layers, len(self.cell.states), self.hidden_size, batch

    def forward(
        self,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
    ) -> tuple[Array, Array]:
        """Returns the top layer's ``h`` ``(H, T, B)`` and the new state.

        Args:
            x: Dense ``(input_size, T, B)``, or ids ``(T, B)``.
            state: ``(L, states, H, B)``.
        """
        new_state = np.empty_like(state)
        for index, layer in enumerate(self.layers):
            own = workspace.child(layer.name)
            x, new_state[index] = layer.forward(params, x, state[index], own, dropout)
        return x, new_state

    def kept(self, workspace: Workspace) -> Iterator[tuple[Cell, Workspace]]:
        """Each layer's cell, with the workspace in which it kept what the last ``forward`` did."""
        for layer in self.layers:
            yield layer.cell, workspace.child(layer.name).child("cell")

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> tuple[Array | None, Array]:
        """Back through the last ``forward`` on this workspace, once: what that kept may be overwritten.

        Args:
            dh: Gradient by the top layer's output; overwritten.
            dstate: Gradient by the final state.

        Returns:
            The gradients by a dense ``x`` and by the initial state.
        """
        dstate_in = np.empty_like(dstate)
        down: Array | None = np.ascontiguousarray(dh)
        for index, layer in reversed(list(enumerate(self.layers))):
            assert down is not None  # only the lowest layer can have an input without a gradient
            own = workspace.child(layer.name)
            down, dstate_in[index] = layer.backward(params, gradients, down, dstate[index], own)
        return down, dstate_in
