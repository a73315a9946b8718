"""What a request for completions asks for, in the words of docs/serving.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.config import SamplingConfig, fresh_seed, seed_after
from charrnn.errors import InputError, UnknownCharacterError, UnknownLabelError
from charrnn.models.character_model import CharacterModel
from charrnn.serving.fields import SETTINGS, given_in, usage_wanted
from charrnn.serving.refusing import RequestError
from charrnn.words import counted, listed, printable
from charrnn.writing.values import WrongValueError, config_of
from charrnn.writing.writer import Prompt

LENGTH = 500  # characters that a text gets where nothing is said
STOPS, STOP_LENGTH = 16, 200  # strings that end a text, and characters of each
NAMED = 10_000  # characters that ``ban`` or ``dry_breakers`` name
LIKELIHOODS = 1_000_000  # numbers of logprobs in an answer


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


class RequestReader:
    """Reads requests.

    Args:
        name: What the model is called.
        unknown: What becomes of characters that it does not know, where a request says nothing.
    """

    def __init__(
        self, model: CharacterModel, name: str, bounds: Bounds, unknown: str = "error"
    ) -> None:
        self.name, self._model, self._bounds = name, model, bounds
        self._default = {"n": 1, "prompt": ("",), "unknown": unknown}
        self._for_label: dict[str, CharacterModel] = {}

    def read(self, body: bytes) -> Asked:
        """What a request asks for.

        Raises:
            RequestError: It is no such request, or something in it cannot be.
        """
        given = given_in(body)
        self.require_model(given.get("model", self.name))
        said = {**self._default, **given}
        model = self._labelled(said.get("label"))
        prompts: tuple[str, ...] = said["prompt"]
        count = len(prompts) * said["n"]
        if not 1 <= count <= self._bounds.texts:
            what = "prompt" if len(prompts) != 1 else "n"
            raise RequestError(
                f"a request is for 1 to {self._bounds.texts} texts, not {count:,}", param=what
            )
        config, seed = self._config(given), said.get("seed")
        if seed is None:
            seed = fresh_seed()
        texts = [self._text(prompt) for prompt in prompts]
        self._require_short(texts)  # before something similar is looked for, which takes a while
        primes = [self._prime(text, said["unknown"]) for text in texts]
        characters = self._require_short(primes)  # what is similar may be longer
        each = [prime for prime in primes for _ in range(said["n"])]
        logprobs = said.get("logprobs")
        if logprobs is not None:
            told = count * (config.length or 0) + characters * said["n"] * said.get("echo", False)
            if told * (1 + logprobs) > LIKELIHOODS:
                raise RequestError(
                    f"{told:,} characters, each with {1 + logprobs} of logprobs, are more than {LIKELIHOODS:,} numbers",
                    param="logprobs",
                )
        return Asked(
            model,
            tuple(Prompt(p, seed_after(seed, i), config, logprobs) for i, p in enumerate(each)),
            said["n"],
            said.get("echo", False),
            logprobs,
            said.get("stream", False),
            usage_wanted(said.get("stream_options")),
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
        for name in ("ban", "dry_breakers"):
            if len(settings.get(name, "")) > NAMED:
                raise RequestError(f"{name} is at most {NAMED:,} characters", param=name)
        stops = settings.get("stop", ())
        if len(stops) > STOPS or any(len(string) > STOP_LENGTH for string in stops):
            raise RequestError(
                f"stop is at most {STOPS} strings of at most {STOP_LENGTH} characters", param="stop"
            )
        try:
            return config_of(self._model.vocabulary, SamplingConfig(length=length), settings)
        except WrongValueError as error:
            raise RequestError(str(error), param=error.name) from None

    def _require_short(self, prompts: Sequence[str]) -> int:
        """How many characters prompts have together, which is not too many."""
        characters, most = sum(map(len, prompts)), self._bounds.length
        if characters > most:
            raise RequestError(
                f"{counted(characters, 'character')} of prompts are more than --max-length {most:,} allows",
                param="prompt",
            )
        return characters

    def _text(self, prompt: str) -> str:
        """A prompt in characters of the model's kind."""
        try:
            return self._model.vocabulary.read(prompt)
        except InputError as error:
            raise RequestError(str(error), param="prompt") from None

    def _prime(self, text: str, unknown: str) -> str:
        """A prompt in characters that the model knows."""
        vocabulary = self._model.vocabulary
        try:
            prime = vocabulary.known(text, unknown)
        except UnknownCharacterError as error:
            advice = '; "unknown": "replace" puts similar ones, "skip" leaves them out'
            raise RequestError(
                str(UnknownCharacterError(error.characters, advice)), param="prompt"
            ) from None
        if vocabulary.config.end and vocabulary.config.end in prime:
            raise RequestError("a record is one line, and so is its prompt", param="prompt")
        return prime
