"""A model that writes at a prompt: what is typed is gone on with, an empty line lets it go on further, ``:`` begins what is said to the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from charrnn.cli.arguments import require_names
from charrnn.cli.conversing import number
from charrnn.cli.labels import writing
from charrnn.cli.terminal import tell
from charrnn.config import SamplingConfig, require_seed, seed_after
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.text.source import tidied
from charrnn.words import listed, printable, unescaped
from charrnn.writing.sampling import generate

HELP = r"""
What you type is gone on with; \n in it is a line feed, and :: at its beginning one colon. An empty line lets the model go on.
:temp 0.7      below 1 more cautious, above it more daring; 0 always takes the likeliest
:top-k 5       choose among so many; also :top-p 0.9 and :min-p 0.1
:length 200    characters to write at a time
:seed 7        makes the same text again
:label NAME    of a model for labels: what to write for
:undo          take the last piece back
:save FILE     write the text so far to a new file
:help          this; Ctrl-D ends
""".strip()


@dataclass
class Talk:
    """A text that grows, and how.

    Attributes:
        label: What it is written for, of a model for labels.
        text: All of it, in the model's characters.
    """

    model: CharacterModel
    config: SamplingConfig
    seed: int
    label: str | None = None
    text: str = ""
    _past: list[str] = field(default_factory=list)
    _pieces: Iterator[str] | None = None
    _rest: str = ""
    _records: int = 0
    greeting = "Type a text, and the model goes on"

    @property
    def help(self) -> str:
        return HELP

    @property
    def encoding(self) -> str:
        return self.model.vocabulary.config.encoding

    def answer(self, line: str) -> Iterator[str]:
        """Go on, with what was typed where something was."""
        if line:
            prime = _known(self.model, line)
            self.take(prime)
            yield prime
            yield from self.more()
        else:
            yield from self.go_on()
        yield "\n"

    def obey(self, name: str, value: str) -> bool:
        """Do what is said after a colon; whether it is something that can be done.

        Raises:
            InputError: It cannot be done so.
        """
        settings: Mapping[str, tuple[str, Callable[[str], float]]] = {
            "temp": ("temperature", float),
            "top-k": ("top_k", int),
            "top-p": ("top_p", float),
            "min-p": ("min_p", float),
            "length": ("length", int),
        }
        if name in settings:
            setting, kind = settings[name]
            found = number(name, value, kind)
            if name == "length" and found < 1:
                raise InputError(":length is at least 1")
            self.change(**{setting: found})
        elif name == "seed":
            seed = int(number(name, value, int))
            require_seed(seed, ":seed")
            self.sow(seed)
        elif name == "label":
            if not value and len(self.model.labels):
                tell(listed([printable(label) for label in self.model.labels.names]))
            else:
                self.name(value)
        elif name == "undo":
            self.undo()
            tell(f"taken back; the text ends in {printable(self.text[-40:])!r}")
        elif name == "save":
            _save(self, value)
        else:
            return False
        return True

    def take(self, prime: str) -> None:
        """Begin another text."""
        self._past.append(self.text)
        self.text = prime
        self._begin_anew()

    def more(self) -> Iterator[str]:
        """Pieces of what follows, so many characters in all, or to a record's end; the text has them then."""
        if self._pieces is None:
            self._pieces = self._written()
        left = self.config.length or 0
        while left:
            piece = self._rest or next(self._pieces, "")
            if not piece:  # a record has ended; the next one has the seed after its seed
                self.text += self.model.vocabulary.config.end
                self._pieces, self._records = None, self._records + 1
                return
            now, self._rest = piece[:left], piece[left:]
            left -= len(now)
            self.text += now
            yield now

    def go_on(self) -> Iterator[str]:
        """The same for an empty line: it can be taken back by itself."""
        self._past.append(self.text)
        yield from self.more()

    def undo(self) -> None:
        """Take the last piece back.

        Raises:
            InputError: There is none.
        """
        if not self._past:
            raise InputError("there is nothing to take back")
        self.text = self._past.pop()
        self._begin_anew()

    def change(self, **settings: object) -> None:
        """Other settings; the seed begins anew.

        Raises:
            InputError: They make no sense.
        """
        self.config = replace(self.config, **settings)  # type: ignore[arg-type]
        self._begin_anew()

    def name(self, label: str) -> None:
        """Write for another label.

        Raises:
            InputError: The model knows no such label, or none at all.
        """
        self.model.writing({label: 1.0})
        self.label = label
        self._begin_anew()

    def sow(self, seed: int) -> None:
        """Begin with a seed."""
        self.seed = seed
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pieces, self._rest, self._records = None, "", 0

    def _written(self) -> Iterator[str]:
        end = self.model.vocabulary.config.end
        prime = self.text.rpartition(end)[2] if end else self.text
        return generate(
            writing(self.model, None if self.label is None else {self.label: 1.0}),
            prime=prime if self.model.vocabulary.config.unit == "character" else _raw(prime),
            length=None,
            temperature=self.config.temperature,
            top_k=self.config.top_k,
            top_p=self.config.top_p,
            min_p=self.config.min_p,
            rng=seed_after(self.seed, self._records),
        )


def _raw(text: str) -> str:
    """A text of a model of bytes as Python has such text: bytes that are no UTF-8 as U+DC80 to U+DCFF."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def _known(model: CharacterModel, line: str) -> str:
    """What was typed in the model's characters; what it does not know is told, and replaced by what is similar."""
    vocabulary = model.vocabulary
    typed = tidied(vocabulary.argument(line, "the text"), vocabulary.config)
    typed = unescaped(typed)
    if vocabulary.config.end and vocabulary.config.end in typed:
        raise InputError("a record is one line, and so is its prime")
    for character in vocabulary.unknown_in(typed):
        similar = vocabulary.known(character, "replace")
        told = f"{similar} stands in for it" if similar else "it is left out"
        tell(f"the model does not know {printable(character)}: {told}")
    return vocabulary.known(typed, "replace")


def _save(talk: Talk, name: str) -> None:
    """Write the text to a file that is not there yet."""
    require_names([name])
    path, kind = Path(name), talk.model.vocabulary.config
    try:
        with open(path, "xb") as file:
            file.write(talk.text.encode(kind.encoding))
    except FileExistsError:
        raise InputError(f"{path}: exists already; choose another name") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    tell(f"{path}: {len(talk.text):,} {kind.unit}s")
