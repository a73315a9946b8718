"""From hidden units to the scores of symbols: ``o_t = V h_t + c``."""

from __future__ import annotations

import numpy as np

from charrnn.nn.functions import add_product, columns
from charrnn.nn.initialization import scaled_uniform
from charrnn.nn.parameters import Array, Parameters, Part
from charrnn.nn.workspace import Workspace


class Readout(Part):
    """``h`` ``(H, T, B)`` becomes logits ``(K, T, B)``.

    Args:
        input_size: Hidden units, *H*.
        num_symbols: What they score, *K*.
        prefix: See :class:`charrnn.nn.parameters.Part`.
    """

    def __init__(self, input_size: int, num_symbols: int, prefix: str = "") -> None:
        super().__init__(prefix, {"V": (num_symbols, input_size), "c": (num_symbols,)})
        self.multiplications = num_symbols * input_size

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        own = self.own(params)
        scaled_uniform(own["V"], own["V"].shape[1], rng)
        own["c"][...] = 0

    def forward(self, params: Parameters, h: Array, workspace: Workspace) -> Array:
        own = self.own(params)
        logits = workspace.array("logits", len(own["c"]), *h.shape[1:])
        np.matmul(own["V"], columns(h), out=columns(logits))
        logits += own["c"][:, None, None]
        workspace.remember(h=h)
        return logits

    def backward(
        self, params: Parameters, gradients: Parameters, dlogits: Array, workspace: Workspace
    ) -> Array:
        """Adds to ``gradients``; returns the gradient by ``h``."""
        own, d_own, h = self.own(params), self.own(gradients), workspace["h"]
        add_product(d_own["V"], dlogits, h, workspace.scratch)
        dc = d_own["c"]
        dc += columns(dlogits).sum(axis=1)
        dh = workspace.array("dh", *h.shape)
        np.matmul(own["V"].T, columns(dlogits), out=columns(dh))
        return dh
