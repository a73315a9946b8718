"""``charrnn predict``: a label, tags, or another text, for each line; only answers on standard output."""

from __future__ import annotations

import sys

import typer

from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.settings import of_top, of_unknown, panel, require_fitting, searching
from charrnn.config import BEAM
from charrnn.errors import InputError
from charrnn.tasks import READERS

EPILOG = (
    "A line of output for each line of input, in order, each as soon as it is there. With a model of labels: "
    "cut -f 1 names.tsv | charrnn predict names.npz | sort | uniq -c. "
    "With one of tags the line has as many tags as the input has characters, as in the file that it learnt from."
)

of_answers, of_text = panel("Answers"), panel("Text")


def predict(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Who answers, and to what: a text on each line; - is standard input. Several models answer together: the mean of "
        "their probabilities counts. After -- there are no models.",
        show_default="the newest model for classify, tag or seq2seq in checkpoints/, and standard input",
    ),
    top: int | None = of_answers(
        None,
        "The likeliest labels instead of one: probability, a tab, label; so many such pairs on the line. Of seq2seq the likeliest texts, each "
        "after its bits.",
        **of_top,
    ),
    threshold: float = of_answers(
        0.0,
        "No label, but an empty line, where none is as probable as that.",
        metavar="P",
        shown=False,
    ),
    spans: bool = of_answers(
        False,
        "Spans instead of tags: what they are, a tab, their text; so many such pairs on the line. Spans are runs of equal tags "
        "or, with tags named B and I, what these begin and go on with.",
        "--spans",
    ),
    beam: int | None = of_answers(
        None,
        "With seq2seq: beginnings that are followed up at each symbol; 1 takes the likeliest symbol each time.",
        metavar="N",
        shown=f"{BEAM}",
    ),
    length_penalty: float | None = of_answers(
        None,
        "With seq2seq: bits are divided by the number of symbols to this power before texts are compared; more than 0 favours long ones.",
        metavar="FLOAT",
        shown="0",
    ),
    vectors: bool = of_answers(
        False,
        "What the model holds of a text after reading it, instead of an answer: numbers with tabs between.",
        "--vectors",
    ),
    as_json: bool = of_answers(False, "A JSON object for each line.", "--json"),
    jsonl: bool = of_answers(
        False,
        'Lines are JSON objects with a "text"; an answer has its other keys, too. The answer to a line that is wrong is '
        'an object with "error" and "line", and the exit code is then 1.',
        "--jsonl",
    ),
    unknown: str = of_text(
        "replace",
        "Characters that the model does not know: replace (by a similar one), skip, or error.",
        **of_unknown,
    ),
) -> None:
    """Find a label for each line, or a tag for each of its characters, or make another text of it."""
    models, rest = divided(arguments)
    text = one_text(rest, models, "the text to answer to")
    if not 0 <= threshold <= 1:
        raise InputError(f"--threshold is a probability, from 0 to 1, not {threshold:g}")
    if vectors and (top or threshold or spans):
        raise InputError(
            "--vectors are instead of an answer; leave --top, --threshold and --spans out"
        )

    from charrnn.cli.answers import AnswerForm, LabelForm, TargetForm, read_lines
    from charrnn.cli.terminal import Writer, put_json, tell
    from charrnn.models.answering import Answerer
    from charrnn.models.rewriting import Rewriter
    from charrnn.text.source import STANDARD_INPUT, Source
    from charrnn.words import counted, in_json

    found = checkpoints(models, rest=rest, tasks=READERS, use="predict")
    readers = [checkpoint.model for _, checkpoint in found]
    task = readers[0].config.task
    given = {"beam": beam, "length-penalty": length_penalty, "top": top}
    given |= {"threshold": threshold or None, "spans": spans or None, "vectors": vectors or None}
    require_fitting(given, task)
    source = Source(text or STANDARD_INPUT)
    size = source.size_at_hand() or 0
    form: AnswerForm
    if readers[0].config.learns.rewrites:
        search = searching(beam, length_penalty, top)
        form = TargetForm(Rewriter(readers, size, search=search), top)
    else:
        form = LabelForm(Answerer(readers, size), top, threshold, spans, vectors)
    writer, replaced, refused = Writer(), 0, 0
    encoding = readers[0].vocabulary.config.encoding
    for group in read_lines(source, readers, form.answerer, unknown, jsonl=jsonl):
        asked = [line for line in group if line.error is None]
        replaced += sum(line.replaced for line in asked)
        if not (jsonl or as_json):
            for told in form.lines(asked):
                writer.put(f"{told}\n")
        else:
            values = form.values(asked)
            for line in group:
                if line.error is not None:
                    put_json({**line.given, "error": line.error, "line": line.number})
                    refused += 1
                elif jsonl:
                    kept = {key: value for key, value in line.given.items() if key != "error"}
                    put_json({**kept, **next(values)})
                else:
                    put_json({"text": in_json(line.text, encoding), **next(values)})
        sys.stdout.flush()  # who watches a growing log waits for this line
    if replaced:
        words = readers[0].vocabulary.config.has_words
        what = "characters or symbols" if words else "characters"
        tell(
            f"{source}: {counted(replaced, 'line')} with {what} that the model does not know ({unknown})"
        )
    if refused:
        raise typer.Exit(1)
