"""Recurrent cells, a file each. A new one takes its file, and its line here.

The names are those of ``--cell`` and of checkpoints. They are known without NumPy; a class is imported
when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.nn.cells.cell import Cell

_CLASSES = {
    "lstm": "charrnn.nn.cells.lstm:LSTM",
    "gru": "charrnn.nn.cells.gru:GRU",
    "rnn": "charrnn.nn.cells.rnn:RNN",
    "rnn-relu": "charrnn.nn.cells.rnn_relu:ReLURNN",
}

CELLS = tuple(_CLASSES)
"""Names of the kinds of cells."""


def cell_class(name: str) -> type[Cell]:
    """The kind of cell that a configuration names.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in _CLASSES:
        raise ValueError(f"there is no cell {name!r}; there are {', '.join(CELLS)}")
    module, _, attribute = _CLASSES[name].partition(":")
    found: type[Cell] = getattr(import_module(module), attribute)
    return found
