"""A language model with its numbers and its alphabet: all that it takes to write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charrnn.config import ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Parameters
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class CharacterModel:
    """A network, its parameters, and what its ids mean."""

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
