"""Characters that a model treats alike: near each other as it reads them, or as it predicts them.

A character is read as a column of the embedding E (or of the first layer's U where the input is one-hot),
and predicted by its row of V. Adding the same vector to all of these columns is no more than another bias,
and to all rows of V changes no probability; so vectors are compared after taking their mean away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array

MOST = 64


@dataclass(frozen=True)
class Likeness:
    """N characters as vectors of one array.

    Attributes:
        array: Its name.
        places: ``(N, 2)``, their directions on the plane that holds most of the variance of these
            (principal components).
        explained: ``(2,)``, the share of the variance along each of its axes.
        cosines: ``(N, N)``, between each two.
    """

    array: str
    places: Array
    explained: Array
    cosines: Array

    def nearest(self, index: int, count: int) -> NDArray[np.intp]:
        """The characters that are most like one of them, the most alike first."""
        order = np.argsort(-self.cosines[index], kind="stable")
        nearest: NDArray[np.intp] = order[order != index][:count]
        return nearest


@dataclass(frozen=True)
class CharacterMap:
    """The most frequent characters of a text, and how a model sees them.

    Attributes:
        characters: N of them, the most frequent first.
        counts: ``(N,)``, how often each occurs.
        read: As the model reads them.
        predicted: As it predicts them.
    """

    characters: str
    counts: NDArray[np.intp]
    read: Likeness
    predicted: Likeness


def character_map(model: CharacterModel, text: str, most: int = MOST) -> CharacterMap:
    """Compare characters.

    Args:
        text: Tells which ones are frequent: the vectors of rare ones have hardly been learnt.
        most: How many to take.

    Raises:
        InputError: The text has fewer than two different characters.
        UnknownCharacterError: It has one that the model does not know.
    """
    counts = np.bincount(model.vocabulary.encode(text), minlength=len(model.vocabulary))
    ids = np.argsort(-counts, kind="stable")[:most]
    ids = ids[counts[ids] > 0]
    if len(ids) < 2:
        raise InputError("the text needs two different characters at least")
    params, network = model.parameters, model.network
    read_by, predicted_by = network.read_by, network.predicted_by
    return CharacterMap(
        model.vocabulary.decode(ids),
        counts[ids],
        _likeness(read_by, params[read_by][:, ids].T),
        _likeness(predicted_by, params[predicted_by][ids]),
    )


def _likeness(name: str, vectors: Array) -> Likeness:
    """Of ``(N, D)`` vectors."""
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    left, spread, _ = np.linalg.svd(directions - directions.mean(axis=0), full_matrices=False)
    places, explained = np.zeros((len(vectors), 2)), np.zeros(2)
    axes = min(2, len(spread))
    places[:, :axes] = left[:, :axes] * spread[:axes]
    # The sign of an axis means nothing; the outermost character lies on its positive side.
    outermost = np.abs(places).argmax(axis=0)
    places *= np.where(places[outermost, [0, 1]] < 0, -1, 1)
    explained[:axes] = np.square(spread[:axes]) / (np.square(spread).sum() or 1)
    return Likeness(name, places, explained, directions @ directions.T)
