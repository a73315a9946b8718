"""Texts of several lengths side by side in one chunk: what is beyond a text's length is padding.

A net reads padding as anything else, and nobody looks at what it makes of it: the state after a text is the one after its last
character, and no gradient comes from padding. So padding changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

Lengths = NDArray[np.integer[Any]]
"""Of the texts of a chunk, ``(B,)``, each from 0 to T."""

Places = NDArray[np.intp]
"""Of a chunk's steps and streams, ``(T*B,)``: step *t* of stream *b* is place ``t*B + b``."""

Columns = NDArray[np.intp]
"""Numbers of some streams of a chunk."""


def checked(lengths: Lengths | None, T: int, B: int) -> Lengths | None:
    """The same as numbers of steps, whatever integers they were.

    Raises:
        ValueError: They are not B numbers from 0 to T.
    """
    if lengths is None:
        return None
    whole = np.issubdtype(lengths.dtype, np.integer)
    if not whole or lengths.shape != (B,) or (lengths < 0).any() or (lengths > T).any():
        raise ValueError(f"lengths are {B} integers from 0 to {T}, not {lengths}")
    return lengths.astype(np.intp)


def remember_lengths(lengths: Lengths | None, workspace: Workspace) -> None:
    """Keep them in ``workspace["lengths"]`` for the backward pass, if there are any."""
    if lengths is None:
        workspace.forget("lengths")
    else:
        workspace.remember(lengths=lengths)


def inside(lengths: Lengths, T: int) -> NDArray[np.bool_]:
    """``(T, B)``: what is no padding."""
    return np.arange(T)[:, None] < lengths


def reversing(lengths: Lengths | None, T: int, B: int) -> Places:
    """The places that make each text run backwards, within its length; twice, and all is as it was.

    Padding stays where it is. Without lengths all texts have T steps.
    """
    length = np.full(B, T) if lengths is None else lengths
    t = np.arange(T)[:, None]
    step = np.where(t < length, length - 1 - t, t)
    return (step * B + np.arange(B)).ravel()


def join_ends(dh: Array, dstate: Array, lengths: Lengths) -> tuple[Array, Array]:
    """Let the gradient by the state after a text come in where the text ends.

    That by *h* is added to ``dh`` at each text's last step; of other states a cell has to look after itself.

    Args:
        dh: ``(H, T, B)``, gradient by each *h*; what is given at padding is taken for nothing.
        dstate: ``(states, H, B)``, gradient by the state after each text.

    Returns:
        ``dstate`` without what was added, and that of texts without a step, which goes straight to their incoming state.
    """
    dh *= inside(lengths, dh.shape[1])
    if not len(dstate):  # nothing is carried
        return dstate, dstate
    (read,) = np.nonzero(lengths)
    dh[:, lengths[read] - 1, read] += dstate[0][:, read]
    passing = dstate * (lengths == 0)
    left = dstate - passing
    left[0] = 0
    return left, passing


def last_steps(lengths: Lengths, T: int) -> dict[int, Columns]:
    """The streams whose last step is *t*, for each such *t* before the chunk's own last one."""
    ends = np.unique(lengths[(lengths > 0) & (lengths < T)])
    return {int(end) - 1: np.flatnonzero(lengths == end) for end in ends}
