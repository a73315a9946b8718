"""What a model expects next, at several temperatures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.inspection.surprise import (
    FEWEST,
    ON_PAGE,
    apart,
    guesses_of,
    in_words,
    read_surprise,
)
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.nn.parameters import Array
from charrnn.text.source import tidied
from charrnn.words import unescaped
from charrnn.writing.choosing import COLDEST, HOTTEST

TEMPERATURES = (0.5, 1.0, 1.5)
TOLD = 200  # characters of a prime that are told
PLACES = 6  # at which a page can tell what could follow, beside a text's beginning
SCORES = 25_000  # numbers for all these places together, where the vocabulary is large
CONTEXT, TOLD_ON_PAGE = 200, 40  # characters that are read before such a place, and told of it
FIRST = 10  # characters that are before it at least


@dataclass(frozen=True)
class Following:
    """The distributions of the character after a prime.

    Attributes:
        characters: The vocabulary, K characters.
        probabilities: ``(n, K)``, softmax(logits / temperature); at temperature 0 all of it is on
            the likeliest character.
    """

    prime: str
    characters: str
    temperatures: tuple[float, ...]
    probabilities: Array

    @property
    def entropy(self) -> Array:
        """``(n,)`` bits: how undecided each distribution is."""
        p = self.probabilities
        entropy: Array = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
        return np.abs(entropy)  # no -0


def read_following(
    model: CharacterModel, prime: str, temperatures: Sequence[float] = TEMPERATURES
) -> Following:
    """Read a prime as ``charrnn sample`` does, and tell what could follow.

    Raises:
        InputError: A temperature is not a number of 0 or more.
        UnknownCharacterError: The prime has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    for temperature in temperatures:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise InputError(f"a temperature must be 0 or more, not {temperature:g}")
    logits, _ = read_prime(model, prime)
    scores = logits[:, 0].astype(np.float64)
    divisors = np.clip(np.array(temperatures, np.float64), COLDEST, HOTTEST)
    with np.errstate(over="ignore"):  # exp(-inf) is the right 0
        weights = np.exp((scores - scores.max()) / divisors[:, None])
    return Following(
        prime,
        model.vocabulary.characters,
        tuple(temperatures),
        weights / weights.sum(axis=1, keepdims=True),
    )


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """What could follow a beginning; on a page, several places of a text."""
    model = look.subject.checkpoint.model
    vocabulary, characters = model.vocabulary, model.vocabulary.characters
    if look.value is None:
        primes, told = _undecided(look, model), TOLD_ON_PAGE
    else:
        prime = tidied(unescaped(vocabulary.argument(look.value, "--next")), vocabulary.config)
        if vocabulary.config.records and "\n" in prime:
            raise InputError("a record is one line, and so is its beginning in --next")
        primes, told = [prime and look.known(vocabulary, prime, "--next")], TOLD
    temperatures = look.temp or TEMPERATURES
    found = [_distribution(model, prime, temperatures, told) for prime in primes]
    first, order = found[0], found[0].order()
    title = ("What could follow “", fig.Symbols(primes[0][-TOLD_ON_PAGE:]), "”")
    likeliest = guesses_of("".join(characters[n] for n in order[:3]), first.shares[0, order[:3]])
    description = (
        "Bars of the probabilities of the likeliest characters at each temperature. At temperature "
        f"{temperatures[0]:g}: ",
        *in_words(likeliest, ", "),
        ".",
    )
    bars = fig.Distributions("following", characters, temperatures, found)
    explanation = (
        "The distribution of the next character, after nothing and at places where the model was undecided. A "
        "temperature divides the scores before the softmax: below 1 the likely becomes likelier, above 1 the "
        "unlikely gets its chance. The bits are the entropy."
    )
    after = fig.Words(("after ", *fig.parts(first.before)), on=fig.TERMINAL)
    return fig.Figure(
        title,
        [fig.Words(explanation, on=fig.PAGE), after, bars],
        {
            "prime": fig.Symbols(primes[0]),
            "temperatures": temperatures,
            "entropy": first.entropy,
            "characters": [fig.Symbols(characters[n]) for n in order],
            "probabilities": first.shares[:, order],
        },
        description,
        [bars],
    )


def _distribution(
    model: CharacterModel, prime: str, temperatures: Sequence[float], told: int
) -> fig.Distribution:
    found = read_following(model, prime, (*temperatures, 1.0))
    with np.errstate(divide="ignore"):
        scores = np.log(found.probabilities[-1])  # up to a constant, which the softmax takes away
    end = ("…" * (len(prime) > told), fig.Symbols(prime[-told:], strong=True))
    before = end if prime else "nothing: the beginning of a text"
    return fig.Distribution(before, found.probabilities[:-1], found.entropy[:-1], scores)


def _undecided(look: Look, model: CharacterModel) -> list[str]:
    """An empty prime, and what comes before the places where the model was least certain of what follows."""
    text = look.watched(look.scaled(ON_PAGE, FEWEST)).text
    order = np.argsort(-read_surprise(model, text, 1).entropy, kind="stable")
    # Places apart from each other, and with something before them.
    most = min(PLACES, SCORES // len(model.vocabulary))
    places = apart(order[order >= FIRST].tolist(), CONTEXT, most)
    before = [text[max(0, place - CONTEXT) : place] for place in sorted(places)]
    end = model.vocabulary.config.end
    return list(dict.fromkeys(["", *(part.rpartition(end)[2] if end else part for part in before)]))
