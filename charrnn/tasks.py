"""What a model may learn: a record for each task, of what the rooms have to know of it.

It is plain data, which ``charrnn --help`` reads, too. What a task does, its network, what a budget chooses and its example, is found by
its name where that belongs; docs/architecture.md has the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """What is learnt.

    Where there are examples, one of ``one_each``, ``aligned`` and ``rewrites`` says what belongs to each text.

    Args:
        name: As ``--task`` and checkpoints have it.
        pair: What a line of its table has, in order; nothing where there is no table, but text.
        label: What one of its labels is called; what targets are made of are labels, too.
        per: What a loss is for each of, in names of JSON: bytes are told as characters are.
        reads_whole: Texts are read whole and answered, so that reading may look ahead; else the next character is predicted.
        one_each: There is one label for each text.
        aligned: There is one for each character of a text, as it was written.
        rewrites: Another text is made of each.
    """

    name: str
    pair: tuple[str, ...] = ()
    label: str = ""
    per: str = "char"
    reads_whole: bool = False
    one_each: bool = False
    aligned: bool = False
    rewrites: bool = False

    @property
    def labels(self) -> str:
        """What its labels are called."""
        return f"{self.label}s"

    @property
    def fewest(self) -> int:
        """The labels that it needs: of one alone nothing is told apart, though targets may be made of it."""
        return 0 if not self.label else 1 if self.rewrites else 2

    @property
    def writes(self) -> bool:
        """Whether it predicts what comes next, and so writes of itself."""
        return not self.reads_whole

    @property
    def for_labels(self) -> bool:
        """Whether it writes for a label, which is given before the text."""
        return self.writes and self.one_each

    @property
    def finds(self) -> bool:
        """Whether its answers are found among labels, and right or wrong each."""
        return self.reads_whole and not self.rewrites


_TASKS = (
    Task("lm"),
    Task("classify", ("text", "label"), "label", per="text", reads_whole=True, one_each=True),
    Task("tag", ("text", "tags"), "tag", per="tag", reads_whole=True, aligned=True),
    Task("conditional", ("label", "text"), "label", one_each=True),
    Task("seq2seq", ("source", "target"), "symbol", per="symbol", reads_whole=True, rewrites=True),
)
TASKS: Mapping[str, Task] = {task.name: task for task in _TASKS}
"""What a model is for, in the order of the help: to go on with a text, to find a label for it, or a tag for each of its characters, to write
one for a label, to make another text of it."""


def those(which: Callable[[Task], bool]) -> tuple[str, ...]:
    """The names of some tasks, in order."""
    return tuple(name for name, task in TASKS.items() if which(task))


WRITERS = those(lambda task: task.writes)
READERS = those(lambda task: task.reads_whole)
REWRITERS = those(lambda task: task.rewrites)
