"""``--text``: a text, coloured by how much each character surprises the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.style import Style
from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import given_text
from charrnn.config import TextConfig
from charrnn.drawing.terminal.passage import named, passage, percent, shown
from charrnn.drawing.terminal.screen import Screen, amount
from charrnn.errors import InputError
from charrnn.inspection.surprise import Surprise, read_surprise
from charrnn.words import in_json, printable

FULL = 8.0  # bits that are drawn as the most there is: a chance of 1 in 256
MOST = 1500  # characters that are drawn
MOST_READ = 100_000  # that are read, unless a later one is asked for; for more there is `score`
PLACES = 5  # most surprising places that are told
BEFORE = 20  # characters of context before such a place


@dataclass(frozen=True)
class Found:
    source: str
    kind: TextConfig
    surprise: Surprise
    at: int | None


def measure(
    subjects: list[Subject], value: str, *, at: int | None = None, unknown: str | None = None
) -> Found:
    model = only(subjects).checkpoint.model
    text, source = given_text(model.vocabulary, value, "--text", unknown or "error")
    if at is not None and not 1 <= at <= len(text):
        raise InputError(f"--at {at}: the text has characters 1 to {len(text)}")
    most = max(MOST_READ, at or 0)
    if len(text) > most:
        source = f"the first {most:,} {model.vocabulary.config.unit}s of {source}"
    return Found(source, model.vocabulary.config, read_surprise(model, text[:most]), at)


def as_json(found: Found) -> Mapping[str, Any]:
    surprise = found.surprise
    wanted = [place + 1 for place in surprise.most_surprising(PLACES)]
    return {
        "source": found.source,
        "characters": len(surprise.text),
        "bits_per_char": plain(surprise.bits_per_char),
        "text": in_json(surprise.text, found.kind.encoding),
        "bits": plain(surprise.bits),
        "entropy": plain(surprise.entropy),
        "most_surprising": [_place_as_json(found, at) for at in wanted],
        "at": _place_as_json(found, found.at) if found.at else None,
    }


def _place_as_json(found: Found, at: int) -> dict[str, Any]:
    surprise, encoding = found.surprise, found.kind.encoding
    guesses = zip(surprise.guesses[at - 1], surprise.probabilities[at - 1], strict=True)
    return {
        "at": int(at),
        "character": in_json(surprise.text[at - 1], encoding),
        "bits": plain(surprise.bits[at - 1]),
        "guesses": [
            {"character": in_json(character, encoding), "probability": plain(probability)}
            for character, probability in guesses
        ],
    }


def draw(found: Found, screen: Screen) -> None:
    surprise, kind = found.surprise, found.kind
    mean = surprise.bits_per_char
    screen.put(
        Text(printable(found.source), style="bold").append(
            f": {len(surprise.text):,} {kind.unit}s, {mean:.4f} bits/{kind.symbol}"
            f"{screen.rule}perplexity {2 ** min(mean, 1000):.4g}",
            style="not bold",
        ),
        _legend(screen, kind.unit),
        "",
    )
    first = 0
    if found.at:
        first = max(0, min(found.at - 1 - MOST // 2, len(surprise.text) - MOST))
    part = slice(first, first + MOST)
    styles = [amount(bits / FULL) for bits in surprise.bits[part]]
    marks = [screen.height(bits / FULL) for bits in surprise.bits[part]]
    if found.at:
        styles[found.at - 1 - first] += Style(underline=True, bold=True)
        marks[found.at - 1 - first] = "^"
    screen.put(*passage(screen, surprise.text[part], styles, "".join(marks), kind.encoding), "")
    if len(surprise.text) > MOST:
        last = min(first + MOST, len(surprise.text))
        screen.put(
            f"{kind.unit}s {first + 1:,} to {last:,} of {len(surprise.text):,}; "
            "--at N shows those around another place",
            "",
        )
    if found.at:
        _draw_place(found, found.at, screen)
    else:
        _draw_places(found, screen)


def _legend(screen: Screen, unit: str) -> Text:
    """What the colours, or the marks, mean."""
    words = Text(f"bits for each {unit}: ")
    for bits in range(1, int(FULL) + 1):
        more = "+" if bits == FULL else ""
        if screen.colour:
            words.append(f" {bits}{more} ", amount(bits / FULL))
        else:
            words.append(f"{screen.height(bits / FULL)} {bits}{more}  ")
    return words


def _draw_places(found: Found, screen: Screen) -> None:
    """The most surprising places, and what was expected there."""
    surprise = found.surprise
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("at", justify="right")
    table.add_column("bits", justify="right")
    table.add_column("most surprising", no_wrap=True)
    table.add_column("expected", overflow="fold")
    for place in surprise.most_surprising(PLACES):
        table.add_row(
            f"{place + 1:,}",
            f"{surprise.bits[place]:.2f}",
            _in_context(found, int(place), screen),
            _guesses(found, int(place), screen, 4),
        )
    screen.put(table)


def _in_context(found: Found, place: int, screen: Screen) -> Text:
    """A place with what comes before it."""
    surprise, encoding = found.surprise, found.kind.encoding
    before = surprise.text[max(0, place - min(BEFORE, screen.width // 4)) : place]
    words = Text("".join(shown(c, screen, encoding) for c in before))
    sign = shown(surprise.text[place], screen, encoding)
    if screen.colour:
        return words.append(sign, amount(surprise.bits[place] / FULL))
    return words.append(f"[{sign}]")


def _guesses(found: Found, place: int, screen: Screen, count: int) -> str:
    surprise, encoding = found.surprise, found.kind.encoding
    guesses = zip(surprise.guesses[place], surprise.probabilities[place], strict=True)
    return "  ".join(
        f"{named(character, screen, encoding)} {percent(probability)}"
        for character, probability in list(guesses)[:count]
    )


def _draw_place(found: Found, at: int, screen: Screen) -> None:
    """One place, and the guesses as bars."""
    surprise, encoding = found.surprise, found.kind.encoding
    character, bits = surprise.text[at - 1], float(surprise.bits[at - 1])
    chance = percent(2.0**-bits) if bits < 10 else f"1 in {2.0 ** min(bits, 1000):.3g}"
    screen.put(
        f"{found.kind.unit} {at:,} is {named(character, screen, encoding)}: {bits:.2f} bits, "
        f"a chance of {chance}. The model expected {surprise.entropy[at - 1]:.2f} bits here:"
    )
    width = max(8, min(50, screen.width - 16))
    for guess, probability in zip(
        surprise.guesses[at - 1], surprise.probabilities[at - 1], strict=True
    ):
        line = Text(f"{named(guess, screen, encoding):>5} {percent(probability):>7} ")
        style = Style(bold=True) if guess == character else Style.null()
        screen.put(line.append(screen.bar(probability, width).rstrip(), style))
