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
from charrnn.models.retracing import alignment, expected
from charrnn.models.rewriting import Rewriter
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.words import percent

LONGEST = 200  # characters of a source
END = "(end)"
GUESSES = 3  # symbols that are told for each place


@dataclass(frozen=True, eq=False)
class Aligned:
    """How a target came about, of a source of T characters and S symbols, the end among them.

    Attributes:
        symbols: That were written, without the end.
        nats: Minus the log of the target's probability.
        weights: ``(S, T)``, how much each symbol looked at each character; None without attention.
        probabilities: ``(S, K+1)``, of what could have been written at each place.
    """

    symbols: tuple[int, ...]
    nats: float
    weights: Array | None
    probabilities: Array

    @property
    def entropy(self) -> Array:
        """``(S,)``, of each symbol's weights, in bits."""
        assert self.weights is not None
        with np.errstate(all="ignore"):
            each = np.where(self.weights > 0, self.weights * np.log2(self.weights), 0)
        return np.asarray(-each.sum(axis=1))


def read_alignment(model: CharacterModel, source: str) -> Aligned:
    """Watch a model make the likeliest target that it finds.

    Raises:
        InputError: The model makes no texts of others, or there is no source.
        UnknownCharacterError: The source has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    rewriter = Rewriter([model])
    if not source:
        raise InputError("there is no text to make another one of")
    ((best, *_),) = rewriter([source])
    return Aligned(
        best.symbols,
        best.nats,
        alignment(model, source, best.symbols),
        expected(model, source, best.symbols),
    )


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """The alignment of a source and what is made of it, and what was expected at each place.

    Raises:
        InputError: No text was named, or it is empty.
    """
    model = look.subject.checkpoint.model
    if look.value is None:
        raise InputError("a text shows it: charrnn inspect … --attention TEXT")
    read, name = look.head(*look.read(look.value, "--attention"), LONGEST)
    source = model.vocabulary.shown(read)
    found = read_alignment(model, read)
    labels = model.labels
    symbols: list[fig.Phrase] = [fig.Symbols(labels.names[n], alone=True) for n in found.symbols]
    symbols.append(END)
    characters = [fig.Symbols(model.vocabulary.symbol(c), alone=True) for c in read]
    target = labels.joined(found.symbols)
    lead = fig.Words(
        (
            fig.Strong(name),
            ": of ",
            fig.Symbols(source),
            " it makes ",
            fig.Symbols(target, strong=True),
            f", with {bits(found.nats):.2f} bits",
        )
    )
    data = {
        "source": fig.Symbols(source),
        "target": fig.Symbols(target),
        "bits": bits(found.nats),
        "symbols": [labels.names[number] for number in found.symbols],
        "weights": found.weights,
        "entropy": None if found.weights is None else found.entropy,
        "probabilities": found.probabilities,
    }
    blocks: list[fig.Block] = [lead]
    if found.weights is None:
        why = "The model has no attention: all that its decoder knows of the source is what the encoder held at its end."
        blocks += [fig.Words(why), _places(labels.names, symbols, found)]
        return fig.Figure(
            "What it expected",
            blocks,
            data,
            no_picture="without attention there is no picture of it",
        )
    told = fig.joined(
        [
            (*fig.parts(symbol), " at ", characters[int(row.argmax())])
            for symbol, row in zip(symbols, found.weights, strict=True)
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
            f"How sharp that is: {sharp:.2f} bits on average; 0 looks at one character, {np.log2(len(read)):.2f} at all alike."
        ),
        _places(labels.names, symbols, found),
    ]
    return fig.Figure("What it looked at", blocks, data, matrix.description, [matrix])


def _places(names: Sequence[str], symbols: Sequence[fig.Phrase], found: Aligned) -> fig.Table:
    """What was expected at each place."""
    rows: list[Sequence[fig.Cell]] = []
    every: list[fig.Part] = [*(fig.Symbols(name, alone=True) for name in names), END]
    for place, (symbol, p) in enumerate(zip(symbols, found.probabilities, strict=True), 1):
        likely = np.argsort(-p, kind="stable")[:GUESSES].tolist()
        words = fig.joined([(every[k], f" {percent(float(p[k]))}") for k in likely], "  ")
        sharp = "" if found.weights is None else f"{found.entropy[place - 1]:.2f}"
        rows.append((f"{place}", symbol, sharp, words))
    heads = [*fig.figures("at"), fig.Column("written"), *fig.figures("looked, bits")]
    return fig.Table([*heads, fig.Column("expected")], rows)
