"""The errors that charrnn raises on purpose. Each message is one line: what is wrong, what to do.

``exit_code`` is what the command line returns: 2 where the user asked for something that cannot be,
1 where something went wrong on the way.
"""


class CharrnnError(Exception):
    """Base class of every error that charrnn raises on purpose."""

    exit_code = 1


class InputError(CharrnnError):
    """What was asked for cannot be done: a bad value, a missing file, unusable text."""

    exit_code = 2


class NotUnicodeError(InputError):
    """A text is in none of Unicode's encodings that are known here."""


class UnknownCharacterError(InputError):
    """Text contains characters that the vocabulary does not have.

    ``characters`` holds them, each once, in the order of their first appearance.
    """

    def __init__(self, characters: str, advice: str = "", where: str = "") -> None:
        super().__init__(characters, advice, where)  # of which a copy is made
        self.characters = characters

    def __str__(self) -> str:
        characters, advice, where = self.args
        shown = ", ".join(describe_character(c) for c in characters[:8])
        more = f" and {len(characters) - 8} more" if len(characters) > 8 else ""
        place = where and f"{where}: "
        return f"{place}not in the model's vocabulary: {shown}{more}{advice}"


class UnknownLabelError(InputError):
    """Examples have labels, tags or symbols that the model does not have."""


class CheckpointError(CharrnnError):
    """A file is not a usable checkpoint, or cannot be written."""


class CacheError(CharrnnError):
    """The folder for encoded texts cannot be used."""


class SamplingError(CharrnnError):
    """What was asked for could not be written."""


class DivergenceError(CharrnnError):
    """Training kept running into a loss that is not finite."""


class ServingError(CharrnnError):
    """A server cannot go on."""


class RankError(CharrnnError):
    """The ranks of a job cannot go on together."""


def describe_character(character: str) -> str:
    """``'é' (U+00E9)``, or ``U+000B`` alone for what does not print."""
    code = f"U+{ord(character):04X}"
    return f"'{character}' ({code})" if character.isprintable() else code
