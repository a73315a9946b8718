"""Which models there are to test, and what a state of theirs may be."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import CELLS
from charrnn.nn.cells import cell_class
from charrnn.nn.context import ContextStack
from charrnn.nn.parameters import Array
from charrnn.nn.stack import Stack

RECURRENT = [name for name in CELLS if cell_class(name).recurrent]

every_recurrent = pytest.mark.parametrize("cell", RECURRENT)

every_model = pytest.mark.parametrize(
    ("cell", "embedding_size"),
    [(name, 0) for name in CELLS] + [(name, 3) for name in RECURRENT],
    ids=lambda value: {0: "one-hot", 3: "embedded"}.get(value, value),
)
"""Each cell with one-hot characters, and with an embedding where it can have one."""


def random_state(stack: Stack, batch: int, rng: np.random.Generator) -> Array:
    """One that is not zero, as it would hide its own terms; of characters where they are the state."""
    shape = stack.state_shape(batch)
    if isinstance(stack, ContextStack):
        return rng.integers(1, stack.input_size + 1, size=shape).astype(np.float64)
    return rng.standard_normal(shape)
