"""charrnn: teach a recurrent network to write like a text you love.

    import charrnn

    model = charrnn.train("poems.txt", minutes=10).model()
    print("".join(charrnn.generate(model, prime="Once", length=200, temperature=0.8)))

docs/api.md has all of it.

Names are imported when they are first used, so that ``import charrnn`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module

from charrnn.version import __version__

TYPE_CHECKING = False  # as mypy knows it; to import it takes longer than all the rest
if TYPE_CHECKING:
    from typing import Any

    from charrnn.config import ModelConfig as ModelConfig
    from charrnn.config import TextConfig as TextConfig
    from charrnn.config import TrainingConfig as TrainingConfig
    from charrnn.errors import CharrnnError as CharrnnError
    from charrnn.files.checkpoint import load_checkpoint as load_checkpoint
    from charrnn.files.checkpoint import save_checkpoint as save_checkpoint
    from charrnn.inspection import summarize as summarize
    from charrnn.models.character_model import CharacterModel as CharacterModel
    from charrnn.models.mixture import Mixture as Mixture
    from charrnn.models.versions import Versions as Versions
    from charrnn.notebook import Prediction as Prediction
    from charrnn.notebook import Score as Score
    from charrnn.notebook import Target as Target
    from charrnn.notebook import inspect as inspect
    from charrnn.notebook import load as load
    from charrnn.notebook import predict as predict
    from charrnn.notebook import rewrite as rewrite
    from charrnn.notebook import score as score
    from charrnn.notebook import score_all as score_all
    from charrnn.notebook import train as train
    from charrnn.sharing.formats import export_model as export_model
    from charrnn.sharing.formats import import_model as import_model
    from charrnn.text.corpus import Corpus as Corpus
    from charrnn.text.corpus import load_corpus as load_corpus
    from charrnn.text.examples import Examples as Examples
    from charrnn.text.examples import load_examples as load_examples
    from charrnn.text.vocabulary import Vocabulary as Vocabulary
    from charrnn.training.reports import Cooldown as Cooldown
    from charrnn.training.reports import Recovery as Recovery
    from charrnn.training.reports import Step as Step
    from charrnn.training.run import Checkpoint as Checkpoint
    from charrnn.training.run import Evaluation as Evaluation
    from charrnn.training.trainer import Training as Training
    from charrnn.writing.adapting import adapted as adapted
    from charrnn.writing.sampling import generate as generate
    from charrnn.writing.sampling import generate_records as generate_records

_HOMES = {
    "config": ("ModelConfig", "TextConfig", "TrainingConfig"),
    "errors": ("CharrnnError",),
    "files.checkpoint": ("load_checkpoint", "save_checkpoint"),
    "inspection": ("summarize",),
    "models.character_model": ("CharacterModel",),
    "models.mixture": ("Mixture",),
    "models.versions": ("Versions",),
    "notebook": (
        "Prediction",
        "Score",
        "Target",
        "inspect",
        "load",
        "predict",
        "rewrite",
        "score",
        "score_all",
        "train",
    ),
    "sharing.formats": ("export_model", "import_model"),
    "text.corpus": ("Corpus", "load_corpus"),
    "text.examples": ("Examples", "load_examples"),
    "text.vocabulary": ("Vocabulary",),
    "training.reports": ("Cooldown", "Recovery", "Step"),
    "training.run": ("Checkpoint", "Evaluation"),
    "training.trainer": ("Training",),
    "writing.adapting": ("adapted",),
    "writing.sampling": ("generate", "generate_records"),
}

__all__ = ["__version__", *(name for names in _HOMES.values() for name in names)]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"charrnn.{home}"), name)
    raise AttributeError(f"module 'charrnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
