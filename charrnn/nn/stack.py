"""Layers on top of each other: the reference, which reads as the equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, affine, product
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
        names = [f"{self.name}layer{index}" for index in range(self.num_layers)]
        lowest = self.lowest(self.cell(self.hidden_size), names[0])
        size = self.hidden_size
        return lowest, *(Layer(self.cell(size), size, name, one_hot=False) for name in names[1:])

    def lowest(self, cell: Cell, name: str) -> Layer:
        """The layer that reads what the stack reads."""
        return Layer(cell, self.input_size, name, one_hot=self.one_hot)

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
        """``(L, states, H, B)``; of cells that are not recurrent ``(L, 0, H, B)``."""
        states = len(self.cell.states) if self.cell.recurrent else 0
        return self.num_layers, states, self.hidden_size, batch

    def is_state(self, state: Array) -> bool:  # noqa: ARG002
        """Whether finite numbers of its shape are a state that a stack can come to."""
        return True

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

    def by_character(self, params: Parameters, E: Array | None = None) -> Array:
        """``(n*H, K)``: what the lowest layer makes of each character, without its bias.

        Args:
            E: ``(input_size, K)``, the embedding; without it characters are one-hot.
        """
        U = self.layers[0].own(params)["U"]
        return U if E is None else U @ E

    def stepper(
        self, params: Parameters, state: Array, E: Array | None = None
    ) -> tuple[Callable[[Ids], None], Array]:
        """A function that reads one more character of each text: to write, not to learn.

        Args:
            params: Not to be changed while it is in use.
            state: ``(L, states, H, B)``, after what was read before; becomes the next state.
            E: As for :meth:`by_character`.

        Returns:
            It, to be called with ``(B,)`` ids, and the top layer's ``h`` ``(H, B)``, which it overwrites.
        """
        table = (
            np.ascontiguousarray(self.by_character(params, E).T) + self.layers[0].own(params)["b"]
        )
        looked_up = np.empty((state.shape[-1], table.shape[1]), state.dtype)
        steps, h = self._steps(params, looked_up.T, state)

        def step(ids: Ids) -> None:
            table.take(ids, axis=0, out=looked_up, mode="clip")
            for one in steps:
                one()

        return step, h

    def _steps(
        self, params: Parameters, z: Array, state: Array
    ) -> tuple[list[Callable[[], None]], Array]:
        """What a step of each layer does, once ``z`` is the lowest one's U x + b; and the top one's ``h``."""
        cells, B = self.cell, state.shape[-1]
        held = state
        if not cells.recurrent:
            held = np.empty((self.num_layers, len(cells.states), self.hidden_size, B), state.dtype)
        steps: list[Callable[[], None]] = []
        for index, layer in enumerate(self.layers):
            own, Wh = layer.own(params), np.empty((layer.rows, B), state.dtype)
            if index:
                z = np.empty_like(Wh)
                steps.append(affine(own["U"], held[index - 1, 0], own["b"], out=z))
            if cells.recurrent:
                steps.append(product(own["W"], held[index, 0], out=Wh))
            steps.append(layer.cell.stepper(own, z, Wh, held[index]))
        return steps, held[-1, 0]
