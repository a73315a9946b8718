"""Cells. A new one takes its file, and its line here: the name in ``--cell`` and checkpoints; its normalised form another.

Names are known without NumPy; a class is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.nn.cells.cell import Cell

_CLASSES = {
    "lstm": ("lstm", "LSTM"),
    "gru": ("gru", "GRU"),
    "rnn": ("rnn", "RNN"),
    "rnn-relu": ("rnn", "ReLURNN"),
    "feedforward": ("feedforward", "Feedforward"),
}

_NORMALIZED = {
    "lstm": "NormalizedLSTM",
    "gru": "NormalizedGRU",
    "rnn": "NormalizedRNN",
    "rnn-relu": "NormalizedReLURNN",
}

CELLS = tuple(_CLASSES)
"""Names of the kinds of cells."""


def cell_class(name: str, *, normalized: bool = False) -> type[Cell]:
    """The kind of cell that a configuration names.

    Args:
        normalized: The one of that name that has layer normalisation; all that are recurrent have such a one.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in _CLASSES:
        raise ValueError(f"there is no cell {name!r}; there are {', '.join(CELLS)}")
    file, kind = ("normalized", _NORMALIZED[name]) if normalized else _CLASSES[name]
    found: type[Cell] = getattr(import_module(f"charrnn.nn.cells.{file}"), kind)
    return found
