"""What a request for completions asks for, in the words of docs/serving.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from charrnn.config import UNKNOWN, SamplingConfig, Seed, seed_after
from charrnn.errors import InputError, UnknownCharacterError, UnknownLabelError
from charrnn.fields import Between, OneOf, check, declared, unfolded
from charrnn.files.codec import parse
from charrnn.models.character_model import CharacterModel
from charrnn.serving.refusing import RequestError
from charrnn.words import counted, listed, printable
from charrnn.writing.filters import Ban
from charrnn.writing.writer import Prompt

LENGTH = 500  # characters that a text gets where nothing is said
MOST_LOGPROBS = 20
STOPS, STOP_LENGTH = 16, 200  # strings that end a text, and characters of each

_OTHERWISE = (
    "length",
    "stop",
    "best_of",
)  # which the protocol has by other names or types, or has not
SETTINGS: Mapping[str, Any] = {
    name: kind for name, kind in declared(SamplingConfig).items() if name not in _OTHERWISE
}
"""Fields that are settings of writing, by the same names."""

FIELDS: Mapping[str, Any] = {
    "model": str,
    "prompt": str | list[str],
    "max_tokens": Annotated[int, Between(0)],
    "n": Annotated[int, Between(1, 1 << 20)],
    "stop": str | list[str],
    "seed": Seed,
    "echo": bool,
    "logprobs": Annotated[int, Between(0, MOST_LOGPROBS)],
    "stream": bool,
    "stream_options": Any,
    "label": str,
    "unknown": Annotated[str, OneOf(UNKNOWN)],
    "user": Any,
    **SETTINGS,
}
"""What a request may say, each with its type; null says nothing."""

REFUSED: Mapping[str, str] = {
    "suffix": "the model goes on with a text, it does not fill one in",
    "logit_bias": 'it is not supported; "ban" names characters that are never written',
    "presence_penalty": 'it is not supported; "dry" is what helps against loops here',
    "frequency_penalty": 'it is not supported; "dry" is what helps against loops here',
    "best_of": "it is not supported: ask for n texts with logprobs, and choose",
}
"""Fields of the protocol that the server has no answer to, unless they say nothing."""


@dataclass(frozen=True)
class Bounds:
    """How much may be asked for.

    Attributes:
        length: Characters of a text, and of the prompts of a request together.
        texts: Texts of one request.
    """

    length: int = 10_000
    texts: int = 128


@dataclass(frozen=True)
class Asked:
    """A request that can be answered.

    Attributes:
        model: Who writes, for the label that was named.
        texts: What each text is asked for with: of every prompt ``n`` in a row, each with the seed after the one before.
        logprobs: So many of the likeliest characters are told at each place; None tells nothing.
        include_usage: Of a stream: tell at its end how many characters there were.
    """

    model: CharacterModel
    texts: tuple[Prompt, ...]
    n: int
    echo: bool
    logprobs: int | None
    stream: bool
    include_usage: bool

    @property
    def prompt_tokens(self) -> int:
        """Characters of the prompts."""
        return sum(len(text.prime) for text in self.texts[:: self.n])


class Asking:
    """Reads requests.

    Args:
        name: What the model is called.
        unknown: What becomes of characters that it does not know, where a request says nothing.
    """

    def __init__(
        self, model: CharacterModel, name: str, bounds: Bounds, unknown: str = "error"
    ) -> None:
        self.name, self._model, self._bounds = name, model, bounds
        self._default = {"n": 1, "prompt": "", "unknown": unknown}
        self._for_label: dict[str, CharacterModel] = {}

    def read(self, body: bytes) -> Asked:
        """What a request asks for.

        Raises:
            RequestError: It is no such request, or something in it cannot be.
        """
        given = _given(body)
        self.require_model(given.get("model", self.name))
        said = {**self._default, **given}
        model = self._labelled(said.get("label"))
        prompts = [said["prompt"]] if isinstance(said["prompt"], str) else said["prompt"]
        count = len(prompts) * said["n"]
        if not 1 <= count <= self._bounds.texts:
            what = "prompt" if len(prompts) != 1 else "n"
            raise RequestError(
                f"a request is for 1 to {self._bounds.texts} texts, not {count:,}", param=what
            )
        config, seed = self._config(given), said.get("seed")
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        primes = [self._prime(prompt, said["unknown"]) for prompt in prompts]
        characters = sum(map(len, primes))
        if characters > self._bounds.length:
            raise RequestError(
                f"{counted(characters, 'character')} of prompts are more than --max-length {self._bounds.length:,} allows",
                param="prompt",
            )
        each = [prime for prime in primes for _ in range(said["n"])]
        logprobs = said.get("logprobs")
        return Asked(
            model,
            tuple(Prompt(p, seed_after(seed, i), config, logprobs) for i, p in enumerate(each)),
            said["n"],
            said.get("echo", False),
            logprobs,
            said.get("stream", False),
            _usage_wanted(said.get("stream_options")),
        )

    def require_model(self, name: str) -> None:
        """Raise a RequestError unless the model is called so."""
        if name != self.name:
            raise RequestError(
                f"there is no model {name!r} here; it is called {self.name!r}",
                404,
                param="model",
                code="model_not_found",
            )

    def _labelled(self, label: str | None) -> CharacterModel:
        if label is None:
            if self._model.config.learns.for_labels:
                names = listed([printable(name) for name in self._model.labels.names])
                raise RequestError(
                    f"the model writes for a label; name one of {names}", param="label"
                )
            return self._model
        if label not in self._for_label:
            try:
                self._for_label[label] = self._model.writing({label: 1.0})
            except (InputError, UnknownLabelError) as error:
                raise RequestError(str(error), param="label") from None
        return self._for_label[label]

    def _config(self, given: Mapping[str, Any]) -> SamplingConfig:
        most = self._bounds.length
        length = given.get("max_tokens", min(LENGTH, most))
        if length > most:
            raise RequestError(
                f"max_tokens {length:,} is more than --max-length {most:,} allows",
                param="max_tokens",
            )
        settings = {name: given[name] for name in SETTINGS if name in given}
        for name in {"ban", "dry_breakers"} & settings.keys():
            settings[name] = self._symbols(name, settings[name])
        stop = given.get("stop", ())
        stops = [stop] if isinstance(stop, str) else stop
        if len(stops) > STOPS or any(len(string) > STOP_LENGTH for string in stops):
            raise RequestError(
                f"stop is at most {STOPS} strings of at most {STOP_LENGTH} characters", param="stop"
            )
        if "" in stops:
            raise RequestError("stop must be a string of at least one character", param="stop")
        stops = tuple(self._symbols("stop", string) for string in stops)
        config = SamplingConfig(length=length, stop=stops, **settings)
        if config.ban:
            try:
                Ban(self._model.vocabulary, [config], [""])
            except InputError as error:
                raise RequestError(str(error), param="ban") from None
        return config

    def _symbols(self, name: str, value: str) -> str:
        try:
            return self._model.vocabulary.symbols(value)
        except UnicodeError:
            raise RequestError(f"{name} has half of a surrogate pair", param=name) from None

    def _prime(self, prompt: str, unknown: str) -> str:
        """A prompt in characters that the model knows."""
        vocabulary = self._model.vocabulary
        try:
            prime = vocabulary.known(vocabulary.read(prompt), unknown)
        except UnknownCharacterError as error:
            advice = '; "unknown": "replace" puts similar ones, "skip" leaves them out'
            raise RequestError(
                str(UnknownCharacterError(error.characters, advice)), param="prompt"
            ) from None
        except InputError as error:
            raise RequestError(str(error), param="prompt") from None
        if vocabulary.config.end and vocabulary.config.end in prime:
            raise RequestError("a record is one line, and so is its prompt", param="prompt")
        return prime


def _given(body: bytes) -> dict[str, Any]:
    """The fields that a request says something with, each of its type."""
    try:
        found = parse(body)
    except UnicodeDecodeError:
        raise RequestError("the request is not UTF-8") from None
    except ValueError as error:
        raise RequestError(f"the request is not JSON: {error}") from None
    except RecursionError:
        raise RequestError("the request has lists and objects too deep in each other") from None
    if not isinstance(found, dict):
        raise RequestError("the request must be an object of JSON")
    given = {name: value for name, value in found.items() if value is not None}
    for name, value in given.items():
        if name in REFUSED:
            if value not in (0, "", {}) and not (
                name == "best_of" and value in (1, given.get("n"))
            ):
                raise RequestError(f"{name}: {REFUSED[name]}", param=name)
        elif name not in FIELDS:
            raise RequestError(f"there is no field {name!r}", param=name)
        else:
            given[name] = _checked(name, value)
    return given


def _checked(name: str, value: Any) -> Any:
    if name in ("prompt", "stop") and isinstance(value, list) and not _all_text(value):
        more = "; the model reads characters, and no numbers of tokens" if name == "prompt" else ""
        raise RequestError(f"{name} must be a string, or a list of strings{more}", param=name)
    kind, _, _ = unfolded(FIELDS[name])
    try:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        check(name, FIELDS[name], value)
    except (InputError, OverflowError) as error:
        message = str(error) if isinstance(error, InputError) else f"{name} is too large"
        raise RequestError(message, param=name) from None
    return value


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _usage_wanted(options: Any) -> bool:
    """Whether ``stream_options`` ask for it; ``include_obfuscation`` is passed over."""
    if options is None:
        return False
    known = {"include_usage", "include_obfuscation"}
    if not isinstance(options, dict) or not options.keys() <= known:
        raise RequestError(
            'stream_options is an object with "include_usage"', param="stream_options"
        )
    wanted = options.get("include_usage") or False
    if not isinstance(wanted, bool):
        raise RequestError("include_usage must be true or false", param="stream_options")
    return wanted
