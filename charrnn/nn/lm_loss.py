"""What stands next to each character, as something more to learn: an auxiliary language model (Rei, arXiv 1704.07156).

    p(x_{t+1} | x_1 … x_t) = softmax(V h_t + c),   p(x_{t-1} | x_t … x_n) = softmax(V' h'_t + c')

of the h that reads forwards and, if there is one, the h' that reads backwards, of the highest level whose directions do not yet know of each other
(:attr:`charrnn.nn.stack.Stack.causal`): above it what is next would only have to be copied. A label tells a net little of how
its texts are made; what comes next tells it something at each character. It is of use while a net learns, and never asked afterwards.
"""

from __future__ import annotations

import numpy as np

from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths, inside
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.workspace import Workspace


class LMLoss:
    """Two readouts ``(K+1, H)``, or one: number 0 is a text's end, or its beginning, and the characters' are one more than their ids.

    (So a character that a model gets to know later comes after all others.)

    Of a text of *n* characters the loss is the sum over its places of ``-log p(next) - log p(previous)``, times ``weight``, and, where an answer is
    for a whole text, divided by *n*: so it is always for as much as the loss beside which it stands, a text's or a tag's, and neither padding nor
    company changes that. A text without characters adds nothing.

    Args:
        hidden_size: *H*, of one direction.
        num_symbols: *K*.
        weight: Of this loss beside that of the answers.
        mean: Whether an answer is for a whole text.
    """

    def __init__(
        self,
        hidden_size: int,
        num_symbols: int,
        weight: float,
        *,
        mean: bool,
        bidirectional: bool,
        prefix: str = "lm/",
    ) -> None:
        self.hidden_size, self.weight, self.mean = hidden_size, weight, mean
        names = prefix, *([f"{prefix}reverse/"] * bidirectional)
        self.readouts = [Readout(hidden_size, num_symbols + 1, name) for name in names]
        self.multiplications = sum(readout.multiplications for readout in self.readouts)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, by its name in the model."""
        return dict(pair for part in self.readouts for pair in part.parameter_shapes().items())

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for readout in self.readouts:
            readout.initialize(params, rng)

    def learn(
        self,
        params: Parameters,
        gradients: Parameters,
        h: Array,
        ids: Ids,
        lengths: Lengths,
        scale: float,
        workspace: Workspace,
    ) -> Array:
        """Adds to the gradients of the readouts those of ``scale`` times the loss of some texts; returns that by ``h``.

        Args:
            h: ``(H, T, B)``, or ``(2H, T, B)``: what that level made of each character, dropped if it is to be.
            ids: ``(T, B)``, the characters.
            lengths: ``(B,)``, of the texts.
        """
        H, counts = self.hidden_size, inside(lengths, len(ids)) * (scale * self.weight)
        if self.mean:
            counts /= np.maximum(lengths, 1)
        dh = workspace.array("dh", *h.shape, like=h)
        for number, (readout, targets) in enumerate(
            zip(self.readouts, neighbours(ids, lengths), strict=False)
        ):
            own, rows = workspace.child(readout.prefix), slice(number * H, (number + 1) * H)
            logits = readout.forward(params, h[rows], own)
            cross_entropy_(logits, targets)
            logits *= counts
            dh[rows] = readout.backward(params, gradients, logits, own)
        return dh


def neighbours(ids: Ids, lengths: Lengths) -> tuple[Ids, Ids]:
    """``(T, B)``: what follows each character of some texts, and what stands before it, as a readout numbers them; anything in padding."""
    after, before = np.zeros(ids.shape, np.intp), np.zeros(ids.shape, np.intp)
    after[:-1], before[1:] = ids[1:] + 1, ids[:-1] + 1
    (read,) = np.nonzero(lengths)
    after[lengths[read] - 1, read] = 0
    return after, before
