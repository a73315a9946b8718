"""All views of a model, measured once: what each would tell, or why it tells nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.cli.views import Subject, card, embedding, gates, gradients, neurons, weights
from charrnn.cli.views.source import text_to_read
from charrnn.cli.views.unit import Scale
from charrnn.config import TextConfig
from charrnn.errors import CharrnnError
from charrnn.inspection.embedding import character_map
from charrnn.inspection.following import Following, read_following
from charrnn.inspection.gates import gate_activity
from charrnn.inspection.gradients import LOSSES, GradientFlow, fresh_flows, gradient_flow
from charrnn.inspection.neurons import Neurons, Unit, find_neurons, read_states
from charrnn.inspection.surprise import Surprise, read_surprise
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array

SHOWN = 3000  # characters that the page shows, each with its guesses and what the units held
GUESSES = 5
PLACES = 6  # at which the page can tell what could follow, beside a text's beginning
SCORES = 25_000  # numbers for all these places together, where the vocabulary is large
PRIME = 200  # characters that are read before such a place
TEMPERATURES = (0.5, 1.0, 1.5)
FOLLOWERS = 2  # units of each feature that the page can colour the text by
FINEST = 255  # steps that a unit's values are rounded to
MODERATE = 1_000_000  # weights up to which as much is read as a single view does
FEWEST = 1000  # characters that are read in any case
LEFT_OUT = "the text is left out (--no-text)"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Watched:
    """A unit and what it held at each character that the page shows.

    Attributes:
        features: What it follows most closely of all units, with r.
        scale: Between which values the colours lie.
        low, high: The least and the largest value.
        values: ``(N,)`` bytes, from 0 for ``low`` to 255 for ``high``.
    """

    unit: Unit
    features: tuple[tuple[str, float], ...]
    scale: Scale
    low: float
    high: float
    values: NDArray[np.uint8]


@dataclass(frozen=True)
class Report:
    """What the page shows. A ``str`` is a sentence that says why there is nothing.

    Attributes:
        card: The facts, as ``charrnn inspect --json`` has them.
        kind: What the model reads.
        source: Where the text is from, in words.
        text: The part of it that the page shows; empty if it is left out.
        read: Characters that the other views read, at most.
    """

    card: dict[str, Any]
    kind: TextConfig
    source: str
    text: str
    read: int
    surprise: Surprise | str
    following: list[Following] | str
    neurons: Neurons | str
    units: list[Watched]
    gates: gates.Found | str
    gradients: gradients.Found | str
    weights: weights.Found | str
    embedding: embedding.Found | str


def measure(
    subject: Subject, on: str | None = None, unknown: str | None = None, *, with_text: bool = True
) -> Report:
    """Look at a model through every view. A large model reads less, and goes back from fewer losses.

    Args:
        on: The text to read, as in the views; by default what the model learnt from.
        unknown: What becomes of characters that the model lacks.
        with_text: Show what was read; else only figures come from it.

    Raises:
        InputError: The text cannot be read.
    """
    model = subject.checkpoint.model
    kind = model.vocabulary.config
    share = min(1.0, MODERATE / model.parameters.flat.size)
    text, source = text_to_read(subject, on, unknown, embedding.MOST)
    read = max(FEWEST, int(share * neurons.MOST))
    part, shown = text[:read], text[: max(FEWEST, int(share * SHOWN))]
    losses = max(4, int(share * LOSSES))
    with single_threaded_blas():
        surprise: Surprise | str = LEFT_OUT
        if with_text:
            surprise = _or_why(lambda: read_surprise(model, shown, GUESSES))
        ranked = _or_why(lambda: find_neurons(model, part))
        return Report(
            card=card.measure([subject], None),
            kind=kind,
            source=source.removeprefix(f"the first {embedding.MOST:,} {kind.unit}s of "),
            text=shown if with_text else "",
            read=read,
            surprise=surprise,
            following=_or_why(lambda: _followings(model, surprise)),
            neurons=ranked,
            units=_watched(model, shown, ranked)
            if with_text and isinstance(ranked, Neurons)
            else [],
            gates=_or_why(lambda: gates.Found(gate_activity(model, part), source)),
            gradients=_or_why(lambda: _gradients(subject, text[: gradients.MOST], source, losses)),
            weights=_or_why(lambda: weights.measure([subject], True)),
            embedding=_or_why(
                lambda: embedding.Found(character_map(model, text), source, kind.encoding)
            ),
        )


def _or_why(measure: Callable[[], Found]) -> Found | str:
    try:
        return measure()
    except CharrnnError as error:
        return str(error)


def _followings(model: CharacterModel, surprise: Surprise | str) -> list[Following]:
    """At the beginning of a text, and where the model was least certain of the one that is shown."""
    primes = [""]
    if isinstance(surprise, Surprise):
        order = np.argsort(-surprise.entropy, kind="stable")
        most = min(PLACES, SCORES // len(model.vocabulary))
        kept: list[int] = []
        for place in map(int, order):
            if len(kept) == most:
                break
            # Places apart from each other, and with something before them.
            if place >= 10 and all(abs(place - other) > PRIME for other in kept):
                kept.append(place)
        for place in sorted(kept):
            before = surprise.text[max(0, place - PRIME) : place]
            end = model.vocabulary.config.end
            primes.append(before.rpartition(end)[2] if end else before)
    return [read_following(model, prime, TEMPERATURES) for prime in dict.fromkeys(primes)]


def _watched(model: CharacterModel, text: str, ranked: Neurons) -> list[Watched]:
    """The units that follow a feature most closely, the closest first, at work on a text."""
    features: dict[Unit, list[tuple[str, float]]] = {}
    for feature in ranked.ranked():
        for unit, r in ranked.best(feature, FOLLOWERS):
            features.setdefault(unit, []).append((ranked.features[feature], r))
    places = [[getattr(u, field) for u in features] for field in ("layer", "state", "number")]
    values = np.empty((len(features), len(text)))
    for where, states in read_states(model, text, columns=1):
        values[:, where] = states[:, places[0], places[1], places[2]].T
    return [
        _quantised(unit, tuple(found), own)
        for (unit, found), own in zip(features.items(), values, strict=True)
    ]


def _quantised(unit: Unit, features: tuple[tuple[str, float], ...], values: Array) -> Watched:
    low, high = float(values.min()), float(values.max())
    steps = np.rint((values - low) / ((high - low) or 1) * FINEST).astype(np.uint8)
    return Watched(unit, features, Scale.of(values), low, high, steps)


def _gradients(subject: Subject, text: str, source: str, losses: int) -> gradients.Found:
    """As the view has them, from fewer losses of a large model."""
    model, training = subject.checkpoint.model, subject.checkpoint.training
    config = model.config
    flows: dict[str, GradientFlow] = {
        f"trained {config.cell}": gradient_flow(model, text, losses=losses)
    }
    for cell, flow in fresh_flows(model, text, losses=losses):
        flows[f"fresh {cell}"] = flow
    size = f"{config.num_layers} × {config.hidden_size} units"
    return gradients.Found(flows, 1, size, source, training.seq_length)
