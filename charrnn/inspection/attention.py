"""``--attention``: what a model for seq2seq looked at while it made a text of another one.

The weights of the attention are a soft alignment (Bahdanau, Cho, Bengio, arXiv 1409.0473, figure 3): a row for each symbol that was written, a column for
each character that was read. How sharp it is tells the entropy of a row: 0 bits where one character has all, log2 of their number where all are
alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.retracing import alignment, walked
from charrnn.models.rewriting import Rewriter
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.words import decimals, percent

LONGEST = 200  # characters of a source
BEGINNING, END = "(beginning)", "(end)"
LOOKED = 3  # characters that are told for each symbol


@dataclass(frozen=True, eq=False)
class Aligned:
    """How a target came about, of a source of T characters and S symbols, the end among them.

    Attributes:
        symbols: That were written, without the end.
        nats: Minus the log of the target's probability.
        weights: ``(S, T)``, how much each symbol looked at each character; None without attention.
        marks: ``(S, 2)``, how much at the marks before and after the source, which only a monotonic model has.
    """

    symbols: tuple[int, ...]
    nats: float
    weights: Array | None
    marks: Array | None = None

    @property
    def places(self) -> Array:
        """``(S, T)``, how much each symbol looked at each place there is; with marks ``(S, T+2)``."""
        assert self.weights is not None
        if self.marks is None:
            return self.weights
        return np.hstack([self.marks[:, :1], self.weights, self.marks[:, 1:]])

    @property
    def entropy(self) -> Array:
        """``(S,)``, of where each symbol looked, in bits."""
        places = self.places
        with np.errstate(all="ignore"):
            each = np.where(places > 0, places * np.log2(places), 0)
        return np.asarray(0 - each.sum(axis=1))


def read_alignment(model: CharacterModel, source: str) -> Aligned:
    """Watch a model make the likeliest target that it finds of a source, as that stands in a file.

    Raises:
        InputError: The model makes no texts of others, or there is no source.
        UnknownCharacterError: The source has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    rewriter = Rewriter([model])
    read = rewriter.known(source, "error")
    if not read:
        raise InputError("there is no text to make another one of")
    return aligned(model, read)


def aligned(model: CharacterModel, read: str) -> Aligned:
    """The same, of a source in characters that the model knows, not empty."""
    ((best, *_),) = Rewriter([model])([read])
    if model.config.attention == "monotonic":
        places = walked(model, read, best.symbols)
        return Aligned(best.symbols, best.nats, places[:, 1:-1], places[:, [0, -1]])
    return Aligned(best.symbols, best.nats, alignment(model, read, best.symbols))


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """The alignment of a source and what is made of it.

    Raises:
        InputError: The text is empty.
    """
    model = look.subject.checkpoint.model
    if look.value is None:  # on a page
        (line, *_), name = look.pairs(1, LONGEST)
        read = line.text
    else:
        read, name = look.head(*look.read(look.value, "--attention"), LONGEST)
    source = model.vocabulary.shown(read)
    found = aligned(model, read)
    labels = model.labels
    symbols: list[fig.Phrase] = [fig.Symbols(labels.names[n], alone=True) for n in found.symbols]
    symbols.append(END)
    characters = [fig.Symbols(model.vocabulary.name_of(c), alone=True) for c in read]
    target = labels.joined(found.symbols)
    lead = fig.Words(
        (
            fig.Strong(name),
            ": of ",
            fig.Symbols(source),
            " it makes ",
            fig.Symbols(target, strong=True),
            f", with {decimals(bits(found.nats), 2)} bits",
        )
    )
    data = {
        "source": fig.Symbols(source),
        "target": fig.Symbols(target),
        "bits": bits(found.nats),
        "symbols": [labels.names[number] for number in found.symbols],
        "weights": found.weights,
        "marks": found.marks,
        "entropy": None if found.weights is None else found.entropy,
    }
    blocks: list[fig.Block] = [lead]
    if found.weights is None:
        why = (
            "The model has no attention: all that its decoder knows of the source is what the encoder held at its end. "
            "(--text shows what it expected at each place.)"
        )
        blocks.append(fig.Words(why))
        return fig.Figure(
            "What it looked at",
            blocks,
            data,
            no_picture="without attention there is no picture of it",
        )
    places: list[fig.Part] = [*characters]
    if found.marks is not None:
        places = [BEGINNING, *places, END]
    told = fig.joined(
        [
            (*fig.parts(symbol), " at ", places[int(row.argmax())])
            for symbol, row in zip(symbols, found.places, strict=True)
        ],
        "; ",
    )
    matrix = fig.Matrix(
        "attention",
        "What each symbol looked at",
        fig.Axis("read"),
        fig.Axis("written"),
        ("Each symbol looked most at: ", *told, "."),
        symbols,
        found.weights.tolist(),
        characters,
    )
    sharp = found.entropy.mean()
    blocks += [
        matrix,
        fig.Words(
            f"How sharp that is: {decimals(sharp, 2)} bits on average; 0 looks at one place, {np.log2(len(places)):.2f} at all alike."
        ),
        _table(symbols, places, found),
    ]
    return fig.Figure("What it looked at", blocks, data, matrix.description, [matrix])


def _table(symbols: Sequence[fig.Phrase], places: Sequence[fig.Part], found: Aligned) -> fig.Table:
    """Where each symbol looked, and how sharply."""
    rows: list[Sequence[fig.Cell]] = []
    each = zip(symbols, found.places, found.entropy.tolist(), strict=True)
    for number, (symbol, row, sharp) in enumerate(each, 1):
        order = np.argsort(-row, kind="stable")[:LOOKED].tolist()
        looked = fig.joined([(places[k], f" {percent(float(row[k]))}") for k in order], "  ")
        rows.append((f"{number}", symbol, decimals(sharp, 2), looked))
    heads = [*fig.figures("at"), fig.Column("written"), *fig.figures("sharp, bits")]
    return fig.Table([*heads, fig.Column("looked at")], rows)
