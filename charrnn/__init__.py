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
    from charrnn.config import ModelConfig, TextConfig, TrainingConfig
    from charrnn.errors import CharrnnError
    from charrnn.files.checkpoint import load_checkpoint, save_checkpoint
    from charrnn.inspection import summarize
    from charrnn.models.character_model import CharacterModel
    from charrnn.text.corpus import Corpus, load_corpus
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.reports import Cooldown, Recovery, Step
    from charrnn.training.run import Checkpoint, Evaluation
    from charrnn.training.trainer import Training
    from charrnn.writing.sampling import generate, generate_records

_HOMES = {
    "CharacterModel": "charrnn.models.character_model",
    "CharrnnError": "charrnn.errors",
    "Checkpoint": "charrnn.training.run",
    "Cooldown": "charrnn.training.reports",
    "Corpus": "charrnn.text.corpus",
    "Evaluation": "charrnn.training.run",
    "ModelConfig": "charrnn.config",
    "Recovery": "charrnn.training.reports",
    "Step": "charrnn.training.reports",
    "TextConfig": "charrnn.config",
    "Training": "charrnn.training.trainer",
    "TrainingConfig": "charrnn.config",
    "Vocabulary": "charrnn.text.vocabulary",
    "generate": "charrnn.writing.sampling",
    "generate_records": "charrnn.writing.sampling",
    "load_checkpoint": "charrnn.files.checkpoint",
    "load_corpus": "charrnn.text.corpus",
    "save_checkpoint": "charrnn.files.checkpoint",
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
