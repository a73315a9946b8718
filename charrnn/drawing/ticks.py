"""Round numbers along an axis."""

from __future__ import annotations

import math


def ticks(low: float, high: float, most: int) -> dict[float, str]:
    """Round numbers from ``low`` to ``high``, ``most`` of them or fewer but one, as they are written."""
    span = (high - low) or 1.0
    power = math.floor(math.log10(span / most))
    for factor in (1, 2, 5, 10):
        step = factor * 10.0**power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    digits = max(0, -power - (factor == 10))
    values = [index * step for index in range(first, last + 1)] or [low]
    if max(map(abs, values)) >= 1e6 or digits > 4:
        return {value: f"{value:.3g}" for value in values}
    return {value: f"{value:,.{digits}f}" for value in values}
