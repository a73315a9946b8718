"""Dropout (Srivastava et al., JMLR 2014), inverted: what is kept is scaled up during training."""

from __future__ import annotations

import numpy as np

from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace


def dropout(x: Array, rate: float, rng: np.random.Generator, workspace: Workspace) -> Array:
    """``x`` times a random mask of 0 and 1/(1-rate); the mask stays in ``workspace["mask"]``.

    The rate is rounded to 1/65536, since sixteen random bits for each number are quick to draw.
    """
    dropped = min(round(rate * 65536), 65535)
    mask = workspace.array("mask", *x.shape)
    draws = rng.integers(0, 65536, x.shape, dtype=np.uint16)
    np.multiply(draws >= dropped, 65536 / (65536 - dropped), out=mask, casting="same_kind")
    return np.multiply(x, mask, out=workspace.array("kept", *x.shape))
