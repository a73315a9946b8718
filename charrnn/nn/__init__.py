"""The numeric core: what networks that read texts are made of, over plain arrays.

It knows nothing of text, files or printing. Parts hold no numbers: parameters, state, what is kept for
the backward pass and the random generator are arguments. Names are imported when they are first used,
so that the names of the cells are known without NumPy. docs/building.md makes a model of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from charrnn.nn.cells import CELLS, cell_class

if TYPE_CHECKING:
    from charrnn.nn.cells.cell import Cell as Cell
    from charrnn.nn.cells.feedforward import Feedforward as Feedforward
    from charrnn.nn.cells.gru import GRU as GRU
    from charrnn.nn.cells.lstm import LSTM as LSTM
    from charrnn.nn.cells.rnn import RNN as RNN
    from charrnn.nn.cells.rnn import ReLURNN as ReLURNN
    from charrnn.nn.compiled import compile_stack as compile_stack
    from charrnn.nn.context import ContextStack as ContextStack
    from charrnn.nn.dropout import Dropout as Dropout
    from charrnn.nn.embedding import Embedding as Embedding
    from charrnn.nn.layer import Layer as Layer
    from charrnn.nn.loss import cross_entropy_ as cross_entropy_
    from charrnn.nn.loss import softmax_ as softmax_
    from charrnn.nn.parameters import Parameters as Parameters
    from charrnn.nn.readout import Readout as Readout
    from charrnn.nn.stack import Stack as Stack
    from charrnn.nn.workspace import Workspace as Workspace

_HOMES = {
    "Cell": "cells.cell",
    "ContextStack": "context",
    "Dropout": "dropout",
    "Embedding": "embedding",
    "Feedforward": "cells.feedforward",
    "GRU": "cells.gru",
    "LSTM": "cells.lstm",
    "Layer": "layer",
    "Parameters": "parameters",
    "RNN": "cells.rnn",
    "ReLURNN": "cells.rnn",
    "Readout": "readout",
    "Stack": "stack",
    "Workspace": "workspace",
    "compile_stack": "compiled",
    "cross_entropy_": "loss",
    "softmax_": "loss",
}

__all__ = ["CELLS", "cell_class", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"charrnn.nn.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'charrnn.nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
