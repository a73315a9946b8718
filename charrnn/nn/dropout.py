"""What is dropped while a network learns, inverted: what is kept is scaled up meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace


@dataclass(frozen=True)
class Dropout:
    """Random masks of 0 and 1/(1-rate), drawn anew for each chunk.

    The rates are rounded to 1/65536, since sixteen random bits for each number are quick to draw.

    Args:
        rng: Draws the masks.
        rate: Chance that a number of an activation is dropped (Srivastava et al., JMLR 2014).
        weight_rate: Chance that a recurrent weight is dropped (Merity, Keskar, Socher,
            arXiv 1708.02182).
    """

    rng: np.random.Generator
    rate: float = 0.0
    weight_rate: float = 0.0

    def drop(self, x: Array, workspace: Workspace) -> Array:
        """Activations times a mask, which stays in ``workspace["mask"]`` if anything is dropped."""
        return self._drop(x, self.rate, workspace, "mask", "kept")

    def drop_weights(self, W: Array, workspace: Workspace) -> Array:
        """``W`` times a mask, likewise in ``workspace["W_mask"]``, and itself as ``W_kept``."""
        return self._drop(W, self.weight_rate, workspace, "W_mask", "W_kept")

    def _drop(self, x: Array, rate: float, workspace: Workspace, name: str, kept: str) -> Array:
        if not rate:
            workspace.forget(name)
            return x
        dropped = min(round(rate * 65536), 65535)
        draws = self.rng.integers(0, 65536, x.shape, dtype=np.uint16)
        mask = workspace.array(name, *x.shape)
        np.multiply(draws >= dropped, 65536 / (65536 - dropped), out=mask, casting="same_kind")
        return np.multiply(x, mask, out=workspace.array(kept, *x.shape))


NO_DROPOUT = Dropout(np.random.default_rng(0))
"""Drops nothing."""
