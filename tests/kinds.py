"""Which models there are to test, and what a state of theirs may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from charrnn.config import CELLS, ModelConfig
from charrnn.nn.cells import cell_class
from charrnn.nn.cells.cell import Cell
from charrnn.nn.context import ContextStack
from charrnn.nn.parameters import Array
from charrnn.nn.stack import Stack

RECURRENT = [name for name in CELLS if cell_class(name).recurrent]

NORMALIZED = [f"normalized-{name}" for name in RECURRENT]
"""What tests call the cells with layer normalisation, which a user names by an option of their own."""

KINDS = [*CELLS, *NORMALIZED]
"""All cells there are."""

every_recurrent = pytest.mark.parametrize("cell", [*RECURRENT, *NORMALIZED])


def named(kind: str) -> dict[str, Any]:
    """The settings of a model of such cells."""
    cell = kind.removeprefix("normalized-")
    return {"cell": cell, "layer_norm": cell != kind}


def configured(kind: str, *sizes: float, **settings: Any) -> ModelConfig:
    """A model of such cells: sizes are those of a :class:`ModelConfig` behind the cell, in its order."""
    names = ("hidden_size", "num_layers", "embedding_size", "dropout")
    given: dict[str, Any] = dict(zip(names, sizes, strict=False))
    return ModelConfig(**named(kind), **given, **settings)


def class_of(kind: str) -> type[Cell]:
    return ModelConfig(**named(kind)).kind


every_model = pytest.mark.parametrize(
    ("cell", "embedding_size"),
    [(name, 0) for name in KINDS] + [(name, 3) for name in [*RECURRENT, *NORMALIZED]],
    ids=lambda value: {0: "one-hot", 3: "embedded"}.get(value, value),
)
"""Each cell with one-hot characters, and with an embedding where it can have one."""


def random_state(stack: Stack, batch: int, rng: np.random.Generator) -> Array:
    """One that is not zero, as it would hide its own terms; of characters where they are the state."""
    shape = stack.state_shape(batch)
    if isinstance(stack, ContextStack):
        return rng.integers(1, stack.input_size + 1, size=shape).astype(np.float64)
    return rng.standard_normal(shape)
