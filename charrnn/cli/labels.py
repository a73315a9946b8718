"""``--label`` and ``--label-mix``: what a model that writes for labels is to write for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from charrnn.errors import InputError
from charrnn.words import listed, printable

if TYPE_CHECKING:
    from charrnn.models.character_model import CharacterModel

Mix = Mapping[str, float]
"""The share of each label."""


def parse_mix(value: str) -> Mix:
    """Read ``Italian=0.5,German=0.5``; a name may have ``=`` and ``,`` itself, where that is clear.

    Raises:
        InputError: It is something else.
    """
    found: dict[str, float] = {}
    name = ""
    for part in value.split(","):
        name += part
        before, equals, after = name.rpartition("=")
        try:
            share = float(after) if equals else math.nan
        except ValueError:
            share = math.nan
        if math.isnan(share):
            name += ","
            continue
        if before in found:
            raise InputError(f"--label-mix: {before} is there twice")
        found[before], name = share, ""
    if name or not found:
        raise InputError(
            f"--label-mix is labels with shares, as in Italian=0.5,German=0.5, not {value!r}"
        )
    return found


def mixes(labels: Sequence[str], mix: str | None) -> list[Mix]:
    """What to write for, one after the other; empty where nothing is said.

    Raises:
        InputError: Both are given, or a mix is none.
    """
    if labels and mix is not None:
        raise InputError("--label and --label-mix are two ways to say one thing; choose one")
    return [parse_mix(mix)] if mix is not None else [{label: 1.0} for label in labels]


def writing(model: CharacterModel, mix: Mix | None) -> CharacterModel:
    """A model that writes for labels, for these; another one as it is.

    Raises:
        InputError: There has to be a label and is none, or it is not known; the model has none.
    """
    if mix is not None:
        return model.writing(mix)
    if model.config.learns.for_labels:
        names = listed([printable(name) for name in model.labels.names])
        raise InputError(f"the model writes for a label; name one with --label: {names}")
    return model


def told(mix: Mix | None) -> dict[str, object]:
    """What JSON says of it."""
    if mix is None:
        return {}
    return {"label": next(iter(mix)) if len(mix) == 1 else dict(mix)}
