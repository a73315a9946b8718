"""Characters and labels that a model treats alike: near each other as it reads them, or as it predicts them.

A character is read as a column of the embedding E (or of the first layer's U where the input is one-hot),
and predicted by its row of V, as a label or a tag is by its own. (A label that a model writes for is a column of ``begin/E``, what texts
begin with.) Adding the same vector to all of these columns is no more than another bias,
and to all rows of V changes no probability; so vectors are compared after taking their mean away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.conditional import Conditional
from charrnn.nn.parameters import Array
from charrnn.words import decimals

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
    """N characters, or labels, as vectors of one array.

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
        """Those that are most like one of them, the most alike first."""
        order = np.argsort(-self.cosines[index], kind="stable")
        nearest: NDArray[np.intp] = order[order != index][:count]
        return nearest


@dataclass(frozen=True)
class CharacterMap:
    """The N most frequent characters of a text, with their ``(N,)`` counts, as a model reads and, if it does, predicts them."""

    characters: str
    counts: NDArray[np.intp]
    read: Likeness
    predicted: Likeness | None


@dataclass(frozen=True)
class LabelMap:
    """Labels or tags as a model predicts them, or as it begins to write for them."""

    names: tuple[str, ...]
    known: Likeness


def label_map(
    model: CharacterModel, answers: Sequence[str] | None = None, most: int = MOST
) -> LabelMap | None:
    """Compare a model's labels or tags, the first ``most`` of them; None if it has none.

    Args:
        answers: Labels or tags of texts, of which the most frequent ones are taken.
    """
    labels, tagged = model.labels, model.config.learns.aligned
    if not len(labels):
        return None
    counts = Counter(
        tag for one in answers or () for tag in (labels.divided(one) if tagged else [one])
    )
    names = sorted(labels.names, key=lambda name: -counts[name])[:most]
    ids = labels.encode(names)
    if isinstance(network := model.network, Conditional):
        array = network.begun_by
        vectors = model.parameters[array][:, ids].T
    else:
        array = network.predicted_by
        vectors = model.parameters[array][ids]
    return LabelMap(tuple(names), _likeness(array, vectors))


def character_map(model: CharacterModel, text: str, most: int = MOST) -> CharacterMap:
    """Compare the most frequent characters of a text, ``most`` of them: vectors of rare ones have hardly been learnt.

    Args:
        text: To a model with labels or tags each of its lines is a text.

    Raises:
        InputError: The text has fewer than two different characters.
        UnknownCharacterError: It has one that the model does not know.
    """
    if model.config.reads_whole:
        text = text.replace("\n", "")
    counts = np.bincount(model.vocabulary.encode(text), minlength=len(model.vocabulary))
    ids = np.argsort(-counts, kind="stable")[:most]
    ids = ids[counts[ids] > 0]
    if len(ids) < 2:
        raise InputError("the text needs two different characters at least")
    params, network = model.parameters, model.network
    read_by, predicted_by = network.read_by, network.predicted_by
    writes = not model.config.reads_whole
    return CharacterMap(
        model.vocabulary.decode(ids),
        counts[ids],
        _likeness(read_by, params[read_by][:, ids].T),
        _likeness(predicted_by, params[predicted_by][ids]) if writes else None,
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
    """Maps of the most frequent characters, and of labels, and the neighbours of each."""
    model = look.subject.checkpoint.model
    watched = look.watched(READ)
    found, labels = character_map(model, watched.text), label_map(model, watched.answers)
    characters = [fig.Symbols(character, alone=True) for character in found.characters]
    kinds = [_kind(character) for character in found.characters]
    seen = {"read": found.read}
    if found.predicted:
        seen["predicted"] = found.predicted
    unit = model.vocabulary.config.unit
    title = f"The {len(characters)} most frequent {unit}s"
    words = f"{title} of {watched.source}; near each other are those that the model treats alike."
    maps = [_map(how, likeness, characters, kinds, KINDS.keys()) for how, likeness in seen.items()]
    data: dict[str, Any] = {how: _data(likeness, characters) for how, likeness in seen.items()}
    rows: list[list[fig.Cell]] = [
        [character, f"{count:,}", *(_alike(one, n, characters) for one in seen.values())]
        for n, (character, count) in enumerate(zip(characters[:LISTED], found.counts, strict=False))
    ]
    heads = [fig.Column(f"alike when {how}") for how in seen]
    blocks: list[fig.Block] = [
        fig.Words(words),
        fig.Panels(maps),
        fig.Table([fig.Column(""), *fig.figures("count"), *heads], rows),
    ]
    if labels:
        kind, names = model.config.learns.label, labels.names
        maps.append(_map(f"{kind}s", labels.known, names, [0] * len(names), [f"{kind}s"]))
        data["labels"] = {"names": names, **_data(labels.known, names)}
        some: list[list[fig.Cell]] = [
            [name, _alike(labels.known, place, names)] for place, name in enumerate(names[:LISTED])
        ]
        blocks[1] = fig.Panels(maps)
        blocks.append(fig.Table([fig.Column(kind), fig.Column("most alike")], some))
    return fig.Figure(
        title,
        blocks,
        {"source": watched.source, "characters": characters, "counts": found.counts, **data},
        maps[-1].description,
        [fig.Panels(maps)],
    )


def _data(likeness: Likeness, words: Sequence[fig.Part]) -> dict[str, Any]:
    nearest = [
        [words[n] for n in likeness.nearest(index, NEIGHBOURS)] for index in range(len(words))
    ]
    return {
        "array": likeness.array,
        "places": likeness.places,
        "explained": likeness.explained,
        "nearest": nearest,
        "cosines": likeness.cosines,
    }


def _kind(character: str) -> int:
    return [is_so(character) for is_so in KINDS.values()].index(True)


def _map(
    how: str,
    likeness: Likeness,
    words: Sequence[fig.Part],
    kinds: Sequence[int],
    legend: Iterable[str],
) -> fig.Map:
    places, pairs = list[fig.Place](), list[fig.Phrase]()
    points = zip(words, likeness.places.tolist(), kinds, strict=True)
    for index, (word, (x, y), kind) in enumerate(points):
        told = (word, ", most like ", *_alike(likeness, index, words))
        places.append(fig.Place(word, x, y, kind, told))
        pairs.append((word, " and ", words[likeness.nearest(index, 1)[0]]))
    axes = [fig.Axis(f"{share:.0%} of the variance", bare=True) for share in likeness.explained]
    share = f"{likeness.explained.sum():.0%} of the variance"
    of_labels = how in ("labels", "tags")
    description = (
        f"{how.capitalize() if of_labels else 'Those'} that are alike {'' if of_labels else f'when {how} '}are near each other, as ",
        *fig.joined(pairs[:PAIRS], "; "),
        ".",
    )
    named = how.capitalize() if of_labels else f"As they are {how}"
    title = f"{named} ({likeness.array}; {share})"
    return fig.Map(f"map-{how}", title, axes[0], axes[1], description, places, tuple(legend))


def _alike(likeness: Likeness, index: int, words: Sequence[fig.Part]) -> tuple[fig.Part, ...]:
    near = likeness.nearest(index, NEIGHBOURS)
    return fig.joined(
        [(words[n], f" {decimals(likeness.cosines[index, n], 2)}") for n in near], "  "
    )
