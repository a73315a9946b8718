"""Characters that a model treats alike: near each other as it reads them, or as it predicts them.

A character is read as a column of the embedding E (or of the first layer's U where the input is one-hot),
and predicted by its row of V. Adding the same vector to all of these columns is no more than another bias,
and to all rows of V changes no probability; so vectors are compared after taking their mean away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array

MOST = 64
READ = 100_000  # characters in which those that are frequent are counted
LISTED, PAIRS = 16, 8  # characters whose neighbours are listed, and whose nearest is told in words
NEIGHBOURS = 4
KINDS: dict[str, Callable[[str], bool]] = {
    "small letters": str.islower,
    "capitals": str.isupper,
    "digits": str.isdigit,
    "spaces": str.isspace,
    "other": bool,
}


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
    """The N most frequent characters of a text, with their ``(N,)`` counts, as a model reads and predicts them."""

    characters: str
    counts: NDArray[np.intp]
    read: Likeness
    predicted: Likeness


def character_map(model: CharacterModel, text: str, most: int = MOST) -> CharacterMap:
    """Compare the most frequent characters of a text, ``most`` of them: vectors of rare ones have hardly been learnt.

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
    # (N, D)
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


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """Maps of the most frequent characters, and the neighbours of each."""
    model = look.subject.checkpoint.model
    text, source = look.text(READ)
    found = character_map(model, text)
    characters = [fig.Symbols(character, alone=True) for character in found.characters]
    seen = {"read": found.read, "predicted": found.predicted}
    title = f"The {len(characters)} most frequent characters"
    words = f"{title} of {source}; near each other are those that the model treats alike."
    maps = [_map(how, likeness, characters) for how, likeness in seen.items()]
    data = {
        how: {
            "array": likeness.array,
            "places": likeness.places,
            "explained": likeness.explained,
            "nearest": [
                [characters[n] for n in likeness.nearest(index, NEIGHBOURS)]
                for index in range(len(characters))
            ],
            "cosines": likeness.cosines,
        }
        for how, likeness in seen.items()
    }
    rows: list[list[fig.Cell]] = [
        [character, f"{count:,}", *(_alike(one, n, characters) for one in seen.values())]
        for n, (character, count) in enumerate(zip(characters[:LISTED], found.counts, strict=False))
    ]
    heads = [fig.Column(f"alike when {how}") for how in seen]
    return fig.Figure(
        title,
        [
            fig.Words(words),
            fig.Panels(maps),
            fig.Table([fig.Column(""), *fig.figures("count"), *heads], rows),
        ],
        {"source": source, "characters": characters, "counts": found.counts, **data},
        maps[-1].description,
        [fig.Panels(maps)],
    )


def _map(how: str, likeness: Likeness, characters: list[fig.Symbols]) -> fig.Map:
    places, pairs = list[fig.Place](), list[fig.Phrase]()
    for index, (symbols, (x, y)) in enumerate(
        zip(characters, likeness.places.tolist(), strict=True)
    ):
        told = (symbols, ", most like ", *_alike(likeness, index, characters))
        kind = [is_so(symbols.text) for is_so in KINDS.values()].index(True)
        places.append(fig.Place(symbols, x, y, kind, told))
        pairs.append((symbols, " and ", characters[likeness.nearest(index, 1)[0]]))
    axes = [fig.Axis(f"{share:.0%} of the variance", bare=True) for share in likeness.explained]
    share = f"{likeness.explained.sum():.0%} of the variance"
    description = (
        f"Those that are alike when {how} are near each other, as ",
        *fig.joined(pairs[:PAIRS], "; "),
        ".",
    )
    title = f"As they are {how} ({likeness.array}; {share})"
    return fig.Map(f"map-{how}", title, axes[0], axes[1], description, places, tuple(KINDS))


def _alike(likeness: Likeness, index: int, characters: list[fig.Symbols]) -> tuple[fig.Part, ...]:
    near = likeness.nearest(index, NEIGHBOURS)
    return fig.joined([(characters[n], f" {likeness.cosines[index, n]:.2f}") for n in near], "  ")
