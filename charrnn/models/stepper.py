"""A language model that reads one character after the other, for writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.models.language_model import LanguageModel
from charrnn.nn.compiled import compile_stepper
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array, Parameters

WORTH_LOADING = 1 << 37
"""Multiplications in which the compiled form saves about the second that loading it takes."""


class Stepping(Protocol):
    """What reads ``B`` texts side by side, in whatever form; see :class:`Stepper`."""

    state: Array

    def step(self, ids: Ids) -> Array: ...

    def kept(self, columns: NDArray[np.intp]) -> Stepping: ...


Begin = Callable[[LanguageModel, Parameters, Array], Stepping]
"""Makes one of a model, its parameters and a state."""


def form(networks: Sequence[LanguageModel], texts: int, characters: float) -> Begin:
    """Who reads so many texts of so many characters in all, by all of the models: by these sizes alone.

    The compiled form is for several texts, and for work that is worth loading it; it is declined as
    :func:`charrnn.nn.compiled.compile_stepper` says. The two agree to rounding.
    """
    work = characters * sum(network.multiplications for network in networks)
    if texts == 1 or work < WORTH_LOADING:
        return Stepper
    kinds = {cell: compile_stepper(cell) for cell in {network.stack.cell for network in networks}}

    def begin(network: LanguageModel, params: Parameters, state: Array) -> Stepping:
        kind, by_character = kinds[network.stack.cell], _by_character(network, params)
        if kind is None:
            return Stepper(network, params, state)
        return kind(network.stack, network.readout, params, by_character, state)

    return begin


class Stepper:
    """Reads ``B`` texts side by side, one character of each at a time.

    The numbers are those of :meth:`LanguageModel.logits`, to rounding. A step has so little to
    compute that the number of NumPy calls decides. So what the first layer makes of each character
    is looked up in a table, and all arrays and views are made once.

    Args:
        params: Not to be changed while this object is in use.
        state: ``(L, states, H, B)``, after what was read before; copied.

    Attributes:
        state: The same, after what was read so far.
    """

    def __init__(self, network: LanguageModel, params: Parameters, state: Array) -> None:
        layers, batch, dtype = network.stack.layers, state.shape[-1], state.dtype
        self._network, self._params = network, params
        self.state = state.copy()
        first = layers[0].own(params)
        U = first["U"]
        self._table = np.ascontiguousarray(_by_character(network, params).T) + first["b"]
        self._looked_up = np.empty((batch, len(U)), dtype)
        self._logits = np.empty((network.vocabulary_size, batch), dtype)
        self._steps: list[Callable[[], None]] = []
        for index, (layer, layer_state) in enumerate(zip(layers, self.state, strict=True)):
            own, Wh = layer.own(params), np.empty((len(U), batch), dtype)
            z = np.empty_like(Wh) if index else self._looked_up.T
            if index:
                self._steps.append(_affine(own["U"], self.state[index - 1, 0], own["b"], out=z))
            self._steps.append(_product(own["W"], layer_state[0], out=Wh))
            self._steps.append(layer.cell.stepper(own, z, Wh, layer_state))
        V, c = network.readout.own(params).values()
        self._steps.append(_affine(V, self.state[-1, 0], c, out=self._logits))

    def step(self, ids: Ids) -> Array:
        """Scores ``(K, B)`` of what could follow ``(B,)`` ids, which the next step overwrites."""
        self._table.take(ids, axis=0, out=self._looked_up, mode="clip")
        for step in self._steps:
            step()
        return self._logits

    def kept(self, columns: NDArray[np.intp]) -> Stepper:
        """Another one that goes on with some of the texts."""
        return Stepper(self._network, self._params, self.state[..., columns])


def _by_character(network: LanguageModel, params: Parameters) -> Array:
    """``(n*H, K)``: what the first layer makes of each character, without its bias."""
    U = network.stack.layers[0].own(params)["U"]
    return U @ params[network.read_by] if network.embedding else U


def _product(weights: Array, h: Array, out: Array) -> Callable[[], None]:
    """``out = weights @ h``, as a function to be called at each step."""
    if h.shape[1] == 1:
        # One text: a matrix times a vector is as quick as memory is, and columns are read in a row.
        weights = np.asfortranarray(weights)
    return partial(np.matmul, weights, h, out)


def _affine(weights: Array, h: Array, bias: Array, out: Array) -> Callable[[], None]:
    """``out = weights @ h + bias``, as a function to be called at each step."""
    product, column = _product(weights, h, out), np.repeat(bias[:, None], h.shape[1], axis=1)

    def affine() -> None:
        product()
        np.add(out, column, out)

    return affine
