"""What an embedding, a recurrent layer and a readout have in common."""

from __future__ import annotations

from charrnn.nn.parameters import Array, Parameters


class Part:
    """A part of a model: sizes, and the names of its parameters, but none of their numbers.

    All parts keep to one contract. ``parameter_shapes`` says what they need, ``initialize`` draws it,
    ``forward(params, input, …, workspace)`` computes, and ``backward(params, gradients, gradient by
    the output, …, workspace)`` adds to the gradients of the part's parameters and returns that by its
    input. ``params`` and ``gradients`` are those of the whole model. What is returned lies in the part's
    workspace, valid until the next call.

    Args:
        prefix: What the names of its parameters begin with in the model: ``"layer0/"`` for ``"layer0/W"``.
        shapes: Shape of each parameter, under the part's own name for it.
    """

    def __init__(self, prefix: str, shapes: dict[str, tuple[int, ...]]) -> None:
        self.prefix = prefix
        self._shapes = shapes

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, by its name in the model."""
        return {f"{self.prefix}{name}": shape for name, shape in self._shapes.items()}

    def own(self, arrays: Parameters) -> dict[str, Array]:
        """The part's arrays of the model's parameters or gradients, under its own names."""
        return {name: arrays[f"{self.prefix}{name}"] for name in self._shapes}
