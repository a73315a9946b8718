"""What a recurrent cell is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np

from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class Cell(Protocol):
    """The recurrence of one layer; it holds sizes only, never numbers that change.

    The layer has already computed the part that needs no recurrence, ``z = U x + b`` for the whole
    chunk; the cell adds what comes from the previous step. ``params`` are those of its layer, under
    their own names (``"W"``).

    Shapes: ``z`` is ``(gates*H, T, B)``, ``h`` is ``(H, T, B)``, a state is ``(states, H, B)``:
    *h* first, then the LSTM's *c*.
    """

    gates: ClassVar[int]
    states: ClassVar[int]
    hidden_size: int

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of the recurrence, under their own names."""

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        """Set the recurrence's parameters, and biases that the cell wants other than zero."""

    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        """Run over the chunk from ``state``. Returns ``h`` and the state after the last step."""

    def backward(
        self,
        params: Own,
        gradients: Own,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        """Back through the chunk of the last ``forward`` on this workspace.

        Args:
            gradients: The recurrence's gradients are added here.
            dz: Overwritten with the gradient of ``z``.
            dh: ``(H, T, B)``, gradient of the loss by each ``h`` as seen from above.
            dstate: Gradient by the state after the last step (zero where BPTT is truncated).

        Returns:
            The gradient by the incoming state.
        """

    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        """A function that takes one time step in the arrays given here: to write, not to learn.

        Args:
            z: ``(gates*H, B)``, ``U x + b``; not changed.
            Wh: ``(gates*H, B)``, ``W h``; overwritten.
            state: ``(states, H, B)``; becomes the next state.
        """
