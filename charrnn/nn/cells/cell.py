"""What a cell is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from charrnn.nn.lengths import Lengths
from charrnn.nn.normalization import KeptNormalization, Normalization
from charrnn.nn.parameters import Array, Own, orthogonal_blocks
from charrnn.nn.workspace import Workspace


class Cell(ABC):
    """What one layer makes of its input; it holds its size only, never numbers that change.

    The layer has already computed the part that needs no recurrence, ``z = U x + b`` for the whole
    chunk; a recurrent cell adds what comes from the previous step. ``params`` are those of its layer, under
    their own names (``"W"``).

    Shapes, with *n* rows: ``z`` is ``(n*H, T, B)``, ``h`` is ``(H, T, B)``, a state is ``(states, H, B)``,
    of which there is nothing, ``(0, H, B)``, where a cell is not recurrent. Of a recurrent one
    ``forward`` keeps, under the names of the states, those before the first step and after each: *h* as
    ``(H, T+1, B)``, any other as ``(T+1, H, B)``; and, of a cell with gates, all rows as ``gates``,
    ``(T, n, H, B)``.

    Attributes:
        title: The cell as people name it.
        rows: What the blocks of H rows of U, W and b are for, from the top.
        gates: The first of these, where they are gates: sigmoids, which may be shut or open.
        keeps: The gate that multiplies what a unit held at the step before.
        states: What a unit holds; the first is *h*, which others see.
        recurrent: Whether that is carried from step to step, and has a say in the next one by way of *W*.
        normalized: Whether what its gates are taken of is normalised first (:mod:`charrnn.nn.normalization`). ``z`` is
            then ``U x``, since b is added after that, by the cell, which has a ``gain`` beside it.
    """

    title: ClassVar[str]
    rows: ClassVar[tuple[str, ...]]
    gates: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[str | None] = None
    states: ClassVar[tuple[str, ...]] = ("h",)
    recurrent: ClassVar[bool] = True
    normalized: ClassVar[bool] = False

    def __init__(self, hidden_size: int) -> None:
        self.hidden_size = hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of the recurrence, under their own names."""
        rows = len(self.rows) * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"W": (rows, self.hidden_size)}
        return {**shapes, "gain": (rows,)} if self.normalized else shapes

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        """Set the recurrence's parameters, and biases that the cell wants other than zero."""
        orthogonal_blocks(params["W"], rng)
        if self.normalized:
            params["gain"][...] = 1

    def normalization(self, params: Own) -> Normalization | None:
        """What is done to the sums that come to the gates, if anything is: one step at a time."""
        return Normalization(params, self.hidden_size) if self.normalized else None

    def kept_normalization(
        self, params: Own, workspace: Workspace, steps: int, batch: int
    ) -> KeptNormalization | None:
        """The same, of a chunk."""
        if not self.normalized:
            return None
        return KeptNormalization(params, self.hidden_size, workspace, steps, batch)

    def kept_states(self, workspace: Workspace) -> Array:
        """``(T, B, states, H)``, after each step of the last ``forward``."""
        h, *others = (workspace[name] for name in self.states)
        after = (h[:, 1:].transpose(1, 2, 0), *(other[1:].swapaxes(1, 2) for other in others))
        return np.stack(after, axis=2)

    def states_after(self, lengths: Lengths, workspace: Workspace) -> Array:
        """``(states, H, B)``, after so many steps of each stream in the last ``forward``."""
        streams = np.arange(len(lengths))
        h, *others = (workspace[name] for name in self.states)
        after = (other[lengths, :, streams].T for other in others)
        return np.stack((h[:, lengths, streams], *after))

    def kept_gates(self, workspace: Workspace) -> Array:
        """``(T, G, H, B)``, at each step of the last ``forward``."""
        return workspace["gates"][:, : len(self.gates)]

    @abstractmethod
    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        """Run over the chunk from ``state``. Returns ``h`` and the state after the last step."""

    @abstractmethod
    def backward(
        self, params: Own, gradients: Own, dz: Array, dh: Array, dstate: Array, workspace: Workspace
    ) -> Array:
        """Back through the chunk of the last ``forward`` on this workspace.

        The names are those of the equations: ``dx`` is the gradient of the loss by ``x``, δx.

        Args:
            gradients: The recurrence's gradients are added here, and that by b where it is the cell that adds b.
            dz: Overwritten with the gradient by ``z``.
            dh: ``(H, T, B)``, gradient by each ``h`` as seen from above.
            dstate: Gradient by the state after the last step (zero where BPTT is truncated). Where
                ``workspace`` has ``lengths``, that by other states than *h* is by those after each text.

        Returns:
            The gradient by the incoming state.
        """

    @abstractmethod
    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        """A function that takes one time step in the arrays given here: to write, not to learn.

        Args:
            z: ``(n*H, B)``, ``U x + b``; not changed.
            Wh: ``(n*H, B)``, ``W h``; overwritten.
            state: ``(states, H, B)``, what the units hold; becomes that after the step.
        """
