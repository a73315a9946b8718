"""A model as an ONNX graph, which reads a chunk of text (https://onnx.ai/onnx/operators).

What goes on from chunk to chunk goes in and comes out, as ``h0`` and ``hn`` and of an LSTM ``c0`` and ``cn``, each ``(L, B, H)``. A model that reads
whole texts has their ``lengths`` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import InputError
from charrnn.files.whole import write_whole
from charrnn.models.network import Network
from charrnn.nn.parameters import Array, Parameters
from charrnn.sharing.parts import Direction, Parts, in_order, taken_apart
from charrnn.sharing.protobuf import FLOAT, INT32, INT64, message, node, tensor, value
from charrnn.sharing.torch_file import described
from charrnn.training.run import Checkpoint
from charrnn.version import __version__

IR_VERSION, OPSET = 8, 17  # those of 2022, which what has come since reads
MOST_BYTES = (1 << 31) - 1  # of a message in protocol buffers
ORDERS = {
    "lstm": ("input", "output", "forget", "candidate"),
    "gru": ("update", "reset", "candidate"),
}
"""ONNX's orders of gates; a plain RNN has none."""

OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),  # the reset gate acts after the product with W
    "rnn": ("RNN", {"activations": ["Tanh"]}),
    "rnn-relu": ("RNN", {"activations": ["Relu"]}),
}
"""The operator of each cell."""


def write_onnx(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a model's graph, its alphabet and labels; errors as :func:`taken_apart` and :func:`write_whole`."""
    model = checkpoint.model
    data = message(
        {
            1: IR_VERSION,
            2: "charrnn",
            3: __version__,
            7: graph(model.network, model.parameters),
            8: message({1: "", 2: OPSET}),
            14: [message({1: key, 2: said}) for key, said in described(model).items()],
        }
    )
    if len(data) > MOST_BYTES:
        raise InputError(
            f"{path}: a .onnx file holds 2 GB, and the model takes more; a .safetensors file holds it"
        )
    write_whole(path, lambda file: file.write(data))


@dataclass
class _Graph:
    """What a graph is made of, as it grows."""

    nodes: list[bytes] = field(default_factory=list)
    constants: list[bytes] = field(default_factory=list)
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)

    def constant(self, name: str, array: Array) -> str:
        self.constants.append(tensor(name, array))
        return name

    def numbers(self, name: str, *numbers: int) -> str:
        return self.constant(name, np.array(numbers, np.int64))

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        self.nodes.append(node(kind, inputs, outputs, **attributes))
        return outputs[0]


def graph(network: Network, params: Parameters) -> bytes:
    """GraphProto; errors as :func:`taken_apart`."""
    parts, made = taken_apart(network, params, "a .onnx file"), _Graph()
    H, states, whole = parts.hidden_size, parts.cell.states, network.reads_whole
    directions = len(parts.levels[0])
    rows = directions * len(parts.levels)
    made.inputs.append(value("ids", INT64, ("T", "B")))
    if whole:
        made.inputs.append(value("lengths", INT32, ("B",)))
    else:
        made.inputs += [value(f"{name}0", FLOAT, (rows, "B", H)) for name in states]
        _divide_states(made, parts)
    x, ends = _characters(made, parts, network.vocabulary_size), ""
    for level, own in enumerate(parts.levels):
        x, ends = _level(made, parts, level, own, x, whole=whole)
    if not whole:
        for name in states:
            levels = [f"{name}n_{level}" for level in range(len(parts.levels))]
            made.add("Concat", levels, f"{name}n", axis=0)
    shape: tuple[int | str, ...] = ("T", "B", len(parts.V))
    if network.config.learns.one_each and whole:
        # What each direction ends with, side by side: (directions, B, H) to (B, directions H).
        across = made.add("Transpose", [ends], "across", perm=[1, 0, 2])
        x, shape = made.add("Reshape", [across, made.numbers("joined", 0, -1)], "ends"), shape[1:]
    V = made.constant("V", np.ascontiguousarray(parts.V.T))
    scores = made.add("MatMul", [x, V], "scores")
    made.add("Add", [scores, made.constant("c", parts.c)], "logits")
    made.outputs.append(value("logits", FLOAT, shape))
    if not whole:
        made.outputs += [value(f"{name}n", FLOAT, (rows, "B", H)) for name in states]
    if parts.begin is not None:
        for number, name in enumerate(states):
            begin = parts.begin[:, number].transpose(0, 2, 1)
            constant = made.constant(f"{name}_of_labels", begin)
            made.add("Identity", [constant], f"begin_{name}0")
            made.outputs.append(value(f"begin_{name}0", FLOAT, begin.shape))
    return message(
        {1: made.nodes, 2: "charrnn", 5: made.constants, 11: made.inputs, 12: made.outputs}
    )


def _divide_states(made: _Graph, parts: Parts) -> None:
    """Give each level its own part of the states that come in: ``h0_0``, ``h0_1`` and so on."""
    each = made.numbers("each", *(len(own) for own in parts.levels))
    for name in parts.cell.states:
        levels = [f"{name}0_{level}" for level in range(len(parts.levels))]
        made.add("Split", [f"{name}0", each], *levels, axis=0)


def _characters(made: _Graph, parts: Parts, vocabulary_size: int) -> str:
    """``(T, B, D)`` or, one-hot, ``(T, B, K)``: what the lowest level reads."""
    if parts.E is not None:
        return made.add("Gather", [made.constant("E", parts.E.T), "ids"], "x", axis=0)
    depth = made.numbers("K", vocabulary_size)
    values = made.constant("off_on", np.array([0, 1], np.float32))
    return made.add("OneHot", ["ids", depth, values], "x")


def _level(
    made: _Graph, parts: Parts, level: int, own: tuple[Direction, ...], x: str, *, whole: bool
) -> tuple[str, str]:
    """What a level makes of each character, ``(T, B, R)``, and the name of what its *h* ends with, ``(directions, B, H)``."""
    kind, attributes = OPERATORS[parts.name]
    attributes = {
        name: one * len(own) if isinstance(one, list) else one for name, one in attributes.items()
    }
    weights = [
        made.constant(f"{name}_{level}", np.stack([_weights(parts, d)[name] for d in own]))
        for name in ("W", "R", "B")
    ]
    begin = [] if whole else [f"{name}0_{level}" for name in parts.cell.states]
    after = [f"{name}n_{level}" for name in parts.cell.states]
    h = made.add(
        kind,
        [x, *weights, "lengths" if whole else "", *begin],
        f"y_{level}",
        *after,
        hidden_size=parts.hidden_size,
        direction="bidirectional" if len(own) > 1 else "forward",
        **attributes,
    )
    # (T, directions, B, H) to (T, B, directions H)
    across = made.add("Transpose", [h], f"across_{level}", perm=[0, 2, 1, 3])
    flat = made.numbers(f"flat_{level}", 0, 0, -1)
    return made.add("Reshape", [across, flat], f"h_{level}"), after[0]


def _weights(parts: Parts, own: Direction) -> dict[str, Array]:
    """One direction's, as ONNX calls and orders them; it has two biases as PyTorch has."""
    rows = parts.cell.rows
    order = ORDERS.get(parts.name, rows)
    second = np.zeros_like(own.b)
    if own.d is not None:
        second[-len(own.d) :] = own.d
    biases = [in_order(bias, rows, order) for bias in (own.b, second)]
    return {
        "W": in_order(own.U, rows, order),
        "R": in_order(own.W, rows, order),
        "B": np.concatenate(biases),
    }
