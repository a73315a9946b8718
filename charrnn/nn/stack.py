"""Recurrent layers on top of each other, with dropout after each."""

from __future__ import annotations

import numpy as np

from charrnn.nn.dropout import Dropout
from charrnn.nn.functions import Ids
from charrnn.nn.layer import Layer, make_cell
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


class Stack:
    """``num_layers`` layers of one kind of cell.

    The state of the whole stack is one array ``(L, states, H, B)``.
    """

    def __init__(
        self, cell: str, input_size: int, hidden_size: int, num_layers: int, *, one_hot: bool
    ) -> None:
        self.layers = [
            Layer(
                make_cell(cell, hidden_size),
                input_size if index == 0 else hidden_size,
                f"layer{index}",
                one_hot=one_hot and index == 0,
            )
            for index in range(num_layers)
        ]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            name: shape for layer in self.layers for name, shape in layer.parameter_shapes().items()
        }

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for layer in self.layers:
            layer.initialize(params, rng)

    def state_shape(self, batch: int) -> tuple[int, int, int, int]:
        cell = self.layers[0].cell
        return len(self.layers), cell.states, cell.hidden_size, batch

    def forward(
        self,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Array]:
        """Returns the top layer's ``h`` ``(H, T, B)`` and the new state.

        Args:
            x: Dense ``(input_size, T, B)``, or ids ``(T, B)``.
            state: ``(L, states, H, B)``.
            dropout: What is dropped; nothing without it.
        """
        new_state = np.empty_like(state)
        for index, layer in enumerate(self.layers):
            own = workspace.child(layer.name)
            x, new_state[index] = layer.forward(params, x, state[index], own, dropout)
            if dropout and dropout.rate:
                x = dropout.drop(x, own)
            else:
                own.forget("mask")
        return x, new_state

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> tuple[Array | None, Array]:
        """Back through the last ``forward`` on this workspace.

        Args:
            dh: Gradient by the top layer's output; overwritten.
            dstate: Gradient by the final state.

        Returns:
            The gradients by a dense ``x`` and by the initial state.
        """
        dstate_in = np.empty_like(dstate)
        down: Array | None = dh
        for index, layer in reversed(list(enumerate(self.layers))):
            own = workspace.child(layer.name)
            assert down is not None  # only the lowest layer can have an input without a gradient
            if "mask" in own:
                down *= own["mask"]
            down, dstate_in[index] = layer.backward(params, gradients, down, dstate[index], own)
        return down, dstate_in
