"""The simple recurrent network with ReLU."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.cells.rnn import RNN
from charrnn.nn.parameters import Array


class ReLURNN(RNN):
    """Le, Jaitly, Hinton, arXiv 1504.00941.

        z_t = U x_t + W h_{t-1} + b
        h_t = max(z_t, 0)

    A slope of 1 keeps gradients from shrinking if W starts as a rotation, and lets them explode the more
    easily. Going back, δz_t = δh_t where h_t > 0 and else 0; the rest is as with tanh.
    """

    title: ClassVar[str] = "RNN (ReLU)"

    @staticmethod
    def activation(z: Array, out: Array) -> None:
        np.maximum(z, 0, out=out)

    @staticmethod
    def slope(h: Array, out: Array) -> None:
        np.greater(h, 0, out=out)
