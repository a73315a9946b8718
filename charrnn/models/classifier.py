"""A label for a whole text: many to one."""

from __future__ import annotations

import numpy as np

from charrnn.config import ModelConfig
from charrnn.models.network import Network, Part
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.lengths import Lengths
from charrnn.nn.ngrams import Ngrams
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


class Classifier(Network):
    """Its label is read from what the top layer holds when a text has been read: ``o = V e + c``.

    The ends *e* are h after the text's last character and, of two directions, also h of the one that reads backwards, after the text's
    first. (The *outputs* at the last place would be another thing: there, who reads backwards has read one character.) A net without
    memory has no state: of it e is what it makes of the last character and its context. Scores are ``(K, 1, B)``. To them those of the text's
    n-grams are added, if there are any (:mod:`charrnn.nn.ngrams`).
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, outputs: int) -> None:
        super().__init__(config, vocabulary_size, outputs)
        self.ngrams = Ngrams(outputs, config.ngrams) if config.ngrams else None

    @property
    def _parts(self) -> tuple[Part, ...]:
        return (*super()._parts, *([self.ngrams] if self.ngrams else []))

    def scores(
        self,
        params: Parameters,
        h: Array,
        state: Array,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        lengths: Lengths | None = None,
    ) -> Array:
        """Of every label, ``(K, 1, B)``; the workspace knows the ``ids``, since :meth:`hidden` has read them."""
        workspace.remember(h=h, last=self.last(h, lengths))
        ends = self.ends(h, state, lengths)
        if self.config.is_recurrent:  # else it has been dropped
            ends = dropout.drop(ends, workspace.child("ends"))
        scores = self.readout.forward(params, ends[:, None], workspace.child("readout"))
        if self.ngrams:
            ids, own = workspace["ids"], workspace.child("ngrams")
            known = self.last(h, lengths) + 1
            scores[:, 0] += self.ngrams.forward(params, ids, known, own, dropout)
        return scores

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dlogits: Array,
        dstate: Array,
        workspace: Workspace,
        beside: Array | None = None,
    ) -> Array:
        if self.ngrams:
            self.ngrams.backward(params, gradients, dlogits[:, 0], workspace.child("ngrams"))
        d_ends = self.readout.backward(params, gradients, dlogits, workspace.child("readout"))
        R, T, B = workspace["h"].shape
        dh = workspace.array("dh", R, T, B)
        dh.fill(0)
        if self.config.is_recurrent:
            ends = workspace.child("ends")
            if "mask" in ends:
                d_ends *= ends["mask"][:, None]
            top, dstate = list(self.stack.levels[-1]), dstate.copy()
            dstate[top, 0] += d_ends.reshape(len(top), self.stack.hidden_size, B)
        else:
            last = workspace["last"]
            dh[:, last, np.arange(B)] = d_ends[:, 0]  # of a text without characters it is padding's
        return self.back_from(params, gradients, dh, dstate, workspace, beside)
