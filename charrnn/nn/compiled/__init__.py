"""The compiled time steps of ``kernels``, for who wants to train and has Numba."""

from __future__ import annotations

import os
from types import ModuleType

import numpy as np

from charrnn.nn.layer import Layer, make_cell
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace


def load_kernels(cell: str) -> ModuleType | None:
    """:mod:`charrnn.nn.compiled.kernels`, ready for float32 and this cell; None where NumPy is to do it all.

    The kernels need Numba (``pip install 'charrnn[fast]'``), and ``CHARRNN_KERNELS=numpy`` declines
    them. Compiling takes some seconds, once: later processes find the result on disk.
    """
    if os.environ.get("CHARRNN_KERNELS") == "numpy":
        return None
    try:
        from charrnn.nn.compiled import kernels

        _take_one_step(cell, kernels)
    except (ImportError, OSError, RuntimeError):  # no Numba, or no place for what it compiles
        return None
    return kernels


def _take_one_step(cell: str, kernels: ModuleType) -> None:
    """Forward and back with one of everything, so that what training calls is compiled."""
    layer = Layer(make_cell(cell, 1), 1, "layer", one_hot=True)
    params = Parameters(layer.parameter_shapes())
    x, (state, dh) = np.zeros((1, 1), np.uint8), np.zeros((2, layer.cell.states, 1, 1), np.float32)
    workspace = Workspace(kernels=kernels)
    layer.forward(params, x, state, workspace)
    layer.backward(params, params.zeros(), dh[:1], dh, workspace)
