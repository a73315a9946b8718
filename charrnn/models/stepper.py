"""A language model that reads one character after the other, for writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from charrnn.models.network import Network
from charrnn.nn.compiled import compile_stepper
from charrnn.nn.functions import Ids, affine
from charrnn.nn.parameters import Array, Parameters

WORTH_LOADING = 1 << 37
"""Multiplications in which the compiled form saves about the second that loading it takes."""


class Stepping(Protocol):
    """What reads ``B`` texts side by side, in whatever form; see :class:`Stepper`."""

    state: Array

    def step(self, ids: Ids) -> Array: ...

    def going_on(self, state: Array) -> Stepping: ...


Begin = Callable[[Network, Parameters, Array], Stepping]
"""Makes one of a model, its parameters and a state."""


def form(
    networks: Sequence[Network],
    texts: int,
    characters: float,
    on_start: Callable[[], object] | None = None,
) -> Begin:
    """Who reads so many texts of so many characters in all, by all of the models: by these sizes alone.

    The compiled form is for several texts, and for work that is worth loading it; it is declined as
    :func:`charrnn.nn.compiled.compile_stepper` says, which takes ``on_start``, too. The two agree to rounding.
    """
    work = characters * sum(network.multiplications for network in networks)
    if texts == 1 or work < WORTH_LOADING:
        return Stepper
    cells = {network.stack.cell for network in networks}
    kinds = {cell: compile_stepper(cell, on_start) for cell in cells}

    def begin(network: Network, params: Parameters, state: Array) -> Stepping:
        stack, kind = network.stack, kinds[network.stack.cell]
        if kind is None:
            return Stepper(network, params, state)
        table = stack.by_character(params, network.embedded(params))
        return kind(stack, network.readout, params, table, state)

    return begin


class Stepper:
    """Reads ``B`` texts side by side, one character of each at a time.

    The numbers are those of :meth:`Network.logits`, to rounding. A step has so little to
    compute that the number of NumPy calls decides. So what the first layer makes of each character
    is looked up in a table, and all arrays and views are made once.

    Args:
        params: Not to be changed while this object is in use.
        state: As the network has it, after what was read before; copied.

    Attributes:
        state: The same, after what was read so far.
    """

    def __init__(self, network: Network, params: Parameters, state: Array) -> None:
        self._network, self._params = network, params
        self.state = state.copy()
        embedded = network.embedded(params)
        self._read, h = network.stack.stepper(params, self.state, embedded)
        V, c = network.readout.own(params).values()
        self._logits = np.empty((network.vocabulary_size, state.shape[-1]), state.dtype)
        self._predict = affine(V, h, c, out=self._logits)

    def step(self, ids: Ids) -> Array:
        """Scores ``(K, B)`` of what could follow ``(B,)`` ids, which the next step overwrites."""
        self._read(ids)
        self._predict()
        return self._logits

    def going_on(self, state: Array) -> Stepper:
        """Another one of the kind, for other texts: some of these, or further ones, too."""
        return Stepper(self._network, self._params, state)
