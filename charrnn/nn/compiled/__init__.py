"""Quick twins of the stack, to train, and of the stepper, to write, for who has Numba (the extra ``fast``)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np

from charrnn.nn.blocks import Blocks
from charrnn.nn.cells.cell import Cell
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.signals import Held

if TYPE_CHECKING:
    from charrnn.nn.compiled.stepper import CompiledStepper


def compile_stack(stack: Stack) -> Stack:
    """The same stack in its compiled form, ready for float32; or ``stack`` itself.

    That is where there is no Numba, where a cell has no compiled form, and where
    ``CHARRNN_KERNELS=numpy`` declines it. Compiling takes some seconds, once: later processes find the
    result on disk.
    """
    if os.environ.get("CHARRNN_KERNELS") == "numpy":
        return stack
    with Held():  # C calls Python to load and to compile, and an exception there would be lost
        return _compiled(stack)


def _compiled(stack: Stack) -> Stack:
    try:
        from charrnn.nn.compiled.stack import RECURRENCES, CompiledStack

        if stack.cell not in RECURRENCES:
            return stack
        twin = CompiledStack(**{field.name: getattr(stack, field.name) for field in fields(stack)})
        # Forward and back with one of everything, so that what training calls is compiled.
        one = replace(twin, input_size=1, hidden_size=1, num_layers=1, one_hot=True)
        params, workspace = Parameters(one.parameter_shapes()), Workspace()
        x, state = np.zeros((1, 1), np.uint8), np.zeros(one.state_shape(1), np.float32)
        h, _ = one.forward(params, x, state, workspace)
        one.backward(params, params.zeros(), np.zeros(h.shape, np.float32), state, workspace)
    except (ImportError, OSError, RuntimeError):  # no Numba, or no place for what it compiles
        return stack
    return twin


# The optimiser.


def compile_blocks(blocks: Blocks, try_out: Callable[[Blocks], None]) -> Blocks:
    """The same work on blocks in its compiled form, or ``blocks`` itself, as :func:`compile_stack` has it.

    Args:
        try_out: Does all that will be done, which is compiled thereby.
    """
    if os.environ.get("CHARRNN_KERNELS") == "numpy":
        return blocks
    with Held():
        try:
            from charrnn.nn.compiled.blocks import CompiledBlocks

            try_out(twin := CompiledBlocks())
        except (ImportError, OSError, RuntimeError):
            return blocks
        return twin


def compile_stepper(cell: type[Cell]) -> type[CompiledStepper] | None:
    """Who takes steps of such cells, ready for float32; None where :func:`compile_stack` has no twin."""
    if os.environ.get("CHARRNN_KERNELS") == "numpy":
        return None
    try:
        with Held():
            from charrnn.nn.compiled.stepper import STEPS, CompiledStepper

            if cell not in STEPS:
                return None
            stack, readout = Stack(cell, 1, 1, 1, one_hot=True), Readout(1, 1)
            params = Parameters({**stack.parameter_shapes(), **readout.parameter_shapes()})
            U, state = params["layer0/U"], np.zeros(stack.state_shape(1), np.float32)
            CompiledStepper(stack, readout, params, U, state).step(np.zeros(1, np.intp))
    except (ImportError, OSError, RuntimeError):
        return None
    return CompiledStepper
