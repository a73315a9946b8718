"""The cells as a textbook writes them: one gate a line, one step a turn of the loop.

Slow on purpose, and it shares no code with ``charrnn``. Vectors are columns, those of a batch lie
side by side as ``(H, B)``, and a sequence is a list of them over time. Every operation also takes
complex numbers, so that :func:`derivatives` has gradients to the last digit without a line of
back-propagation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Columns = list[Array]
Weights = Mapping[str, Array]
"""``U``, ``W``, ``b`` (the GRU's ``d``, and ``gain``, where sums are normalised) of one layer, their gates on top of each other."""


def sigmoid(x: Array) -> Array:
    y: Array = 1 / (1 + np.exp(-x))
    return y


def tanh(x: Array) -> Array:
    y: Array = (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))
    return y


def relu(x: Array) -> Array:
    return np.where(x.real > 0, x, 0)


def gate(matrix: Array, index: int, hidden_size: int) -> Array:
    """The rows of one gate; of a bias, as a column."""
    rows = matrix[index * hidden_size : (index + 1) * hidden_size]
    return rows if rows.ndim == 2 else rows[:, None]


def arriving(weights: Weights, total: Array, index: int) -> Array:
    """What a gate's function is taken of: all that comes to it, with its bias; where the layer has gains, normalised before.

    Ba, Kiros, Hinton, arXiv 1607.06450, equation 3, of one gate and one text at a time; ε is PyTorch's.
    """
    H = len(total)
    bias = gate(weights["b"], index, H)
    if "gain" not in weights:
        return bias + total
    columns = []
    for column in total.T:
        mean = sum(column) / H
        variance = sum((number - mean) ** 2 for number in column) / H
        columns.append((column - mean) / (variance + 1e-5) ** 0.5)
    scaled: Array = gate(weights["gain"], index, H) * np.stack(columns, axis=1)
    return scaled + bias


def rnn(
    weights: Weights, xs: Columns, h: Array, activation: Callable[[Array], Array]
) -> tuple[Columns, Array]:
    """Goodfellow, Bengio, Courville, equations 10.8 and 10.9: h_t = tanh(b + W h_{t-1} + U x_t)."""
    U, W = weights["U"], weights["W"]
    hs = []
    for x in xs:
        h = activation(arriving(weights, W @ h + U @ x, 0))
        hs.append(h)
    return hs, h


def feedforward(tables: Sequence[Array], bias: Array, windows: Sequence[Columns]) -> Columns:
    """Bengio et al. 2003, without the direct connections: a table for each place, the current one first.

    Args:
        windows: At each step the inputs of all places.
    """
    hs = []
    for window in windows:
        a = bias[:, None]
        for table, x in zip(tables, window, strict=True):
            a = a + table @ x
        hs.append(tanh(a))
    return hs


def lstm(weights: Weights, xs: Columns, h: Array, c: Array) -> tuple[Columns, Array, Array]:
    """Goodfellow, Bengio, Courville, equations 10.40 to 10.44, with tanh for what is written."""
    U, W = weights["U"], weights["W"]
    H = len(h)
    U_input, W_input = gate(U, 0, H), gate(W, 0, H)
    U_forget, W_forget = gate(U, 1, H), gate(W, 1, H)
    U_output, W_output = gate(U, 2, H), gate(W, 2, H)
    U_write, W_write = gate(U, 3, H), gate(W, 3, H)
    hs = []
    for x in xs:
        input_gate = sigmoid(arriving(weights, U_input @ x + W_input @ h, 0))
        forget_gate = sigmoid(arriving(weights, U_forget @ x + W_forget @ h, 1))
        output_gate = sigmoid(arriving(weights, U_output @ x + W_output @ h, 2))
        write = tanh(arriving(weights, U_write @ x + W_write @ h, 3))
        c = forget_gate * c + input_gate * write
        h = output_gate * tanh(c)
        hs.append(h)
    return hs, h, c


def gru(weights: Weights, xs: Columns, h: Array) -> tuple[Columns, Array]:
    """Cho et al., arXiv 1406.1078, equations 5 to 8, with the reset after the product (cuDNN)."""
    U, W, d = weights["U"], weights["W"], weights["d"][:, None]
    H = len(h)
    U_reset, W_reset = gate(U, 0, H), gate(W, 0, H)
    U_update, W_update = gate(U, 1, H), gate(W, 1, H)
    U_new, W_new = gate(U, 2, H), gate(W, 2, H)
    hs = []
    for x in xs:
        reset = sigmoid(arriving(weights, U_reset @ x + W_reset @ h, 0))
        update = sigmoid(arriving(weights, U_update @ x + W_update @ h, 1))
        new = tanh(arriving(weights, U_new @ x + reset * (W_new @ h + d), 2))
        h = (1 - update) * new + update * h
        hs.append(h)
    return hs, h


def layer(cell: str, weights: Weights, xs: Columns, state: Array) -> tuple[Columns, Array]:
    """One layer of any kind; ``state`` is ``(states, H, B)``, as is the final one. What is normalised tell its weights."""
    cell = cell.removeprefix("normalized-")
    if cell == "lstm":
        hs, *final = lstm(weights, xs, state[0], state[1])
    elif cell == "gru":
        hs, *final = gru(weights, xs, state[0])
    elif cell == "feedforward":
        hs, final = feedforward([weights["U"]], weights["b"], [[x] for x in xs]), list(state)
    else:
        hs, *final = rnn(weights, xs, state[0], {"rnn": tanh, "rnn-relu": relu}[cell])
    return hs, np.stack(final) if final else state


def stack(
    cell: str, weights: Sequence[Weights], xs: Columns, state: Array
) -> tuple[Columns, Array]:
    """Layers on top of each other: the outputs of one are the inputs of the next."""
    finals = []
    for layer_weights, layer_state in zip(weights, state, strict=True):
        xs, final = layer(cell, layer_weights, xs, layer_state)
        finals.append(final)
    return xs, np.stack(finals)


def derivatives(loss: Callable[[], Any], array: Array) -> Array:
    """Gradient of ``loss`` by each number of a complex ``array``.

    The complex step (Squire and Trapp, "Using complex variables to estimate derivatives of real
    functions", SIAM Review 1998): f(x + iε) = f(x) + iε f'(x) + O(ε²). The derivative is in the
    imaginary part, where nothing is subtracted, so ε can be so small that the rest vanishes.
    """
    epsilon = 1e-100
    gradient = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + 1j * epsilon
        gradient[index] = loss().imag / epsilon
        array[index] = value
    return gradient
