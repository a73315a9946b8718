"""The character language model: at each step it predicts the next character."""

from __future__ import annotations

from charrnn.config import ModelConfig
from charrnn.models.network import Network


class LanguageModel(Network):
    """What it chooses among is what it reads: a vocabulary of *K* characters."""

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__(config, vocabulary_size, vocabulary_size)
