"""Quick twins of the stack and of the optimiser's work, to train, and of the stepper, to write, for who has Numba (the extra ``fast``)."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from charrnn.nn.blocks import Blocks
from charrnn.nn.cells.cell import Cell
from charrnn.nn.parameters import Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.signals import Held
from charrnn.words import shortened

Twin = TypeVar("Twin")
Call = Callable[[], object]

# Why nothing is compiled in this process; not a word where there is no Numba.
_failure: str | None = None

if TYPE_CHECKING:
    from charrnn.nn.compiled.stepper import CompiledStepper


class Form(NamedTuple):
    """Who computes in training.

    Attributes:
        name: For a run's record. Of two forms the last bits of a result differ.
        failure: Why nothing is compiled although Numba is there, in a few words.
    """

    name: str
    failure: str = ""


def current_form() -> Form:
    """That of this process, once something was to be compiled."""
    if _declined():
        return Form("numpy")
    if _failure is not None:
        return Form("numpy", _failure)
    from charrnn.nn.compiled.vectors import BYTES

    return Form(f"numba ({BYTES}-byte vectors)")


def compile_stack(stack: Stack, on_start: Call | None = None) -> Stack:
    """The same stack in its compiled form, ready for float32; or ``stack`` itself.

    That is where there is no Numba, where a cell has no compiled form, where compiling has failed, and where
    ``CHARRNN_KERNELS=numpy`` declines it. Compiling takes some seconds, once: later processes find the
    result on disk.

    Args:
        on_start: Called where something really is to be compiled, not found on disk, before the first such.
    """

    def twin() -> Stack:
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
        return twin

    # There are recurrences only: for nothing else is Numba loaded.
    return (_made(twin, on_start) if stack.cell.recurrent else None) or stack


def compile_blocks(
    blocks: Blocks, try_out: Callable[[Blocks], None], on_start: Call | None = None
) -> Blocks:
    """The same work on blocks in its compiled form, or ``blocks`` itself, as :func:`compile_stack` has it.

    Args:
        try_out: Does all that will be done, which is compiled thereby.
    """

    def twin() -> Blocks:
        from charrnn.nn.compiled.blocks import CompiledBlocks

        try_out(twin := CompiledBlocks())
        return twin

    return _made(twin, on_start) or blocks


def compile_stepper(cell: type[Cell], on_start: Call | None = None) -> type[CompiledStepper] | None:
    """Who takes steps of such cells, ready for float32; None where :func:`compile_stack` has no twin.

    Args:
        on_start: As for :func:`compile_stack`.
    """

    def twin() -> type[CompiledStepper] | None:
        from charrnn.nn.compiled.stepper import STEPS, CompiledStepper

        if cell not in STEPS:
            return None
        stack, readout = Stack(cell, 1, 1, 1, one_hot=True), Readout(1, 1)
        params = Parameters({**stack.parameter_shapes(), **readout.parameter_shapes()})
        U, state = params["layer0/U"], np.zeros(stack.state_shape(1), np.float32)
        CompiledStepper(stack, readout, params, U, state).step(np.zeros(1, np.intp))
        return CompiledStepper

    return _made(twin, on_start) if cell.recurrent else None


def _made(make: Callable[[], Twin], on_start: Call | None = None) -> Twin | None:
    """What is made, and compiled thereby; nothing where that is declined or has failed."""
    if _declined() or _failure is not None:
        return None
    held = Held()  # C calls Python to load and to compile, and an exception there would be lost
    with held:
        return _compiled(make, on_start or (lambda: None), held.act)


def _compiled(make: Callable[[], Twin], on_start: Call, between: Call) -> Twin | None:
    global _failure
    try:
        from charrnn.nn.compiled.compiling import compile_by

        return compile_by(make, on_start, between)
    except Exception as error:  # LLVM, Numba, the disk: whatever it is, NumPy does without
        absent = isinstance(error, ModuleNotFoundError) and error.name in ("numba", "llvmlite")
        _failure = "" if absent else _in_few_words(error)
        return None


def _declined() -> bool:
    return os.environ.get("CHARRNN_KERNELS") == "numpy"


def _in_few_words(error: Exception) -> str:
    """What is wrong: of Numba's long messages the first line that says it."""
    lines = (line.strip() for line in str(error).splitlines())
    said = [line for line in lines if line and not line.startswith("Failed in nopython mode")]
    kind = [] if isinstance(error, ImportError) and said else [type(error).__name__]
    return shortened(": ".join([*kind, *said[:1]]), 120)
