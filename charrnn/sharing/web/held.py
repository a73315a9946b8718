"""A model's numbers as a page holds them: float32, or fewer bits for each.

``half`` rounds each number to IEEE 754's binary16. ``int8`` has a scale for each row of a matrix, a number of the row
being ``scale · q`` with a whole q from -127 to 127; what has no rows (biases, gains) stays float32, for it is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from charrnn.drawing.page.document import packed
from charrnn.errors import InputError
from charrnn.nn.parameters import Array, Parameters

PRECISIONS = ("float32", "half", "int8")
LARGEST_HALF = float(np.finfo(np.float16).max)
LARGEST_BYTE = 127


def check_precision(precision: str) -> None:
    """Raise an InputError unless it is one of those that there are."""
    if precision not in PRECISIONS:
        raise InputError(f"--precision is one of {', '.join(PRECISIONS)}, not {precision}")


def as_held(params: Parameters, precision: str) -> Parameters:
    """The same parameters as they are after a page has unpacked them: what it writes with."""
    held = params.copy()
    for name, array in held.items():
        array[...] = _rounded(params[name], precision)[0]
    return held


def blocks(arrays: Mapping[str, Array], precision: str) -> list[dict[str, Any]]:
    """Each array's name, shape and numbers for the page's script; ``numbers.js`` unpacks them."""
    found = []
    for name, array in arrays.items():
        _, numbers = _rounded(array, precision)
        found.append({"name": name, "shape": list(array.shape), **numbers})
    return found


def _rounded(array: Array, precision: str) -> tuple[Array, dict[str, dict[str, str]]]:
    """An array as it will be read, float32, and what it is read from."""
    if precision == "half":
        # What is beyond the largest one would be infinite.
        half = np.clip(array, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
        return half.astype(np.float32), {"numbers": packed(half, "f2")}
    if precision == "int8" and array.ndim > 1:
        scales = (np.abs(array).max(axis=1, keepdims=True) / LARGEST_BYTE).astype(np.float32)
        whole = np.rint(np.divide(array, scales, out=np.zeros_like(array), where=scales > 0))
        q = np.clip(whole, -LARGEST_BYTE, LARGEST_BYTE).astype(np.int8)
        held: Array = q * scales
        return held, {"numbers": packed(q, "i1"), "scales": packed(scales, "f4")}
    return array, {"numbers": packed(array, "f4")}
