"""A model taken apart into what other libraries have, too: an embedding, recurrent layers, a readout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import InputError
from charrnn.models.conditional import Conditional
from charrnn.models.network import Network
from charrnn.nn.cells.cell import Cell
from charrnn.nn.parameters import Array, Parameters

CELLS = ("lstm", "gru", "rnn", "rnn-relu")
"""Those whose equations other libraries have."""


@dataclass(frozen=True)
class Direction:
    """What reads in one direction on one level; its gates are in the order of ``Cell.rows``.

    Attributes:
        U: ``(n*H, in)``, from the input.
        W: ``(n*H, H)``, from the state of the step before.
        b: ``(n*H,)``, bias.
        d: ``(H,)``, the bias inside the reset gate, of a GRU.
    """

    U: Array
    W: Array
    b: Array
    d: Array | None


@dataclass(frozen=True)
class Parts:
    """Views of a model's parameters: to write to one is to change the model.

    Attributes:
        name: Of the cell, as ``--cell`` has it.
        E: ``(D, K)``, the embedding; None where characters are one-hot.
        levels: The lowest first, each one direction or two.
        V, c: ``(outputs, R)`` and ``(outputs,)``, the readout.
        begin: ``(L, states, H, labels)``, what texts for labels begin with.
    """

    name: str
    cell: type[Cell]
    E: Array | None
    levels: tuple[tuple[Direction, ...], ...]
    V: Array
    c: Array
    begin: Array | None

    @property
    def hidden_size(self) -> int:
        return int(self.levels[0][0].W.shape[1])


def taken_apart(network: Network, params: Parameters, kind: str) -> Parts:
    """The parts that a model's answers need; what it only learnt by (``--lm-loss``) is left out.

    Args:
        kind: What it is taken apart for, in words, such as ``a .onnx file``.

    Raises:
        InputError: It has something else, without which it would answer otherwise.
    """
    config = network.config
    if config.cell not in CELLS:
        raise _no_place(kind, f"such a cell (--cell {config.cell})")
    if config.learns.rewrites:
        raise _no_place(kind, f"an encoder with a decoder (--task {config.task})")
    if config.ngrams:
        raise _no_place(kind, "n-grams beside the net (train with --ngrams 0)")
    if config.layer_norm:
        raise _no_place(kind, "layer normalisation (train with --no-layer-norm)")
    left = dict(params)
    for name in network.lm_loss.parameter_shapes() if network.lm_loss else ():
        del left[name]
    E = left.pop(network.read_by) if network.embedding else None
    directions = [
        Direction(
            left.pop(f"{layer.prefix}U"),
            left.pop(f"{layer.prefix}W"),
            left.pop(f"{layer.prefix}b"),
            left.pop(f"{layer.prefix}d", None),
        )
        for layer in network.stack.layers
    ]
    V, c = (left.pop(name) for name in network.readout.parameter_shapes())
    begin = None
    if isinstance(network, Conditional):
        begin = left.pop(network.begun_by).reshape(*network.stack.state_shape(1)[:3], -1)
    if left:
        raise _no_place(kind, f"the parameter {min(left)}")
    levels = tuple(tuple(directions[row] for row in rows) for rows in network.stack.levels)
    return Parts(config.cell, network.stack.cell, E, levels, V, c, begin)


def _no_place(kind: str, what: str) -> InputError:
    return InputError(
        f"{kind} has no place for {what}; a .npz and a page (.html) hold it: charrnn export MODEL.npz small.npz"
    )


def in_order(array: Array, rows: Sequence[str], order: Sequence[str]) -> Array:
    """Blocks of rows, one for each gate, in another order.

    Args:
        rows: What the blocks are for, from the top.
        order: The same names, as they are to be.
    """
    blocks = np.split(array, len(rows))
    return np.concatenate([blocks[rows.index(name)] for name in order])
