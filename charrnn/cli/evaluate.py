"""``charrnn evaluate``: how right a model's labels, tags or targets are; only figures on standard output."""

from __future__ import annotations

import typer

from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.settings import of_unknown, panel, parse_columns, searching
from charrnn.config import BEAM, READING_TASKS
from charrnn.errors import InputError

EPILOG = (
    "Precision of a label is which part of its answers is right, recall which part of its examples was found, F1 their harmonic mean; "
    "macro-F1 is the mean over labels, weighted F1 over examples. Spans of tags are right where both ends and the kind are. "
    "Of texts that are made of others those are right that equal one of those that the file has for their source. "
    "Keep a file for this that nothing was chosen by."
)

of_figures, of_text = panel("Figures"), panel("Text")


def evaluate(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Who answers, and to what: examples as for train; - is standard input. Several models answer together: the mean of their "
        "probabilities counts. After -- there are no models.",
        show_default="the newest model for classify, tag or seq2seq in checkpoints/, and standard input",
    ),
    as_json: bool = of_figures(False, "One JSON object.", "--json"),
    confusions: int = of_figures(10, "How many of the most frequent wrong answers are told."),
    top: int = of_figures(
        0,
        "With seq2seq: also whether a right text is among the K best.",
        metavar="K",
        shown=False,
    ),
    beam: int | None = of_figures(
        None, "With seq2seq: as of predict.", metavar="N", shown=f"{BEAM}"
    ),
    length_penalty: float | None = of_figures(
        None, "With seq2seq: as of predict.", metavar="FLOAT", shown="0"
    ),
    columns: str | None = of_text(
        None,
        "Of a text and of its label or tags, counted from 1.",
        metavar="N,N",
        shown="as in training",
    ),
    unknown: str = of_text(
        "replace",
        "Characters that the model does not know: replace (by a similar one), skip, or error.",
        **of_unknown,
    ),
) -> None:
    """Tell how right labels or tags are: accuracy, loss, F1, a row for each label, the confusions that cost most; or texts that are made of others."""
    models, rest = divided(arguments)
    text = one_text(rest, models, "the examples to answer to")
    if confusions < 0:
        raise InputError(f"--confusions must be at least 0, not {confusions}")
    if top < 0:
        raise InputError(f"--top must be at least 1, not {top}")
    asked = parse_columns(columns)

    from charrnn.cli.terminal import put_json, tell
    from charrnn.drawing.figure import Facts, Figure
    from charrnn.drawing.terminal import draw
    from charrnn.drawing.terminal.screen import Screen
    from charrnn.inspection.graded import (
        as_values,
        graded_figure,
        rewriting_facts,
        rewriting_values,
    )
    from charrnn.models.answering import Answerer
    from charrnn.models.rewriting import Rewriter
    from charrnn.text.source import STANDARD_INPUT, Source
    from charrnn.training.answers import graded, rewritten
    from charrnn.words import counted, rejoined

    found = checkpoints(models, rest=rest, tasks=READING_TASKS, use="evaluate")
    readers = [checkpoint.model for _, checkpoint in found]
    source = Source(text or STANDARD_INPUT)
    size, recorded = source.size_at_hand() or 0, found[0][1].corpus.columns
    names = [rejoined(str(path)) for path, _ in found]
    searched = {"top": top, "beam": beam, "length-penalty": length_penalty}
    if readers[0].config.task == "seq2seq":
        how = searching(beam, length_penalty, top)
        rewriter = Rewriter(readers, size)
        made = rewritten(
            rewriter, readers, source.name, asked or recorded, unknown, top=max(1, top), **how
        )
        among = (top, made.among) if top else None
        if as_json:
            put_json({"models": names, **rewriting_values(made.figures, among)})
        else:
            facts = Facts(rewriting_facts(made.figures, among))
            draw(Figure("Answers", [facts], {}), Screen.standard())
        return
    for option, value in searched.items():
        if value not in (None, 0):
            raise InputError(
                f"--{option} is for a model for seq2seq; this one finds labels or tags"
            )
    answerer = Answerer(readers, size)
    result = graded(answerer, readers, source.name, asked or recorded, unknown)
    if result.unknown:
        tell(
            f"{source}: {counted(result.unknown, 'answer')} that the model does not know, counted as wrong, and not in the loss"
        )
    if as_json:
        put_json(
            {"models": names, **as_values(result.figures, result.names, answerer.tags, confusions)}
        )
    else:
        draw(graded_figure(result.figures, result.names, confusions), Screen.standard())
