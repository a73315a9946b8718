"""From hidden units to the scores of symbols: ``o_t = V h_t + c``."""

from __future__ import annotations

import numpy as np

from charrnn.nn.functions import add_product, columns
from charrnn.nn.parameters import Array, Parameters, Part, scaled_uniform
from charrnn.nn.workspace import Workspace


class Readout(Part):
    """``h`` ``(H, T, B)`` becomes logits ``(K, T, B)``; ``input_size`` is *H*, ``num_symbols`` *K*."""

    def __init__(self, input_size: int, num_symbols: int, prefix: str = "") -> None:
        super().__init__(prefix, {"V": (num_symbols, input_size), "c": (num_symbols,)})
        self.multiplications = num_symbols * input_size

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        V, c = self.own(params).values()
        scaled_uniform(V, V.shape[1], rng)
        c[...] = 0

    def forward(self, params: Parameters, h: Array, workspace: Workspace) -> Array:
        V, c = self.own(params).values()
        logits = workspace.array("logits", len(V), *h.shape[1:])
        np.matmul(V, columns(h), out=columns(logits))
        logits += c[:, None, None]
        workspace.remember(h=h)
        return logits

    def backward(
        self, params: Parameters, gradients: Parameters, dlogits: Array, workspace: Workspace
    ) -> Array:
        """Adds to ``gradients``; returns the gradient by ``h``."""
        V, _ = self.own(params).values()
        dV, dc = self.own(gradients).values()
        h = workspace["h"]
        add_product(dV, dlogits, h, workspace.scratch)
        dc += columns(dlogits).sum(axis=1)
        dh = workspace.array("dh", *h.shape, like=h)
        np.matmul(V.T, columns(dlogits), out=columns(dh))
        return dh
