"""The cells with their time steps compiled: the equations of ``lstm``, ``gru`` and ``rnn`` for Numba.

NumPy takes some twenty calls for a step, each of which passes over its arrays once and, beside
another thread, waits for Python's lock. Here a step is one call that holds no lock. Matrix products
stay NumPy's, and what is kept is the same. Only training asks for this module, by
:func:`charrnn.nn.compiled.compile_stack`.

Arrays are those of the cells, whole, with the time *t*: compiled code then knows that the last axis
is contiguous. With *n* rows they are

    z, dz               (n*H, T, B)     gates                       (T, n, H, B)
    h                   (H, T+1, B)     c                           (T+1, H, B)
    dh, drecalled       (H, T, B)       tanh_c, recalled            (T, H, B)
    Wh, dWh, dz_t       (n*H, B)        dh_t, dc_t                  (H, B)

A step forward starts from ``Wh``, W h_{t-1}, and overwrites it. A step back starts from what t+1 sends back,
``dh_t`` and ``dc_t``; the product with W that follows it is NumPy's. What costs, the tanh, runs over one flat
block, so that few numbers are left over when the processor takes eight at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN, ReLURNN
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

# A product and a sum may be rounded once instead of twice, which changes nothing from run to run. No
# other liberty is taken, so NaN stays NaN.
_compile = njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

# tanh(x) / x as P(x²) / Q(x²) for |x| ≤ 9, beyond which tanh rounds to 1: the best fit by relative
# error, 2.1e-8, found by least squares, reweighted until the error is level. In float32 a result is
# within 4e-7.
_P0, _P1, _P2, _P3, _P4 = (
    np.float32(p)
    for p in (9.99999980e-01, 1.33809811e-01, 3.49553450e-03, 2.06081842e-05, 1.33534124e-08)
)
_Q1, _Q2, _Q3, _Q4 = (
    np.float32(q) for q in (4.67142968e-01, 2.58767800e-02, 3.28554627e-04, 7.77604687e-07)
)
_ZERO, _HALF, _ONE, _NINE = (np.float32(number) for number in (0, 0.5, 1, 9))


def _tanh(x: Any) -> Any:
    """tanh of one number: a name for compiled code, to which Numba gives the body for the type.

    Where Numba was told not to compile there is none, and ``compile_stack`` leaves the work to NumPy.
    """
    raise NotImplementedError


@overload(_tanh)
def _tanh_by_type(x: Any) -> Callable[[Any], Any]:
    def tanh(x: Any) -> Any:
        x = _NINE if x > _NINE else x
        x = -_NINE if x < -_NINE else x
        y = x * x
        P = (((_P4 * y + _P3) * y + _P2) * y + _P1) * y + _P0
        Q = (((_Q4 * y + _Q3) * y + _Q2) * y + _Q1) * y + _ONE
        return x * P / Q

    def library_tanh(x: Any) -> Any:
        return math.tanh(x)

    return tanh if x == types.float32 else library_tanh


@_compile
def lstm_forward(
    t: int, z: Array, Wh: Array, gates: Array, h: Array, c: Array, tanh_c: Array
) -> None:
    """Fills ``gates[t]``, ``c[t + 1]``, ``tanh_c[t]`` and ``h[:, t + 1]``."""
    _, _, H, B = gates.shape
    HB = H * B
    a, wh = gates[t].reshape(4 * HB), Wh.reshape(4 * HB)
    c_before, c_t, tanh_c_t = c[t].reshape(HB), c[t + 1].reshape(HB), tanh_c[t].reshape(HB)
    for j in range(4 * H):
        for b in range(B):
            Wh[j, b] += z[j, t, b]
    for k in range(3 * HB):
        a[k] = _HALF + _HALF * _tanh(_HALF * wh[k])
    for k in range(3 * HB, 4 * HB):
        a[k] = _tanh(wh[k])
    i, f, o, g = a[:HB], a[HB : 2 * HB], gates[t, 2], a[3 * HB :]
    for k in range(HB):
        c_t[k] = f[k] * c_before[k] + i[k] * g[k]
        tanh_c_t[k] = _tanh(c_t[k])
    for j in range(H):
        for b in range(B):
            h[j, t + 1, b] = o[j, b] * tanh_c[t, j, b]


@_compile
def lstm_backward(
    t: int,
    dh: Array,
    gates: Array,
    c: Array,
    tanh_c: Array,
    dh_t: Array,
    dc_t: Array,
    dz_t: Array,
    dz: Array,
) -> None:
    """δz_t from δh_t and δc_t; ``dc_t`` becomes δc_t ∘ f_t."""
    _, _, H, B = gates.shape
    for j in range(H):
        for b in range(B):
            i, f, o, g = gates[t, 0, j, b], gates[t, 1, j, b], gates[t, 2, j, b], gates[t, 3, j, b]
            tanh_c_t = tanh_c[t, j, b]
            dh_jb = dh_t[j, b] + dh[j, t, b]
            dc_jb = dc_t[j, b] + dh_jb * o * (_ONE - tanh_c_t * tanh_c_t)
            dz_t[j, b] = dc_jb * g * i * (_ONE - i)
            dz_t[H + j, b] = dc_jb * c[t, j, b] * f * (_ONE - f)
            dz_t[2 * H + j, b] = dh_jb * tanh_c_t * o * (_ONE - o)
            dz_t[3 * H + j, b] = dc_jb * i * (_ONE - g * g)
            dc_t[j, b] = dc_jb * f
    for j in range(4 * H):
        for b in range(B):
            dz[j, t, b] = dz_t[j, b]


@_compile
def gru_forward(
    t: int, z: Array, Wh: Array, d: Array, gates: Array, recalled: Array, h: Array
) -> None:
    """Fills ``gates[t]``, ``recalled[t]`` and ``h[:, t + 1]``."""
    _, _, H, B = gates.shape
    HB = H * B
    a, wh = gates[t].reshape(3 * HB), Wh.reshape(3 * HB)
    for j in range(2 * H):
        for b in range(B):
            Wh[j, b] += z[j, t, b]
    for k in range(2 * HB):
        a[k] = _HALF + _HALF * _tanh(_HALF * wh[k])
    for j in range(H):
        for b in range(B):
            recalled[t, j, b] = Wh[2 * H + j, b] + d[j]
            Wh[2 * H + j, b] = gates[t, 0, j, b] * recalled[t, j, b] + z[2 * H + j, t, b]
    for k in range(2 * HB, 3 * HB):
        a[k] = _tanh(wh[k])
    u, n = gates[t, 1], gates[t, 2]
    for j in range(H):
        for b in range(B):
            h[j, t + 1, b] = n[j, b] + u[j, b] * (h[j, t, b] - n[j, b])


@_compile
def gru_backward(
    t: int,
    dh: Array,
    gates: Array,
    recalled: Array,
    h: Array,
    dh_t: Array,
    dWh: Array,
    dz: Array,
    drecalled: Array,
) -> None:
    """δz and δy, here ``dWh``, from δh_t; ``dh_t`` becomes δh_t ∘ u_t."""
    _, _, H, B = gates.shape
    for j in range(H):
        for b in range(B):
            r, u, n = gates[t, 0, j, b], gates[t, 1, j, b], gates[t, 2, j, b]
            dh_jb = dh_t[j, b] + dh[j, t, b]
            dn = dh_jb * (_ONE - u) * (_ONE - n * n)
            dWh[j, b] = dn * recalled[t, j, b] * r * (_ONE - r)
            dWh[H + j, b] = dh_jb * (h[j, t, b] - n) * u * (_ONE - u)
            dWh[2 * H + j, b] = dn * r
            dz[2 * H + j, t, b] = dn
            dh_t[j, b] = dh_jb * u
    for j in range(2 * H):
        for b in range(B):
            dz[j, t, b] = dWh[j, b]
    for j in range(H):
        for b in range(B):
            drecalled[j, t, b] = dWh[2 * H + j, b]


@_compile
def rnn_forward(t: int, z: Array, Wh: Array, h: Array, relu: bool) -> None:
    """Fills ``h[:, t + 1]``."""
    H, B = Wh.shape
    a = Wh.reshape(H * B)
    for j in range(H):
        for b in range(B):
            Wh[j, b] += z[j, t, b]
    if relu:
        for k in range(H * B):
            a[k] = _ZERO if a[k] < _ZERO else a[k]  # NaN is not below 0 and stays
    else:
        for k in range(H * B):
            a[k] = _tanh(a[k])
    for j in range(H):
        for b in range(B):
            h[j, t + 1, b] = Wh[j, b]


@_compile
def rnn_backward(
    t: int, dh: Array, h: Array, dh_t: Array, dz_t: Array, dz: Array, relu: bool
) -> None:
    """δz_t from δh_t."""
    H, B = dh_t.shape
    for j in range(H):
        for b in range(B):
            y = h[j, t + 1, b]
            slope = (_ONE if y > _ZERO else _ZERO) if relu else _ONE - y * y
            dz_t[j, b] = (dh_t[j, b] + dh[j, t, b]) * slope
    for j in range(H):
        for b in range(B):
            dz[j, t, b] = dz_t[j, b]


class CompiledLSTM(LSTM):
    step = staticmethod(lstm_forward)

    @staticmethod
    def through_time(
        WT: Array, dz: Array, dh: Array, dh_t: Array, dc_t: Array, workspace: Workspace
    ) -> None:
        rows, T, B = dz.shape
        gates, c, tanh_c = (workspace[name] for name in ("gates", "c", "tanh_c"))
        dz_t = workspace.scratch.array(rows, B)
        for t in reversed(range(T)):
            lstm_backward(t, dh, gates, c, tanh_c, dh_t, dc_t, dz_t, dz)
            np.matmul(WT, dz_t, out=dh_t)


class CompiledGRU(GRU):
    step = staticmethod(gru_forward)

    @staticmethod
    def through_time(
        WT: Array, dz: Array, drecalled: Array, dh: Array, dh_t: Array, workspace: Workspace
    ) -> None:
        rows, T, B = dz.shape
        gates, recalled, h = (workspace[name] for name in ("gates", "recalled", "h"))
        dWh, through_W = workspace.scratch.array(rows, B), workspace.scratch.array(*dh_t.shape)
        for t in reversed(range(T)):
            gru_backward(t, dh, gates, recalled, h, dh_t, dWh, dz, drecalled)
            dh_t += np.matmul(WT, dWh, out=through_W)


class CompiledRNN(RNN):
    relu = False

    def step(self, t: int, z: Array, Wh: Array, h: Array) -> None:
        rnn_forward(t, z, Wh, h, self.relu)

    def through_time(
        self, WT: Array, dz: Array, dh: Array, dh_t: Array, workspace: Workspace
    ) -> None:
        H, T, B = dz.shape
        h, dz_t = workspace["h"], workspace.scratch.array(H, B)
        for t in reversed(range(T)):
            rnn_backward(t, dh, h, dh_t, dz_t, dz, self.relu)
            np.matmul(WT, dz_t, out=dh_t)


class CompiledReLURNN(CompiledRNN, ReLURNN):
    relu = True


TWINS: dict[type[Cell], type[Cell]] = {
    LSTM: CompiledLSTM,
    GRU: CompiledGRU,
    RNN: CompiledRNN,
    ReLURNN: CompiledReLURNN,
}
"""The compiled form of each cell that has one."""
