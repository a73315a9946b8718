"""All numbers that a model learns, in one flat vector with named views; the parts that have some; and
where learning starts from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
"""A float array: float32 in use, float64 in gradient checks."""

Shapes = Mapping[str, tuple[int, ...]]

Own = Mapping[str, Array]
"""One layer's arrays, under their own names: ``"W"`` rather than ``"layer0/W"``."""


class Parameters(Mapping[str, Array]):
    """Named arrays that are views of one flat vector.

    Gradients, optimiser moments and averaged weights use the same layout, so that clipping, an
    optimiser's step or a gradient check is one expression over ``flat``. There is no item
    assignment: assigning would silently detach a view. Write ``p["V"][...] = value``.

    Two are equal if their names, shapes and numbers are. A pickled or copied one is whole: its arrays
    view its own vector, which is the same one after ``copy.copy``.

    Args:
        shapes: Of each array, in the order in which they lie in ``flat``.
        flat: The vector to view; without it a new one of zeros.
        dtype: Type of a new vector.

    Raises:
        ValueError: ``flat`` has not the size that the shapes ask for.
    """

    def __init__(
        self, shapes: Shapes, flat: Array | None = None, dtype: DTypeLike = np.float32
    ) -> None:
        size = sum(prod(shape) for shape in shapes.values())
        if flat is None:
            flat = np.zeros(size, dtype)
        elif flat.shape != (size,):
            raise ValueError(f"flat has shape {flat.shape}, not ({size},)")
        self.shapes = dict(shapes)
        self.flat = flat
        self._views: dict[str, Array] = {}
        start = 0
        for name, shape in shapes.items():
            stop = start + prod(shape)
            self._views[name] = flat[start:stop].reshape(shape)
            start = stop

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameters):
            return NotImplemented
        same = list(self.shapes.items()) == list(other.shapes.items())
        return same and np.array_equal(self.flat, other.flat)

    def __reduce__(self) -> tuple[type[Parameters], tuple[Shapes, Array]]:
        return Parameters, (self.shapes, self.flat)  # so that views are made anew

    def add(self, name: str, value: Array) -> None:
        """``p[name] += value``, which Python would read as an item assignment."""
        view = self._views[name]
        view += value

    def copy(self) -> Parameters:
        """The same arrays over a vector of their own."""
        return Parameters(self.shapes, self.flat.copy())

    def zeros(self) -> Parameters:
        """The same layout, all zero: room for gradients."""
        return Parameters(self.shapes, np.zeros_like(self.flat))


class Part:
    """A part of a model: sizes, and the names of its parameters, but none of their numbers.

    All parts keep to one contract. ``parameter_shapes`` says what they need, ``initialize`` draws it,
    ``forward(params, input, …, workspace)`` computes, and ``backward(params, gradients, gradient by
    the output, …, workspace)`` adds to the gradients of the part's parameters and returns that by its
    input. ``params`` and ``gradients`` are those of the whole model. What is returned lies in the part's
    workspace, or in what it was given to overwrite, valid until the next call.

    Args:
        prefix: What the names of its parameters begin with in the model: ``"layer0/"`` for ``"layer0/W"``.
        shapes: Shape of each parameter, under the part's own name for it.
    """

    def __init__(self, prefix: str, shapes: dict[str, tuple[int, ...]]) -> None:
        self.prefix = prefix
        self._shapes = shapes

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, by its name in the model, as they lie in its vector."""
        return {f"{self.prefix}{name}": shape for name, shape in self._shapes.items()}

    def own(self, arrays: Parameters) -> dict[str, Array]:
        """The part's arrays of the model's parameters or gradients, under its own names."""
        return {name: arrays[f"{self.prefix}{name}"] for name in self._shapes}


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
