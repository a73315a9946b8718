"""The fused cells against the slow ones of ``oracle.py``, down to one unit, stream and step."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from forms import Form
from kinds import KINDS
from stack_problem import Result, StackProblem, assert_same, random_problem

from charrnn.nn.parameters import Array, Parameters


@cache
def oracle_result(cell: str, **sizes: Any) -> Result:
    """What :meth:`StackProblem.run` returns of a random problem, from the oracle: one for all forms of the stack."""
    problem = random_problem(cell, **sizes)
    one_hot = problem.stack.layers[0].one_hot
    dense = np.eye(problem.stack.layers[0].input_size)[:, problem.x] if one_hot else problem.x
    x, state = dense.astype(complex), problem.state.astype(complex)
    params = Parameters(problem.params.shapes, problem.params.flat.astype(complex))
    weights = [
        {
            name.removeprefix(f"{layer.name}/"): array
            for name, array in params.items()
            if name.startswith(f"{layer.name}/")
        }
        for layer in problem.stack.layers
    ]

    def forward() -> tuple[Array, Array]:
        hs, final = oracle.stack(cell, weights, list(x.transpose(1, 0, 2)), state)
        return np.stack(hs, axis=1), final

    def loss() -> Any:
        h, final = forward()
        return np.sum(problem.dh * h) + np.sum(problem.dstate * final)

    h, final = forward()
    return Result(
        h.real,
        final.real,
        Parameters(params.shapes, oracle.derivatives(loss, params.flat)),
        None if one_hot else oracle.derivatives(loss, x),
        oracle.derivatives(loss, state),
    )


@pytest.mark.parametrize(
    ("hidden_size", "batch", "length", "input_size", "num_layers", "one_hot"),
    [  # Of one and of more there is each with both kinds of inputs.
        (1, 1, 1, 1, 1, True),
        (1, 1, 1, 1, 1, False),
        (1, 1, 4, 2, 2, True),
        (1, 3, 2, 2, 1, False),
        (3, 1, 1, 2, 2, False),
        (3, 2, 1, 1, 1, True),
        (4, 1, 5, 3, 1, False),
        (2, 5, 3, 4, 3, True),
        (5, 3, 4, 2, 2, False),
    ],
)
@pytest.mark.parametrize("cell", KINDS)
def test_fused_equals_textbook(
    cell: str,
    hidden_size: int,
    batch: int,
    length: int,
    input_size: int,
    num_layers: int,
    one_hot: bool,
    every_form: Form,
) -> None:
    """Outputs, final state and all gradients."""
    sizes: dict[str, Any] = {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "num_layers": num_layers,
        "length": length,
        "batch": batch,
        "one_hot": one_hot,
        "seed": 8,
    }
    assert_same(random_problem(cell, form=every_form, **sizes).run(), oracle_result(cell, **sizes))


@pytest.mark.parametrize("cell", KINDS)
def test_ids_equal_one_hot_columns(cell: str) -> None:
    """A gather of columns is the product with one-hot vectors, which the dense input takes."""
    ids = random_problem(cell, one_hot=True, input_size=6, length=7)
    assert np.unique(ids.x).size > 1
    columns = random_problem(cell, one_hot=False, input_size=6, length=7)
    dense = StackProblem(
        columns.stack, ids.params, np.eye(6)[:, ids.x], ids.state, ids.dh, ids.dstate
    )
    assert_same(ids.run(), dense.run()._replace(dx=None))


def test_derivatives() -> None:
    """The oracle's gradient of a function with a known derivative is that derivative."""
    x = np.array([0.3, -1.2, 2.0], complex)
    gradient = oracle.derivatives(lambda: np.sum(oracle.sigmoid(x) * x), x)
    p = 1 / (1 + np.exp(-x.real))
    np.testing.assert_allclose(gradient, p + x.real * p * (1 - p), rtol=1e-14)
