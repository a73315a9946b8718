"""``--answers``: how right labels or tags are: a row for each, and which are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.nn.loss import bits, known_bits
from charrnn.training.figures import Figures
from charrnn.words import decimals, percent, shortened

MOST = 10  # confusions that are told
WIDEST = 20  # labels of a picture: of more, those that are most often wrong or wrongly answered
NO_PICTURE = "there is no picture of targets: right ones are counted, and edits"
ROWS = 50  # labels in a table
LONGEST = 40  # characters of a label


def view(look: Look) -> fig.Figure:
    """The answers to what was kept for validation.

    Raises:
        InputError: The model has no labels, or nothing was kept.
    """
    checkpoint = look.subject.checkpoint
    figures, names = checkpoint.figures, checkpoint.model.labels.names
    if not names:
        raise InputError(
            "--answers is for models with labels or tags; a language model predicts characters"
        )
    if figures is None:
        raise InputError(
            "nothing was kept for validation, or no evaluation has been made; try charrnn evaluate"
        )
    found = graded_figure(figures, names)
    words = fig.Words(
        f"{look.subject.name}: its answers to what was kept for validation.", whole=True
    )
    return fig.Figure(
        f"Answers of {look.subject.path.name}",
        (words, *found.blocks),
        {"model": look.subject.name, **found.data},
        found.description,
        found.picture,
    )


def graded_figure(
    figures: Figures, names: Sequence[str], most: int = MOST, among: tuple[int, int] | None = None
) -> fig.Figure:
    """All figures: facts, a row for each label, the most frequent wrong answers, and the matrix of all.

    Args:
        names: What the labels' numbers mean.
        most: Wrong answers that are told.
        among: Of targets: a number *K*, and for how many sources a right one is among the K best.
    """
    if figures.symbols:
        facts, data = fig.Facts(_rewriting_facts(figures, among)), _rewriting_values(figures, among)
        return fig.Figure("Answers", [facts], data, no_picture=NO_PICTURE)
    blocks: list[fig.Block] = [fig.Facts(_facts(figures)), _table(figures, names)]
    if wrong := _wrong(figures, names, most):
        blocks.append(wrong)
    matrix = confusion_matrix(figures, names)
    blocks.append(matrix)
    data = _values(figures, names, bool(figures.texts), most)
    return fig.Figure("Answers", blocks, data, matrix.description, [matrix])


def _values(figures: Figures, names: Sequence[str], tags: bool, most: int) -> dict[str, Any]:
    """The same, ready for JSON; the loss is in bits."""
    values: dict[str, Any] = {
        "answers": figures.answers,
        "accuracy": figures.accuracy,
        f"bits_per_{'tag' if tags else 'text'}": known_bits(figures.loss),
        "macro_f1": figures.macro_f1,
        "weighted_f1": figures.weighted_f1,
    }
    if tags:
        values |= {"texts": figures.texts, "text_accuracy": figures.text_accuracy}
        wanted, answered, right = figures.spans
        values["spans"] = {
            "precision": right / max(1, answered),
            "recall": right / max(1, wanted),
            "f1": figures.span_f1,
            "support": wanted,
        }
    values["labels"] = [{**row._asdict(), "label": names[row.label]} for row in figures.rows]
    values["confusions"] = [
        {"label": names[a], "answer": names[b], "times": times}
        for a, b, times in figures.confusions(most)
    ]
    return values


def _rewriting_values(figures: Figures, among: tuple[int, int] | None) -> dict[str, Any]:
    """How right texts are that were made of others, ready for JSON."""
    values: dict[str, Any] = {
        "answers": figures.texts,
        "accuracy": figures.accuracy,
        "edits_per_symbol": figures.edits_per_symbol,
        "edits": figures.edits,
        "symbols": figures.symbols,
    }
    return values if among is None else {**values, "among": {"best": among[0], "right": among[1]}}


def _rewriting_facts(figures: Figures, among: tuple[int, int] | None) -> list[tuple[str, str]]:
    """The same in words."""
    facts = [
        ("answers", f"{figures.texts:,}"),
        (
            "right",
            f"{figures.texts_right:,}: {figures.accuracy:.4f} ({percent(1 - figures.accuracy)} wrong)",
        ),
        (
            "edits",
            f"{figures.edits:,} of {figures.symbols:,} symbols: {figures.edits_per_symbol:.4f} for each",
        ),
    ]
    if among:
        share = among[1] / max(1, figures.texts)
        facts.append((f"best {among[0]}", f"have a right one for {among[1]:,}: {share:.4f}"))
    return facts


def _facts(figures: Figures) -> list[tuple[str, str]]:
    loss = "unknown" if figures.loss is None else f"{decimals(bits(figures.loss), 4)} bits"
    facts = [
        ("answers", f"{figures.answers:,}"),
        ("accuracy", f"{figures.accuracy:.4f}"),
        ("loss", f"{loss} for each answer"),
        ("F1", f"macro {figures.macro_f1:.4f}, weighted {figures.weighted_f1:.4f}"),
    ]
    if figures.texts:
        wanted, answered, right = figures.spans
        facts += [
            (
                "texts",
                f"{figures.texts_right:,} of {figures.texts:,} are all right ({figures.text_accuracy:.4f})",
            ),
            (
                "spans",
                f"F1 {figures.span_f1:.4f}, precision {right / max(1, answered):.4f}, recall {right / max(1, wanted):.4f}; "
                f"{wanted:,} of them",
            ),
        ]
    return facts


def _table(figures: Figures, names: Sequence[str]) -> fig.Table:
    columns = [
        fig.Column("label"),
        *(
            fig.Column(name, figures=True, whole=True)
            for name in ("precision", "recall", "F1", "support")
        ),
    ]
    rows: list[Sequence[fig.Cell]] = [
        (
            fig.Symbols(shortened(names[row.label], LONGEST), alone=True),
            *(f"{share:.4f}" for share in (row.precision, row.recall, row.f1)),
            f"{row.support:,}",
        )
        for row in sorted(figures.rows, key=lambda row: (-row.support, row.label))
    ]
    more = len(rows) - ROWS
    caption = f"and {more:,} rarer ones, which --json has" if more > 0 else ""
    return fig.Table(columns, rows[:ROWS], caption=caption)


def _wrong(figures: Figures, names: Sequence[str], most: int) -> fig.Table | None:
    rows: list[Sequence[fig.Cell]] = []
    support = {row.label: row.support for row in figures.rows}
    for a, b, times in figures.confusions(most):
        symbols = [fig.Symbols(shortened(names[n], LONGEST), alone=True) for n in (a, b)]
        rows.append((*symbols, f"{times:,}", percent(times / max(1, support[a]))))
    if not rows:
        return None
    columns = [
        fig.Column("is"),
        fig.Column("taken for"),
        fig.Column("times", figures=True, whole=True),
        fig.Column("of its examples", figures=True, whole=True),
    ]
    return fig.Table(columns, rows, title="Most frequent wrong answers")


def confusion_matrix(figures: Figures, names: Sequence[str]) -> fig.Matrix:
    """Which part of each label's examples got which answer."""
    rows = figures.rows
    wrong = {row.label: 0 for row in rows}
    for a, b, times in figures.counts:
        if a != b:
            wrong[a] += times
            wrong[b] += times
    chosen = sorted(sorted(wrong, key=lambda label: -wrong[label])[:WIDEST])
    places = {label: place for place, label in enumerate(chosen)}
    support = {row.label: row.support for row in rows}
    shares = [[0.0] * len(chosen) for _ in chosen]
    for a, b, times in figures.counts:
        if a in places and b in places:
            shares[places[a]][places[b]] = times / max(1, support[a])
    left_out = len(rows) - len(chosen)
    of = (
        f" (the {len(chosen)} labels that are wrong most often, of {len(rows)})" if left_out else ""
    )
    worst = "; ".join(
        f"{shortened(names[a], LONGEST)} for {shortened(names[b], LONGEST)}"
        for a, b, _ in figures.confusions(3)
    )
    told = f"What each label's examples were taken for{of}. Most often wrong: {worst or 'none'}."
    return fig.Matrix(
        "confusions",
        f"Confusions{of}",
        fig.Axis("answer"),
        fig.Axis("label"),
        told,
        [shortened(names[label], LONGEST) for label in chosen],
        shares,
    )
