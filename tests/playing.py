"""Models and pages of them for the tests of the playground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from browser import Browser

from charrnn.config import ModelConfig, TextConfig
from charrnn.models.character_model import CharacterModel
from charrnn.sharing.web.page import page
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.symbols import character_of
from charrnn.text.vocabulary import VERBATIM, Vocabulary

CHARACTERS = "\n abcdeé☃𝄞"
HOSTILE = "</script><script>document.title='owned'</script><!--\"'&\u202e"
SYMBOLS = Labels("xyzé w")
VALUE = "document.getElementById('text').value"


def made_model(
    cell: str = "lstm",
    *,
    characters: str = CHARACTERS,
    text: TextConfig | None = None,
    labels: Labels = NO_LABELS,
    **shape: Any,
) -> CharacterModel:
    """One that has learnt nothing, but is as sure of itself as one that has."""
    config = ModelConfig(cell, **{"hidden_size": 6, "num_layers": 2, **shape})
    vocabulary = Vocabulary(characters, text or TextConfig())
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(3), labels)
    rng = np.random.default_rng(4)
    wide = 0.1 if cell == "rnn-relu" else 0.5  # nothing keeps that one from growing
    model.parameters.flat[...] += rng.normal(0, wide, model.parameters.flat.shape)
    return model


def seq2seq_model(
    cell: str = "lstm",
    *,
    symbols: Labels = SYMBOLS,
    text: TextConfig = VERBATIM,
    words: Sequence[str] = (),
    **shape: Any,
) -> CharacterModel:
    """One that makes other texts, some of which end, and some do not."""
    config = ModelConfig(cell, **{"hidden_size": 6, "num_layers": 2, **shape, "task": "seq2seq"})
    private = "".join(map(character_of, range(len(words))))
    characters = (CHARACTERS if not text.tokens else "") + private
    vocabulary = Vocabulary(characters, text, words)
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(3), symbols)
    wide = 0.1 if cell == "rnn-relu" else 0.5
    model.parameters.flat[...] += np.random.default_rng(4).normal(
        0, wide, model.parameters.flat.shape
    )
    model.parameters["c"][-1] += 0.7
    return model


def open_page(browser: Browser, model: CharacterModel, name: str = "demo") -> Path:
    """A model's page in a browser, with the cursor in its text."""
    path = Path(f"{name}.html").resolve()
    path.write_text(page(model, name), encoding="utf-8")
    browser.open(path)
    browser.run("document.getElementById('text').focus()")
    return path
