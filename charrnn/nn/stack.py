"""Layers on top of each other: the reference, which reads as the equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, affine, columns, product, take_columns
from charrnn.nn.layer import Layer
from charrnn.nn.lengths import Lengths, reversing
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


@dataclass(frozen=True)
class Stack:
    """``num_layers`` layers, *L*, of ``hidden_size`` units, *H*, of one kind of cell. Its quick twin is :func:`charrnn.nn.compiled.compile_stack`.

    The state of the whole stack is one array ``(L, states, H, B)``, in which a layer has a row.

    A bidirectional stack (Schuster, Paliwal 1997) has two of :class:`Layer` on each level, the second of which,
    ``layer0/reverse``, reads each text from its last character to its first. The level above reads what both make of a
    character, joined to ``(2H, T, B)``, and each has a row of the state, ``(2L, states, H, B)``: so after a text's last
    character stands where the forward direction ends, and before its first where the other one does.

    Args:
        input_size: Rows of a dense input, or the number of ids.
        one_hot: Whether the input comes as ids.
        name: What the layers' names begin with (``"encoder/"``), where a model has several stacks.
        bidirectional: Whether it may look ahead.
    """

    cell: type[Cell]
    input_size: int
    hidden_size: int
    num_layers: int = 1
    one_hot: bool = False
    name: str = ""
    bidirectional: bool = False

    @property
    def output_size(self) -> int:
        """Rows of what the top level makes of a character, and of what each level but the lowest reads."""
        return 2 * self.hidden_size if self.bidirectional else self.hidden_size

    @cached_property
    def levels(self) -> tuple[tuple[Layer, ...], ...]:
        """The lowest first: of each the layer that reads forwards, then the one that reads backwards, if there is one."""
        directions = ("", "/reverse") if self.bidirectional else ("",)
        return tuple(
            tuple(
                self._layer(level, f"{self.name}layer{level}{direction}")
                for direction in directions
            )
            for level in range(self.num_layers)
        )

    def _layer(self, level: int, name: str) -> Layer:
        cell = self.cell(self.hidden_size)
        return (
            Layer(cell, self.output_size, name, one_hot=False) if level else self.lowest(cell, name)
        )

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All of them, in the order of the state's rows."""
        return tuple(layer for level in self.levels for layer in level)

    def lowest(self, cell: Cell, name: str) -> Layer:
        """A layer that reads what the stack reads."""
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
        """``(L, states, H, B)``, or ``2L`` of two directions; of cells that are not recurrent ``(L, 0, H, B)``."""
        states = len(self.cell.states) if self.cell.recurrent else 0
        return len(self.layers), states, self.hidden_size, batch

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
        lengths: Lengths | None = None,
    ) -> tuple[Array, Array]:
        """Returns the top level's ``h`` ``(H, T, B)``, or ``(2H, T, B)``, and the new state.

        Args:
            x: Dense ``(input_size, T, B)``, or ids ``(T, B)``.
            state: ``(L, states, H, B)``, before each text's first character, or after its last one for who reads it backwards.
            lengths: ``(B,)``, of the texts; without it all have T steps. What is returned for steps beyond them means nothing.
        """
        new_state = np.empty_like(state)

        def read(index: int, x: Array | Ids) -> Array:
            layer = self.layers[index]
            own = workspace.child(layer.name)
            h, new_state[index] = self._read(layer, params, x, state[index], own, dropout, lengths)
            return h

        for level, (_, *reverse) in enumerate(self.levels):
            first = level * (1 + len(reverse))
            h = read(first, x)
            for layer in reverse:
                own, places = workspace.child(layer.name), reversing(lengths, *x.shape[-2:])
                own.remember(places=places)
                back = read(first + 1, self._turned(x, own, "x_turned"))
                joined = self._room(own, "joined", 2 * len(h), *h.shape[1:])
                joined[: len(h)] = h
                take_columns(columns(back), places, out=columns(joined[len(h) :]))
                h = joined
            x = h
        return x, new_state

    def _read(
        self,
        layer: Layer,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout,
        lengths: Lengths | None,
    ) -> tuple[Array, Array]:
        """What one layer makes of its input, and its new state."""
        return layer.forward(params, x, state, workspace, dropout, lengths)

    def _turned(self, x: Array | Ids, workspace: Workspace, name: str) -> Array:
        """Each text from its last step to its first, by the places that a reverse layer's workspace has."""
        places = workspace["places"]
        if x.ndim == 2:
            return x.ravel()[places].reshape(x.shape)
        out = self._room(workspace, name, *x.shape)
        take_columns(columns(x), places, out=columns(out))
        return out

    @staticmethod
    def _room(workspace: Workspace, name: str, *shape: int) -> Array:
        """An array ``(features, T, B)``, whose memory lies as this form of the stack has it."""
        return workspace.array(name, *shape)

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
        dstate_in, H = np.empty_like(dstate), self.hidden_size
        down: Array | None = self._in_memory(dh)

        def back(index: int, dh: Array) -> Array | None:
            layer = self.layers[index]
            own = workspace.child(layer.name)
            dx, dstate_in[index] = self._back(layer, params, gradients, dh, dstate[index], own)
            return dx

        for level, (_, *reverse) in reversed(list(enumerate(self.levels))):
            assert down is not None  # only the lowest layer can have an input without a gradient
            first, above = level * (1 + len(reverse)), down
            down = back(first, above[:H])
            for layer in reverse:
                own = workspace.child(layer.name)
                dx = back(first + 1, self._turned(above[H:], own, "dh_turned"))
                if down is not None and dx is not None:
                    down += self._turned(dx, own, "dx_turned")
        return down, dstate_in

    @staticmethod
    def _in_memory(dh: Array) -> Array:
        """As this form of the stack has it."""
        return np.ascontiguousarray(dh)

    def _back(
        self,
        layer: Layer,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> tuple[Array | None, Array]:
        """Back through one layer."""
        return layer.backward(params, gradients, dh, dstate, workspace)

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
