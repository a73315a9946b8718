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
    "config": ("ModelConfig", "TextConfig", "TrainingConfig"),
    "errors": ("CharrnnError",),
    "files.checkpoint": ("load_checkpoint", "save_checkpoint"),
    "inspection": ("summarize",),
    "models.character_model": ("CharacterModel",),
    "text.corpus": ("Corpus", "load_corpus"),
    "text.vocabulary": ("Vocabulary",),
    "training.reports": ("Cooldown", "Recovery", "Step"),
    "training.run": ("Checkpoint", "Evaluation"),
    "training.trainer": ("Training",),
    "writing.sampling": ("generate", "generate_records"),
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
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"charrnn.{home}"), name)
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
