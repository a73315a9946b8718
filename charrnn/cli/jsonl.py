"""A line of ``charrnn sample --jsonl``: what it may ask for, in the words of docs/jsonl.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from charrnn.cli.prompts import Request, require_end
from charrnn.config import SamplingConfig, Seed
from charrnn.errors import InputError
from charrnn.fields import declared
from charrnn.files.codec import NESTED, parse
from charrnn.text.source import tidied
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.values import config_of, read_value, shown, symbols_of

SETTINGS: Mapping[str, Any] = {"prime": str, "seed": Seed, **declared(SamplingConfig)}
"""What a line may set, each with its type."""

ANSWERS = ("text", "bits_per_char", "novelty", "error", "given")
"""What an answer needs for itself; where a line has such a key, it comes out in ``given``."""

TOO_DEEP = f"has lists and objects in each other, more than {NESTED} deep"
NO_PRIME = 'must be an object with a string "prime"'


class Asking:
    """Reads what lines ask for.

    Args:
        default: What a line does not say.
        names: Of the options of the command, each with the setting that it stands for.
        most: Characters that all texts of a line, with ``best_of``, may have together. One without a bound has its share of them.
        tell: Told of a key that looks like a setting and is none, once for each.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        default: Request,
        names: Mapping[str, str],
        most: int,
        tell: Callable[[str], None],
    ) -> None:
        self._vocabulary, self._default = vocabulary, default
        self._names = {**names, **{name: name for name in SETTINGS}}
        self._most, self._tell = most, tell
        self._told: set[str] = set()

    @staticmethod
    def parse(line: str, wanted: str = NO_PRIME) -> dict[str, Any]:
        """The object that a line holds.

        Args:
            wanted: What is said of something else.

        Raises:
            InputError: It is not JSON, or something else.
        """
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:  # what could not be decoded stands as half a pair
                raise InputError("not UTF-8") from None
        try:
            found = parse(line)
        except ValueError as error:
            raise InputError(f"not JSON: {error}") from None
        except RecursionError:
            raise InputError(TOO_DEEP) from None
        if not isinstance(found, dict):
            raise InputError(wanted)
        return found

    def request(self, given: Mapping[str, Any], seed: int, line: int) -> Request:
        """What an object asks for, with a seed unless it has its own.

        Raises:
            InputError: Something in it cannot be.
        """
        asked = self._settings(given, line)
        if "prime" not in asked:
            raise InputError(NO_PRIME)
        prime = symbols_of(self._vocabulary, "prime", asked.pop("prime"))
        seed = asked.pop("seed", seed)
        if asked.get("length") == 0:
            asked["length"] = None
        config = config_of(self._vocabulary, self._default.config, asked)
        if not self._vocabulary.config.records:
            require_end(config)
        config = self._bounded(config, said=not asked.keys().isdisjoint(("length", "best_of")))
        return Request(tidied(prime, self._vocabulary.config), seed, config, given)

    def _bounded(self, config: SamplingConfig, *, said: bool) -> SamplingConfig:
        """The same with a length that is allowed, which the line may have ``said`` something of."""
        room = max(1, self._most // config.best_of)
        length = config.length or room  # all there is, where something else ends the text
        if length > room and not said:
            length = room
        if length * config.best_of > self._most:
            times = f" × best_of {config.best_of:,}" * (config.best_of > 1)
            raise InputError(
                f"length {length:,}{times} is more than --max-length {self._most:,} allows"
            )
        return replace(config, length=length)

    def _settings(self, given: Mapping[str, Any], line: int) -> dict[str, Any]:
        """Those that are given, by their own names; null is none."""
        found: dict[str, Any] = {}
        named: dict[str, str] = {}
        for key, value in given.items():
            # A letter alone may be anything; options that are one are only told of.
            name = self._names.get(key.replace("-", "_")) if len(key) > 1 else None
            if name is None or name not in SETTINGS:
                self._tell_of(key, line)
            elif value is not None:
                if name in found:
                    raise InputError(f"{named[name]} and {key} are the same setting")
                if name == "prime" and not isinstance(value, str):
                    raise InputError(NO_PRIME)
                found[name] = read_value(key, SETTINGS[name], value)
                named[name] = key
        return found

    def _tell_of(self, key: str, line: int) -> None:
        if key in self._told or key in ANSWERS or not (near := _nearest(key, self._names)):
            return
        self._told.add(key)
        told = shown(key)
        if near in SETTINGS:
            self._tell(f'line {line}: {told} is passed on, not read; the setting is "{near}"')
        else:
            self._tell(f"line {line}: {told} is passed on; no line sets that, only the command")


def passed_on(given: Mapping[str, Any], *needed: str) -> dict[str, Any]:
    """What a line holds, for the answer to it; what that needs itself is kept in ``given``."""
    taken = {key: value for key, value in given.items() if key in (*ANSWERS, *needed)}
    rest = {key: value for key, value in given.items() if key not in taken}
    return {**rest, "given": taken} if taken else rest


def _nearest(key: str, names: Mapping[str, str]) -> str | None:
    """The option's parameter that is meant by a key, if it looks like one."""
    key = key.lower().replace("-", "_")
    for name, parameter in names.items():
        plain = name.replace("_", "")
        long = len(plain) > 3
        letters = key.replace("_", "")
        if letters == plain or (long and (_is_one_off(letters, plain) or letters.endswith(plain))):
            return parameter
    return None


def _is_one_off(a: str, b: str) -> bool:
    """Whether one letter is too many, too few or another one, or two have changed places."""
    short, long = sorted((a, b), key=len)
    same = next(
        (n for n, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), len(short)
    )
    short, long = short[same:], long[same:]
    swapped = short[:2] == long[:2][::-1] and short[2:] == long[2:]
    return short == long[1:] or short[1:] == long[1:] or swapped
