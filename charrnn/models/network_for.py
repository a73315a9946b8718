"""Which network a task takes."""

from __future__ import annotations

from charrnn.config import ModelConfig
from charrnn.models.classifier import Classifier
from charrnn.models.conditional import Conditional
from charrnn.models.language_model import LanguageModel
from charrnn.models.network import Network
from charrnn.models.seq2seq import Seq2Seq
from charrnn.models.tagger import Tagger


def network_for(config: ModelConfig, vocabulary_size: int, labels: int) -> Network:
    """The network of a configuration.

    Args:
        labels: Number of labels or tags that it chooses among, or of symbols that it writes; of no interest to a language model.
    """
    if config.task == "classify":
        return Classifier(config, vocabulary_size, labels)
    if config.task == "conditional":
        return Conditional(config, vocabulary_size, labels)
    if config.task == "seq2seq":
        return Seq2Seq(config, vocabulary_size, labels)
    if config.task == "tag":
        return Tagger(config, vocabulary_size, labels)
    return LanguageModel(config, vocabulary_size)
