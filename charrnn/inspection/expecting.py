"""``--text`` of a model for seq2seq: what its decoder expected at each place of a target, given or its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.retracing import expected
from charrnn.models.rewriting import Rewriter
from charrnn.nn.parameters import Array
from charrnn.text.lines import symbols_of
from charrnn.words import decimals, percent

LONGEST = 200  # characters of a source
END = "(end)"
GUESSES = 3  # symbols that are told for each place


@dataclass(frozen=True, eq=False)
class Expected:
    """A target as the decoder foresaw it, of S symbols with its end.

    Attributes:
        symbols: Numbers, without the end.
        probabilities: ``(S, K+1)``, of what could stand at each place, the end the last of them.
        bits: ``(S,)``, how unexpected each symbol was.
    """

    symbols: tuple[int, ...]
    probabilities: Array
    bits: Array


def read_expected(model: CharacterModel, source: str, symbols: Sequence[str]) -> Expected:
    """Read a target that is known.

    Args:
        source: As it stands in a file.
        symbols: Of the target.

    Raises:
        InputError: The model makes no texts of others, there is no source, or a symbol is none of the model's.
        UnknownCharacterError: The source has a character that the model does not know.
    """
    read = Rewriter([model]).known(source, "error")
    if not read:
        raise InputError("there is no text to make another one of")
    return expecting(model, read, [model.labels.number(symbol) for symbol in symbols])


def expecting(model: CharacterModel, read: str, symbols: Sequence[int]) -> Expected:
    """The same, of a source in characters that the model knows, not empty, and numbers of symbols."""
    p = expected(model, read, symbols)
    own = p[np.arange(len(p)), [*symbols, len(model.labels)]]
    tiny = np.finfo(np.float32).tiny
    return Expected(tuple(symbols), p, np.asarray(-np.log2(np.maximum(own, tiny))))


def view(look: Look) -> fig.Figure:
    """A pair, or a source with what is made of it, and what was expected at each place.

    Raises:
        InputError: The text is empty, too long for its target, or has symbols that the model does not write.
    """
    model = look.subject.checkpoint.model
    if look.at is not None:
        raise InputError("--at is for what a language model expected at a place")
    if look.value is None:  # on a page
        lines, name = look.pairs(1, LONGEST)
    else:
        lines, name = look.named(look.value, "--text")
    if len(lines) > 1:
        raise InputError(f"{name}: has several lines; --text shows what becomes of one text")
    (line,) = lines
    if line.answer and len(line.text) > LONGEST:
        raise InputError(
            f"{name}: a source of {len(line.text):,} characters; with a target it is {LONGEST} at most"
        )
    read, name = look.head(line.text, name, LONGEST)
    labels, source = model.labels, fig.Symbols(model.vocabulary.shown(read))
    ((best, *_),) = Rewriter([model])([read])
    made, symbols = labels.joined(best.symbols), list(best.symbols)
    if line.answer:
        (written,) = symbols_of([line], labels.between)
        symbols = [labels.number(symbol, "symbol") for symbol in written]
        if len(symbols) > LONGEST:
            raise InputError(f"{name}: a target of {len(symbols):,} symbols; {LONGEST} is the most")
    found = expecting(model, read, symbols)
    target, as_made = labels.joined(symbols), symbols == list(best.symbols)
    told: list[fig.Part] = [fig.Strong(name), ": of ", source, " it makes "]
    told.append(fig.Symbols(made, strong=True))
    if not as_made:
        told += [", not ", fig.Symbols(target, strong=True)]
    told.append(f", {'with' if as_made else 'which costs'} {decimals(found.bits.sum(), 2)} bits")
    words: list[fig.Phrase] = [fig.Symbols(labels.names[n], alone=True) for n in found.symbols]
    words.append(END)
    chart = fig.Chart(
        "expecting",
        "How unexpected each symbol was",
        fig.Axis("place in the target"),
        fig.Axis("bits", low=0),
        f"Bits of each symbol of the target; the most, {decimals(found.bits.max(), 2)}, at place {int(found.bits.argmax()) + 1}.",
        [fig.Line("bits", list(range(1, len(words) + 1)), found.bits.tolist(), strong=True)],
    )
    data = {
        "source": source,
        "target": fig.Symbols(target),
        "made": fig.Symbols(made),
        "symbols": [labels.names[number] for number in symbols],
        "bits": found.bits,
        "probabilities": found.probabilities,
    }
    blocks: list[fig.Block] = [
        fig.Words(tuple(told)),
        places_table(labels.names, words, found),
        chart,
    ]
    return fig.Figure("What it expected", blocks, data, chart.description, [chart])


def places_table(names: Sequence[str], symbols: Sequence[fig.Phrase], found: Expected) -> fig.Table:
    """What was expected at each place."""
    rows: list[Sequence[fig.Cell]] = []
    every: list[fig.Part] = [*(fig.Symbols(name, alone=True) for name in names), END]
    for place, (symbol, p) in enumerate(zip(symbols, found.probabilities, strict=True), 1):
        likely = np.argsort(-p, kind="stable")[:GUESSES].tolist()
        words = fig.joined([(every[k], f" {percent(float(p[k]))}") for k in likely], "  ")
        rows.append((f"{place}", symbol, decimals(found.bits[place - 1], 2), words))
    heads = [*fig.figures("at"), fig.Column("written"), *fig.figures("bits")]
    return fig.Table([*heads, fig.Column("expected")], rows)
