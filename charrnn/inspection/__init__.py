"""What can be seen inside a model: one file for each view of ``charrnn inspect``.

A view's file measures (functions that a notebook can use as well) and says what is to be seen:

    view(look: Look) -> Figure

``look`` is what was asked for; a :class:`charrnn.drawing.figure.Figure` is plain data, from which terminal,
JSON, pictures, the page and docs/inspect.md follow. A further view is a file and an entry of ``VIEWS``.

Names are imported when they are first used, and ``VIEWS`` needs no NumPy: ``charrnn --help`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from charrnn.errors import InputError
from charrnn.tasks import READERS, REWRITERS, TASKS, those

if TYPE_CHECKING:
    from charrnn.drawing.figure import Figure
    from charrnn.inspection.look import Look


@dataclass(frozen=True)
class View:
    """An entry of ``charrnn inspect``."""

    file: str  # the view's file in this folder
    flag: str = ""  # its option; empty for the one that is shown where none is asked for
    help: str = ""  # what the option's help says
    metavar: str = ""  # what the option's value is called; a switch has none
    takes: tuple[str, ...] = ()  # other options: "at", "temp", "on", "unknown", "counts"
    several: bool = False  # it looks at several checkpoints at once
    section: str = ""  # its heading on the page; empty if it is not there
    tasks: tuple[str, ...] = ("lm",)  # of the models that it shows
    instead: Mapping[str, str] = field(
        default_factory=dict
    )  # other files, for models of some tasks

    def figure(self, look: Look) -> Figure:
        """What is to be seen; errors as the view's own.

        Raises:
            InputError: It shows no models of such a task.
        """
        tasks = {subject.checkpoint.model.config.task for subject in look.subjects}
        for subject in look.subjects:
            if (task := subject.checkpoint.model.config.task) not in self.tasks:
                others = [view.flag for view in VIEWS if view.flag and task in view.tasks]
                raise InputError(
                    f"{self.flag or self.file} is not for a model of the task {task}; there are {', '.join(others)}"
                )
        if self.instead and len(tasks) > 1:
            raise InputError(
                f"models for {' and '.join(sorted(tasks))}; side by side are those of one task"
            )
        module: Any = import_module(f"charrnn.inspection.{self.instead.get(task, self.file)}")
        kind = look.subjects[0].checkpoint.model.vocabulary.config
        found: Figure = replace(module.view(look), encoding=kind.encoding)
        return found


READING = ("on", "unknown")
EVERY = tuple(TASKS)
WATCHED = those(lambda task: not task.rewrites)

VIEWS = (
    View("card", section="The model", tasks=EVERY),
    View(
        "details",
        "--details",
        "Tables: each array, the corpus, the configuration, the history.",
        tasks=EVERY,
    ),
    View(
        "graded",
        "--answers",
        "How right its labels or tags are: a row for each, and which are taken for which.",
        section="How right it is",
        tasks=READERS,
    ),
    View(
        "surprise",
        "--text",
        "A text (a file, - for standard input, or the text itself), coloured by how much each "
        "character surprises the model. With labels: how the label comes about, and which characters carry it; with tags: "
        "them, and where the model is not sure; with seq2seq: what was expected at each place of what it makes, or of a target after a TAB.",
        metavar="TEXT",
        takes=("at", "unknown"),
        section="What surprises it",
        tasks=("lm", *READERS),
        instead={"classify": "carrying", "tag": "carrying", "seq2seq": "expecting"},
    ),
    View(
        "attention",
        "--attention",
        "What a model for seq2seq looked at while it made a text of this one: which characters each symbol is made of, and how sharply.",
        metavar="TEXT",
        takes=("unknown",),
        section="What it looks at",
        tasks=REWRITERS,
    ),
    View(
        "following",
        "--next",
        r"What could follow this beginning (\n is a line feed, \\ a backslash), as bars, at several temperatures.",
        metavar="PRIME",
        takes=("temp", "unknown"),
        section="What comes next",
    ),
    View(
        "neurons",
        "--neurons",
        "Units that follow something in the text: quotes, brackets, words, lines, its labels …",
        takes=READING,
        section="What its units do",
        tasks=WATCHED,
    ),
    View(
        "unit",
        "--unit",
        "A text coloured by what one unit holds, as --neurons names it: 1:37 or, for an LSTM's cell, "
        "1:37:c.",
        metavar="LAYER:NUMBER",
        takes=READING,
        tasks=WATCHED,
    ),
    View(
        "gates",
        "--gates",
        "How often the gates are shut and open, and how long the units remember.",
        takes=READING,
        section="Its gates",
        tasks=WATCHED,
    ),
    View(
        "gradients",
        "--gradients",
        "How far back a loss reaches, beside fresh cells of each kind: vanishing and exploding "
        "gradients. Takes several checkpoints, too. With seq2seq: from the last symbol back to the source, with and without attention.",
        takes=READING,
        several=True,
        section="How far back it learns",
        tasks=EVERY,
        instead={"seq2seq": "reaching"},
    ),
    View(
        "ngrams",
        "--ngrams",
        "What memory is worth: the model's loss beside that of 1- to 6-grams, and where it gains most.",
        takes=("on", "counts", "unknown"),
        section="What its memory is worth",
    ),
    View(
        "weights",
        "--weights",
        "What the recurrent matrices stretch, how weights are spread, the last update.",
        section="Its weights",
        tasks=EVERY,
    ),
    View(
        "embedding",
        "--embedding",
        "Characters and labels that the model treats alike: maps, and each one's neighbours.",
        takes=READING,
        section="Characters that it treats alike",
        tasks=WATCHED,
    ),
    View(
        "comparison",
        "--compare",
        "Several checkpoints side by side: what was different, and the curves in one chart.",
        several=True,
        tasks=EVERY,
    ),
)
"""In the order of the help and of the page."""

_FOUND_IN = {
    "charrnn.inspection.attention": ("Aligned", "read_alignment"),
    "charrnn.inspection.carrying": ("Carrying", "read_carrying"),
    "charrnn.inspection.embedding": ("CharacterMap", "LabelMap", "character_map", "label_map"),
    "charrnn.inspection.following": ("Following", "read_following"),
    "charrnn.inspection.gates": ("GateActivity", "gate_activity"),
    "charrnn.inspection.expecting": ("Expected", "read_expected"),
    "charrnn.inspection.flow": ("GradientFlow", "fresh_flows", "gradient_flow"),
    "charrnn.inspection.neurons": ("Neurons", "Unit", "activation", "find_neurons"),
    "charrnn.inspection.ngrams": ("NGrams",),
    "charrnn.inspection.reaching": ("Reach", "source_gradients"),
    "charrnn.inspection.summary": ("summarize",),
    "charrnn.inspection.surprise": ("Surprise", "read_surprise"),
    "charrnn.inspection.weights": ("last_updates", "recurrences", "spreads"),
    "charrnn.training.fit": ("Fit", "judge"),
}
"""What a notebook uses, by its file."""

_HOMES = {name: file for file, names in _FOUND_IN.items() for name in names}

__all__ = ["VIEWS", "View", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'charrnn.inspection' has no attribute {name!r}")
