"""A language model that reads one character after the other, for writing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from charrnn.models.language_model import LanguageModel
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array, Parameters


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
        self.state = state.copy()
        first = layers[0].own(params)
        U = first["U"]
        by_character = U @ params[network.read_by] if network.embedding else U
        self._table = np.ascontiguousarray(by_character.T) + first["b"]
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
