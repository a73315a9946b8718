"""A recurrent stack with everything about it random, and a loss that sees all that it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from forms import Form, as_it_is
from kinds import class_of
from numpy.typing import DTypeLike

from charrnn.nn.dropout import Dropout
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths, inside
from charrnn.nn.parameters import Array, Parameters, Shapes
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace


class Result(NamedTuple):
    """What a stack returns, and the gradients of the loss by what it was given."""

    h: Array
    final: Array
    gradients: Parameters
    dx: Array | None
    dstate: Array


@dataclass(frozen=True)
class StackProblem:
    """The loss is Σ ``dh`` ∘ h + Σ ``dstate`` ∘ final state, so these are its gradients at the top.

    Args:
        x: ``(input_size, T, B)``, or ids ``(T, B)``.
        state: The incoming state ``(L, states, H, B)``; not zero, or it would hide its own terms.
        dh: ``(H, T, B)``, or ``(2H, T, B)``.
        dstate: ``(L, states, H, B)``.
        lengths: ``(B,)``, of the texts. The loss does not see what is beyond them.
        rate: Dropout of the layers' outputs.
        weight_rate: Dropout of the recurrent weights.
        seed: Of the masks: each forward pass draws the same ones.
    """

    stack: Stack
    params: Parameters
    x: Array | Ids
    state: Array
    dh: Array
    dstate: Array
    rate: float = 0.0
    weight_rate: float = 0.0
    seed: int = 0
    lengths: Lengths | None = None

    def as_type(self, dtype: DTypeLike) -> StackProblem:
        """The same numbers, rounded."""
        params = Parameters(self.params.shapes, self.params.flat.astype(dtype))
        x = self.x if self.stack.one_hot else self.x.astype(dtype)
        state, dh, dstate = (a.astype(dtype) for a in (self.state, self.dh, self.dstate))
        return replace(self, params=params, x=x, state=state, dh=dh, dstate=dstate)

    def workspace(self) -> Workspace:
        return Workspace(self.params.flat.dtype)

    def dropout(self) -> Dropout:
        rng = np.random.default_rng(self.seed)
        return Dropout(rng, self.rate, self.weight_rate)

    def forward(self, workspace: Workspace) -> tuple[Array, Array]:
        return self.stack.forward(
            self.params, self.x, self.state, workspace, self.dropout(), self.lengths
        )

    def backward(self, workspace: Workspace, gradients: Parameters) -> tuple[Array | None, Array]:
        return self.stack.backward(
            self.params, gradients, self.dh.copy(), self.dstate.copy(), workspace
        )

    def loss(self, workspace: Workspace) -> float:
        h, final = self.forward(workspace)
        return float(np.sum(self.dh * self.known(h)) + np.sum(self.dstate * final))

    def known(self, h: Array) -> Array:
        """``h`` with zeros for what means nothing."""
        return h if self.lengths is None else h * inside(self.lengths, h.shape[1])

    def run(self, workspace: Workspace | None = None) -> Result:
        """Forward and back; the arrays of the result are copies."""
        workspace = workspace or self.workspace()
        h, final = self.forward(workspace)
        h, gradients = self.known(h).copy(), self.params.zeros()
        dx, dstate = self.backward(workspace, gradients)
        return Result(h, final, gradients, None if dx is None else dx.copy(), dstate)


def random_parameters(
    shapes: Shapes, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Parameters:
    """Every number drawn, the biases too: zeros would hide what they multiply."""
    params = Parameters(shapes, dtype=dtype)
    params.flat[...] = 0.5 * rng.standard_normal(params.flat.shape)
    return params


def random_problem(
    cell: str,
    *,
    input_size: int = 3,
    hidden_size: int = 4,
    num_layers: int = 2,
    length: int = 5,
    batch: int = 3,
    one_hot: bool = False,
    rate: float = 0.0,
    weight_rate: float = 0.0,
    seed: int = 0,
    form: Form = as_it_is,
    bidirectional: bool = False,
    lengths: Sequence[int] | None = None,
) -> StackProblem:
    """A problem in float64."""
    rng = np.random.default_rng(seed)
    sizes = input_size, hidden_size, num_layers
    plain = Stack(class_of(cell), *sizes, one_hot=one_hot, bidirectional=bidirectional)
    stack, batch = form(plain), batch if lengths is None else len(lengths)
    state_shape = stack.state_shape(batch)
    return StackProblem(
        stack,
        params=random_parameters(stack.parameter_shapes(), rng),
        x=(
            rng.integers(input_size, size=(length, batch))
            if one_hot
            else rng.standard_normal((input_size, length, batch))
        ),
        state=rng.standard_normal(state_shape),
        dh=rng.standard_normal((stack.output_size, length, batch)),
        dstate=rng.standard_normal(state_shape),
        rate=rate,
        weight_rate=weight_rate,
        seed=seed,
        lengths=None if lengths is None else np.array(lengths),
    )


def assert_same(
    actual: Result, expected: Result, check: Callable[..., Any] = np.testing.assert_allclose
) -> None:
    """Compare two results in every part, to rounding."""
    assert (actual.dx is None) == (expected.dx is None)
    for name in ("h", "final", "dx", "dstate"):
        left, right = getattr(actual, name), getattr(expected, name)
        if right is not None:
            check(left, right, rtol=1e-10, atol=1e-12, err_msg=name)
    for name, gradient in expected.gradients.items():
        check(actual.gradients[name], gradient, rtol=1e-10, atol=1e-12, err_msg=f"d{name}")
