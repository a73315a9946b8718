"""What a view is asked to look at: models, a text to watch them on, and the options that go with a view."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charrnn.errors import InputError
from charrnn.training.run import Checkpoint


@dataclass(frozen=True)
class Subject:
    """A checkpoint that is looked into, and the path that it was named by."""

    path: Path
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Look:
    """What was asked for.

    Attributes:
        subjects: The checkpoints that were named, at least one.
        value: That of the view's option; None where a page asks for the view.
        at, temp, on, counts, unknown: The options that go with some views, None where they are not given.
        own_text: Watch the model on what it writes itself, whatever it learnt from.
        share: Of what a view usually reads: less for the page of a large model, so that it does not take long.
        notices: Where a view puts what the user should be told beside the figure.
    """

    subjects: tuple[Subject, ...]
    value: str | None = None
    at: int | None = None
    temp: tuple[float, ...] | None = None
    on: str | None = None
    counts: str | None = None
    unknown: str | None = None
    own_text: bool = False
    share: float = 1.0
    notices: list[str] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        """That of a view that shows one.

        Raises:
            InputError: Several were named.
        """
        if len(self.subjects) > 1:
            raise InputError("one checkpoint at a time; several side by side: --compare")
        return self.subjects[0]

    def given_text(self, option: str) -> tuple[str, str]:
        """The text of ``value`` in the model's characters, and where it came from in words."""
        raise NotImplementedError

    def text(self, most: int) -> tuple[str, str]:
        """A text to watch the model on, ``most`` characters of it at most, and what it is in words.

        It is that of ``on``; by default what the model learnt from, or, where that is not at hand, what the
        model writes itself.
        """
        raise NotImplementedError

    def scaled(self, number: int, least: int) -> int:
        """``share`` of a number, but not less than ``least``."""
        return max(least, int(self.share * number))


def anything(value: Any) -> bool:
    """Whether an option was given."""
    return value is not None and value is not False and value not in ((), [])
