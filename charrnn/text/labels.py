"""The labels or tags that a model chooses among, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError, describe_character
from charrnn.words import UNSAFE, printable, shortened

LONGEST = 1000  # characters of a label
NEAREST = 3  # labels that are told instead of one that is not known


class Labels:
    """Names of classes; a label's number is its place in ``names``.

    Args:
        names: Each once.
        between: What stands between the tags of a text: a blank, or nothing where each is one character.

    Raises:
        InputError: A name occurs twice, or does not fit what stands between.
    """

    def __init__(self, names: Iterable[str] = (), between: str = "") -> None:
        self.names, self.between = tuple(names), between
        self._numbers = {name: number for number, name in enumerate(self.names)}
        if len(self._numbers) < len(self.names):
            raise InputError("each label has one name, which no other has")
        for name in self.names:
            if not name.isprintable() and (found := UNSAFE.search(name)):
                raise InputError(
                    f"the label {shortened(printable(name), 40)} has {describe_character(found[0])} in it, "
                    "which would break a line, or act on a terminal"
                )
            if len(name) > LONGEST:
                raise InputError(
                    f"a label of {len(name):,} characters; {LONGEST:,} is the most there can be"
                )
        if between and any(not name or between in name for name in self.names):
            raise InputError("tags with blanks between them have none in their names")

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"<Labels: {len(self)}>"

    def __contains__(self, name: str) -> bool:
        return name in self._numbers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Labels):
            return NotImplemented
        return (self.names, self.between) == (other.names, other.between)

    def __hash__(self) -> int:
        return hash(self.names)

    def number(self, name: str, kind: str = "label") -> int:
        """That of a label, or of what it is called.

        Raises:
            InputError: It is not known; the nearest ones are told.
        """
        if name in self._numbers:
            return self._numbers[name]
        near = get_close_matches(name, self.names, NEAREST, 0.5)
        folded = [known for known in self.names if known.casefold() == name.casefold()]
        found = list(dict.fromkeys([*folded, *near])) or self.names[:NEAREST]
        advice = f"; did you mean {' or '.join(map(shortened, found))}?" if found else ""
        raise InputError(f"{shortened(name)}: the model knows no such {kind}{advice}")

    def encode(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Numbers of labels; -1 of those that are not known."""
        return np.array([self._numbers.get(name, -1) for name in names], np.intp)

    def divided(self, tags: str) -> Sequence[str]:
        """The tags of a text, one by one."""
        return (tags.split(self.between) if tags else []) if self.between else tags

    def joined(self, numbers: Iterable[Any]) -> str:
        """Tags as they stand in a file."""
        return self.between.join(self.names[number] for number in numbers)


NO_LABELS = Labels()
"""Of what predicts characters."""
