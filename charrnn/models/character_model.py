"""A language model with its numbers and its alphabet: all that it takes to write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from charrnn.config import ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Parameters
from charrnn.text.vocabulary import Vocabulary

WORTH_LOADING = 5e10
"""Multiplications from which on the quick twin pays for being loaded: NumPy needs about two seconds for
them, compiled code about one, and half a second or more to load."""


@dataclass(frozen=True, repr=False)
class CharacterModel:
    """A network, its parameters, and what its ids mean; models that predict alike are equal."""

    network: LanguageModel
    parameters: Parameters
    vocabulary: Vocabulary

    @classmethod
    def fresh(
        cls, config: ModelConfig, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> CharacterModel:
        """A model that has learnt nothing yet."""
        network = LanguageModel(config, len(vocabulary))
        return cls(network, network.initialize(rng), vocabulary)

    @property
    def config(self) -> ModelConfig:
        return self.network.config

    @property
    def networks(self) -> tuple[LanguageModel, ...]:
        """That one: what writes may have several."""
        return (self.network,)

    def __repr__(self) -> str:
        config, numbers = self.config, self.parameters.flat.size
        return (
            f"<CharacterModel: {config.cell}, {config.num_layers} x {config.hidden_size}, "
            f"{len(self.vocabulary)} {self.vocabulary.config.unit}s, {numbers:,} weights>"
        )

    def beginning(self, prime: str = "") -> str:
        """What is read before the first character is written or predicted, in characters.

        A record begins after the end of another one. A running text begins with its prime, or else
        like a line: after a line feed, or the vocabulary's first character where it has none.
        """
        if end := self.vocabulary.config.end:
            return end + prime
        return prime or ("\n" if "\n" in self.vocabulary else self.vocabulary.characters[0])

    def to_read(
        self, characters: int, on_start: Callable[[], object] | None = None
    ) -> CharacterModel:
        """The same model, by its network's quick twin if it pays to load that for so many characters.

        Args:
            on_start: As for :func:`charrnn.nn.compiled.compile_stack`.
        """
        worth = self.network.multiplications * characters >= WORTH_LOADING
        return replace(self, network=self.network.compiled(on_start)) if worth else self

    def extended_to(self, vocabulary: Vocabulary, rng: np.random.Generator) -> CharacterModel:
        """This model with the further characters that ``vocabulary`` has at its end.

        What was learnt is kept; the weights of a new character start as in a fresh model.

        Raises:
            ValueError: ``vocabulary`` does not begin with this model's own.
        """
        if not vocabulary.characters.startswith(self.vocabulary.characters):
            raise ValueError("the new vocabulary must begin with the model's own characters")
        larger = CharacterModel.fresh(self.config, vocabulary, rng)
        for name, old in self.parameters.items():
            larger.parameters[name][tuple(map(slice, old.shape))] = old
        return larger
