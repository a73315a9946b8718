"""Layers on top of each other: the reference, which reads as the equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, affine, columns, product, take_columns
from charrnn.nn.layer import Layer
from charrnn.nn.lengths import Lengths, checked, reversing
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
        bidirectional: Whether it may look ahead: it reads whole texts only, neither in chunks nor by steps.
    """

    layer_class: ClassVar[type[Layer]] = Layer

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
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """The lowest first: which of ``layers`` reads forwards, and then, if there is one, which backwards."""
        directions = 1 + self.bidirectional
        rows = range(0, directions * self.num_layers, directions)
        return tuple(tuple(range(row, row + directions)) for row in rows)

    @property
    def causal(self) -> int:
        """The highest level whose directions know nothing of what they have not read yet.

        That is the top, or of two directions the lowest: what reads forwards above it is given what the other one made of the rest.
        """
        return 0 if self.bidirectional else self.num_layers - 1

    @cached_property
    def layer_names(self) -> tuple[str, ...]:
        """Of ``layers``, for people: its level, and ``r`` for who reads backwards."""
        each = (
            f"{level}{'r' * (row != rows[0])}"
            for level, rows in enumerate(self.levels)
            for row in rows
        )
        return tuple(each)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of the state's rows."""
        directions = ("", "/reverse") if self.bidirectional else ("",)
        return tuple(
            self._layer(level, f"{self.name}layer{level}{direction}")
            for level in range(self.num_layers)
            for direction in directions
        )

    def _layer(self, level: int, name: str) -> Layer:
        cell = self.cell(self.hidden_size)
        if level:
            return self.layer_class(cell, self.output_size, name, one_hot=False)
        return self.lowest(cell, name)

    def lowest(self, cell: Cell, name: str) -> Layer:
        """A layer that reads what the stack reads."""
        return self.layer_class(cell, self.input_size, name, one_hot=self.one_hot)

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

        What the level ``causal`` makes of each step stays in ``workspace["causal"]``.
        """
        T, B = x.shape[-2:]
        new_state, lengths = np.empty_like(state), checked(lengths, T, B)

        def read(row: int, x: Array | Ids) -> Array:
            layer = self.layers[row]
            own = workspace.child(layer.name)
            h, new_state[row] = layer.forward(params, x, state[row], own, dropout, lengths)
            return h

        for level, (forwards, *backwards) in enumerate(self.levels):
            h = read(forwards, x)
            for row in backwards:
                own, places = workspace.child(self.layers[row].name), reversing(lengths, T, B)
                own.remember(places=places)
                back = read(row, _turned(x, own, "x_turned"))
                joined = own.array("joined", 2 * len(h), T, B, like=h)
                joined[: len(h)] = h
                take_columns(columns(back), places, out=columns(joined[len(h) :]))
                h = joined
            if level == self.causal:
                workspace.remember(causal=h)
            x = h
        return x, new_state

    def kept(self, workspace: Workspace) -> Iterator[tuple[Cell, Workspace]]:
        """Each layer's cell, with the workspace in which it kept what the last ``forward`` did."""
        for layer in self.layers:
            yield layer.cell, workspace.child(layer.name).child("cell")

    def kept_states(self, workspace: Workspace) -> Array:
        """``(T, B, L, states, H)``: what each layer held when it had read a character, in the last ``forward``."""
        found = []
        for layer in self.layers:
            own = workspace.child(layer.name)
            states = layer.cell.kept_states(own.child("cell"))
            if "places" in own:  # it read backwards
                states = states.reshape(-1, *states.shape[2:])[own["places"]].reshape(states.shape)
            found.append(states)
        return np.stack(found, axis=2)

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
        beside: Array | None = None,
    ) -> tuple[Array | None, Array]:
        """Back through the last ``forward`` on this workspace, once: what that kept may be overwritten.

        Args:
            dh: Gradient by the top layer's output; overwritten.
            dstate: Gradient by the final state.
            beside: Gradient by what the level ``causal`` made of each step, where another loss has one.

        Returns:
            The gradients by a dense ``x`` and by the initial state.
        """
        dstate_in, H = np.empty_like(dstate), self.hidden_size
        down: Array | None = columns(dh).reshape(
            dh.shape
        )  # what is written into its columns is in it

        def back(row: int, dh: Array) -> Array | None:
            layer = self.layers[row]
            own = workspace.child(layer.name)
            dx, dstate_in[row] = layer.backward(params, gradients, dh, dstate[row], own)
            return dx

        for level, (forwards, *backwards) in reversed([*enumerate(self.levels)]):
            assert down is not None  # only the lowest layer can have an input without a gradient
            above = down
            if level == self.causal and beside is not None:
                above += beside
            down = back(forwards, above[:H])
            for row in backwards:
                own = workspace.child(self.layers[row].name)
                dx = back(row, _turned(above[H:], own, "dh_turned"))
                if down is not None and dx is not None:
                    down += _turned(dx, own, "dx_turned")
        return down, dstate_in

    def by_character(self, params: Parameters, E: Array | None = None) -> Array:
        """``(n*H, K)``: what the lowest layer makes of each character, without its bias. (Of normalised cells there is none to add.)

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
        table = np.ascontiguousarray(self.by_character(params, E).T)
        if not self.cell.normalized:
            table = table + self.layers[0].own(params)["b"]
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
        if self.bidirectional:
            raise ValueError("who looks ahead cannot read one character at a time")
        cells, B = self.cell, state.shape[-1]
        held = state
        if not cells.recurrent:
            held = np.empty((self.num_layers, len(cells.states), self.hidden_size, B), state.dtype)
        steps: list[Callable[[], None]] = []
        for index, layer in enumerate(self.layers):
            own, Wh = layer.own(params), np.empty((layer.rows, B), state.dtype)
            if index:
                z = np.empty_like(Wh)
                below = held[index - 1, 0]
                steps.append(
                    product(own["U"], below, out=z)
                    if cells.normalized
                    else affine(own["U"], below, own["b"], out=z)
                )
            if cells.recurrent:
                steps.append(product(own["W"], held[index, 0], out=Wh))
            steps.append(layer.cell.stepper(own, z, Wh, held[index]))
        return steps, held[-1, 0]


def _turned(x: Array | Ids, workspace: Workspace, name: str) -> Array:
    """Each text from its last step to its first, by the places that a reverse layer's workspace has."""
    places = workspace["places"]
    if x.ndim == 2:
        return x.ravel()[places].reshape(x.shape)
    out = workspace.array(name, *x.shape, like=x)
    take_columns(columns(x), places, out=columns(out))
    return out
