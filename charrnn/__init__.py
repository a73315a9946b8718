"""charrnn: teach a recurrent network to write like a text you love.

    import charrnn

    corpus = charrnn.load_corpus(["corpus.txt"])
    training = charrnn.Training(corpus, charrnn.ModelConfig(hidden_size=128))
    for report in training:
        print(report)
    print("".join(charrnn.generate(training.model(), length=200, temperature=0.8)))

Names are imported when they are first used, so that ``import charrnn`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from charrnn.version import __version__

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint, Evaluation, load_checkpoint, save_checkpoint
    from charrnn.config import ModelConfig, TextConfig, TrainingConfig
    from charrnn.errors import CharrnnError
    from charrnn.inspection import summarize
    from charrnn.models.character_model import CharacterModel
    from charrnn.reports import Cooldown, Recovery, Step
    from charrnn.sampling import generate, generate_records
    from charrnn.text import Corpus, Vocabulary, load_corpus
    from charrnn.training import Training

_HOMES = {
    "CharacterModel": "charrnn.models.character_model",
    "CharrnnError": "charrnn.errors",
    "Checkpoint": "charrnn.checkpoint",
    "Cooldown": "charrnn.reports",
    "Corpus": "charrnn.text",
    "Evaluation": "charrnn.checkpoint",
    "ModelConfig": "charrnn.config",
    "Recovery": "charrnn.reports",
    "Step": "charrnn.reports",
    "TextConfig": "charrnn.config",
    "Training": "charrnn.training",
    "TrainingConfig": "charrnn.config",
    "Vocabulary": "charrnn.text",
    "generate": "charrnn.sampling",
    "generate_records": "charrnn.sampling",
    "load_checkpoint": "charrnn.checkpoint",
    "load_corpus": "charrnn.text",
    "save_checkpoint": "charrnn.checkpoint",
    "summarize": "charrnn.inspection",
}

__all__ = [
    "CharacterModel",
    "CharrnnError",
    "Checkpoint",
    "Cooldown",
    "Corpus",
    "Evaluation",
    "ModelConfig",
    "Recovery",
    "Step",
    "TextConfig",
    "Training",
    "TrainingConfig",
    "Vocabulary",
    "__version__",
    "generate",
    "generate_records",
    "load_checkpoint",
    "load_corpus",
    "save_checkpoint",
    "summarize",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
