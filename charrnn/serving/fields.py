"""The fields of a request, each of its type, as docs/serving.md tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from charrnn.config import UNKNOWN, SamplingConfig, Seed
from charrnn.errors import InputError
from charrnn.fields import Between, OneOf, declared
from charrnn.files.codec import parse
from charrnn.serving.refusing import RequestError
from charrnn.writing.values import read_value

MOST_LOGPROBS = 20

# The protocol has the one by another name, and the other not in the same sense.
_OTHERWISE = ("length", "best_of")
SETTINGS: Mapping[str, Any] = {
    name: kind for name, kind in declared(SamplingConfig).items() if name not in _OTHERWISE
}
"""Fields that are settings of writing, by the same names."""

FIELDS: Mapping[str, Any] = {
    "model": str,
    "prompt": tuple[str, ...],
    "max_tokens": Annotated[int, Between(0)],
    "n": Annotated[int, Between(1, 1 << 20)],
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


def given_in(body: bytes) -> dict[str, Any]:
    """The fields that a request says something with, each of its type.

    Raises:
        RequestError: It is not JSON, a field is unknown, or of another type.
    """
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
            nothing = (0, "", {}, *((1, given.get("n")) if name == "best_of" else ()))
            if isinstance(value, bool) or value not in nothing:  # which are equal to numbers
                raise RequestError(f"{name}: {REFUSED[name]}", param=name)
        elif name not in FIELDS:
            raise RequestError(f"there is no field {name!r}", param=name)
        else:
            given[name] = _read(name, value)
    return given


def _read(name: str, value: Any) -> Any:
    try:
        return read_value(name, FIELDS[name], value)
    except InputError as error:
        more = "; the model reads characters, and no numbers of tokens" if name == "prompt" else ""
        raise RequestError(f"{error}{more}", param=name) from None


def usage_wanted(options: Any) -> bool:
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
