"""Symbols as vectors that are learned: ``x_t = E e(id_t)``, a column of a matrix."""

from __future__ import annotations

import numpy as np

from charrnn.nn.functions import Ids, add_columns, gather_columns
from charrnn.nn.parameters import Array, Parameters, Part
from charrnn.nn.workspace import Workspace


class Embedding(Part):
    """Ids ``(T, B)``, of ``num_symbols`` different ones, become ``(D, T, B)``; ``size`` is *D*."""

    multiplications = 0  # looked up

    def __init__(self, num_symbols: int, size: int, prefix: str = "") -> None:
        super().__init__(prefix, {"E": (size, num_symbols)})

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        E = self.own(params)["E"]
        E[...] = rng.standard_normal(E.shape)

    def forward(self, params: Parameters, ids: Ids, workspace: Workspace) -> Array:
        E = self.own(params)["E"]
        x = workspace.array("x", len(E), *ids.shape)
        gather_columns(E, ids, out=x)
        workspace.remember(ids=ids)
        return x

    def backward(
        self,
        params: Parameters,  # noqa: ARG002
        gradients: Parameters,
        dx: Array,
        workspace: Workspace,
    ) -> None:
        """Adds to the gradient of E; ids have none."""
        add_columns(self.own(gradients)["E"], dx, workspace["ids"], workspace.scratch)
