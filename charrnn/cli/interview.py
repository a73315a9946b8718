"""A model that reads at a prompt: each line is answered, with labels, tags or another text, as ``charrnn predict`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from charrnn.cli.answers import AnswerForm, LabelForm, Line, TargetForm
from charrnn.cli.conversing import number
from charrnn.cli.terminal import tell
from charrnn.config import SearchConfig
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.rewriting import Rewriter
from charrnn.text.source import tidied
from charrnn.words import decimals, printable, unescaped

COMMON = r"""
Each line that you type is answered. \t in it is a TAB, and :: at its beginning one colon.
""".strip()
LABELS = "\n:top 3         how many labels are told, each after its probability"
TARGETS = """
:top 3         how many texts are told, each after its bits
:beam 5        beginnings that are followed up at each symbol; 1 takes the likeliest symbol each time
:length-penalty 1  more than 0 favours long texts"""
END = "\n:help          this; Ctrl-D ends"


class Interview:
    """Answers to lines; ``search`` is how they are found, of a model that makes other texts, and how many are told."""

    greeting = "Type a text, and the model answers"

    def __init__(self, model: CharacterModel, search: SearchConfig = SearchConfig(top=3)) -> None:
        self.model, self.search = model, search
        self._form = self._formed()

    @property
    def encoding(self) -> str:
        return "utf-8"

    @property
    def help(self) -> str:
        task = self.model.config.learns
        own = TARGETS if task.rewrites else "" if task.aligned else LABELS
        return f"{COMMON}{own}{END}"

    def answer(self, line: str) -> Iterator[str]:
        vocabulary, answerer = self.model.vocabulary, self._form.answerer
        typed = unescaped(tidied(vocabulary.argument(line, "the text"), vocabulary.config))
        known = answerer.known(typed, "replace")
        if known != typed and answerer.lacks(typed):
            read = printable(vocabulary.shown(known))
            tell(f"some of it is not known to the model, which reads: {read or '(nothing)'}")
        (values,) = self._form.values([Line(1, typed, known)])
        if "tags" in values:
            yield f"{self.model.labels.between.join(values['tags'])}\n"
            return
        for one in values["top"]:
            name, measure = ("output", "bits") if "output" in one else ("label", "probability")
            yield f"{decimals(one[measure], 4)}\t{one[name]}\n"

    def obey(self, name: str, value: str) -> bool:
        task = self.model.config.learns
        kinds: dict[str, Callable[[str], float]] = {}
        if not task.aligned:
            kinds["top"] = int
        if task.rewrites:
            kinds |= {"beam": int, "length-penalty": float}
        if name not in kinds:
            return False
        setting: dict[str, Any] = {name.replace("-", "_"): number(name, value, kinds[name])}
        self.search = replace(self.search, **setting)
        self._form = self._formed()
        return True

    def _formed(self) -> AnswerForm:
        if not self.model.config.learns.rewrites:
            return LabelForm(Answerer([self.model]), self.search.top)
        # No more are told than are followed up, so that a beam of 1 is what it is.
        top = min(self.search.top, self.search.beam)
        return TargetForm(Rewriter([self.model], search=replace(self.search, top=top)), top)
