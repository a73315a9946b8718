"""``--adapt``: what it goes with, and a prime that is learnt from before it is continued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from charrnn.config import AdaptRate
from charrnn.errors import InputError
from charrnn.fields import check

if TYPE_CHECKING:
    from charrnn.models.character_model import CharacterModel

RATE = "How far --adapt goes with each step: 2 twice as far as 1, 0 not at all. From 0.25 to 2 it is of use; beyond 4 or so it does harm."


def adapting(
    rate: float | None, usual: float, others: Mapping[str, object], *, adapt: bool
) -> float | None:
    """The rate at which models go on learning; None where they do not.

    Args:
        rate: What ``--adapt-rate`` says.
        usual: The rate where it says nothing.
        others: What ``--adapt`` does not go with, in words, each with what was given.

    Raises:
        InputError: It makes no sense.
    """
    if not adapt:
        if rate is not None:
            raise InputError("--adapt-rate goes with --adapt")
        return None
    for words, given in others.items():
        if given:
            raise InputError(words)
    rate = usual if rate is None else rate
    check("--adapt-rate", AdaptRate, rate)
    return rate


def after_prime(
    models: Sequence[CharacterModel], prime: str, rate: float, *, quiet: bool
) -> list[CharacterModel]:
    """Models as each has become after it read a prime.

    Args:
        prime: In characters that one of them knows; another one reads what is similar.

    Raises:
        InputError: They are not of running text.
        CheckpointError: A model's numbers overflow.
    """
    from charrnn.cli.display import learning_bar
    from charrnn.cli.terminal import tell_of_compiling
    from charrnn.writing.adapting import after_reading

    if models[0].vocabulary.config.records:
        raise InputError(
            "--adapt is for models of running text: of a record the prime tells too little to learn from"
        )
    found = []
    with learning_bar(len(prime) * len(models), quiet=quiet) as watched:
        for model in models:
            quick = model.to_learn(None if quiet else tell_of_compiling)
            known = model.vocabulary.known(prime, "replace")
            learnt = after_reading(quick, watched(known), rate)
            found.append(replace(learnt, network=model.network))
    return found
