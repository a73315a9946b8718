"""``charrnn evaluate``: how right a model's labels, tags or targets are; only figures on standard output."""

from __future__ import annotations

import typer

from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.settings import (
    FITTING,
    of_top,
    of_unknown,
    panel,
    parse_columns,
    require_fitting,
    searching,
)
from charrnn.config import BEAM
from charrnn.errors import InputError
from charrnn.tasks import READERS, REWRITERS

EPILOG = (
    "Precision of a label is which part of its answers is right, recall which part of its examples was found, F1 their harmonic mean; "
    "macro-F1 is the mean over labels, weighted F1 over examples. Spans of tags are right where both ends and the kind are. "
    "Of texts that are made of others those are right that equal one of those that the file has for their source. "
    "Keep a file for this that nothing was chosen by."
)

CONFUSIONS = 10  # that are told, if nothing is said
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
    confusions: int | None = of_figures(
        None,
        "With labels or tags: how many of the most frequent wrong answers are told.",
        shown=f"{CONFUSIONS}",
    ),
    top: int | None = of_figures(
        None,
        "With seq2seq: also whether a right text is among the K best.",
        **of_top,
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
    if confusions is not None and confusions < 0:
        raise InputError(f"--confusions must be at least 0, not {confusions}")
    asked = parse_columns(columns)

    from charrnn.cli.terminal import put_json, tell
    from charrnn.drawing.terminal import draw
    from charrnn.drawing.terminal.screen import Screen
    from charrnn.inspection.graded import graded_figure
    from charrnn.models.answering import Answerer
    from charrnn.models.rewriting import Rewriter
    from charrnn.text.source import STANDARD_INPUT, Source
    from charrnn.training.answers import graded, rewritten
    from charrnn.words import counted, rejoined

    found = checkpoints(models, rest=rest, tasks=READERS, use="evaluate")
    readers = [checkpoint.model for _, checkpoint in found]
    task = readers[0].config.task
    given = {"top": top, "beam": beam, "length-penalty": length_penalty, "confusions": confusions}
    require_fitting(given, task, {**FITTING, "top": REWRITERS})
    source = Source(text or STANDARD_INPUT)
    size, told = source.size_at_hand() or 0, asked or found[0][1].corpus.columns
    rewrites = readers[0].config.learns.rewrites
    if rewrites:
        rewriter = Rewriter(readers, size, search=searching(beam, length_penalty, top))
        result = rewritten(rewriter, readers, source.name, told, unknown)
    else:
        result = graded(Answerer(readers, size), readers, source.name, told, unknown)
    if result.replaced:
        tell(
            f"{source}: {counted(result.replaced, 'line')} with characters or symbols that the model does not know ({unknown})"
        )
    if result.unknown:
        what = counted(result.unknown, "target" if rewrites else "answer")
        of = " with symbols that" if rewrites else " that"
        so = "" if rewrites else ", and not in the loss"
        tell(f"{source}: {what}{of} the model does not know, counted as wrong{so}")
    most = CONFUSIONS if confusions is None else confusions
    among = (top, result.among) if top else None
    figure = graded_figure(result.figures, result.names, most, among)
    if as_json:
        put_json({"models": [rejoined(str(path)) for path, _ in found], **figure.data})
    else:
        draw(figure, Screen.standard())
