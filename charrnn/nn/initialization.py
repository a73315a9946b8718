"""Where learning starts from."""

from __future__ import annotations

import numpy as np

from charrnn.nn.parameters import Array


def scaled_uniform(array: Array, fan_in: int, rng: np.random.Generator) -> None:
    """Fill with values uniform in ±1/sqrt(fan_in) (LeCun et al., "Efficient BackProp", 1998)."""
    bound = fan_in**-0.5
    array[...] = rng.uniform(-bound, bound, array.shape)


def orthogonal_blocks(array: Array, rng: np.random.Generator) -> None:
    """Fill each square block of ``(n*H, H)`` with a random orthogonal matrix, one for each gate.

    An orthogonal matrix neither stretches nor shrinks what it carries through time
    (Saxe, McClelland, Ganguli, arXiv 1312.6120). Drawn uniformly: the signs of R's diagonal are
    folded into Q (Mezzadri, arXiv math-ph/0609050).
    """
    size = array.shape[1]
    for block in array.reshape(-1, size, size):
        q, r = np.linalg.qr(rng.standard_normal((size, size)))
        block[...] = q * np.sign(np.diag(r))
