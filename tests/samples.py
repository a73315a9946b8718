"""Texts to test with, and what two runs of one kind have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import TrainingConfig
from charrnn.nn.functions import Ids
from charrnn.text.chunks import Chunk

USED = TrainingConfig(epochs=1, val_fraction=0.1, warmup=0, eval_every=1, threads=1)
"""The settings of a run, with nothing left to be chosen."""
TINY = ("--hidden-size", 8, "--epochs", 1, "--sample-every", 0)
"""A run that is over at once."""
RULES = (
    "context",
    "epochs",
    "steps",
    "warmup",
    "cooldown",
    "val_fraction",
    "eval_every",
    "threads",
    "attention",
    "bidirectional",
    "keep_best",
)
"""Settings whose default is a rule."""
SHA256 = "0" * 64
"""Of no text."""

LINES = (
    "It was the best of lines, it was the worst of lines.\n",
    "Nobody expects the 3rd sentence to differ much, but it does!\n",
    "Ångström wrote naïve code; so did we.\n",
)


def make_text(repeats: int) -> str:
    """A text with some structure and a few characters beyond ASCII."""
    return "".join(LINES[n % 3] + f"Line {n}.\n" for n in range(repeats))


def content(path: str | Path) -> dict[str, Any]:
    """All that a checkpoint holds apart from the time that it took: the same for the same run."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name].tobytes() for name in file.files}
    meta = json.loads(arrays.pop("meta"))
    for timed in (*meta["history"], meta["progress"] or {}):
        timed.pop("seconds", None)
    return {**meta, "arrays": arrays}


def chunk_of(ids: Ids, targets: Ids) -> Chunk:
    """Columns that go on from whatever state they are given."""
    places = ids.astype(np.intp), targets.astype(np.intp)
    return Chunk(*places, np.zeros(ids.shape[1], np.bool_))
