"""``charrnn predict``: a label, or tags, for each line; only answers on standard output."""

from __future__ import annotations

import sys
from typing import Any

import typer

from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.settings import of_unknown, panel
from charrnn.config import READING_TASKS
from charrnn.errors import InputError

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
        show_default="the newest model for classify or tag in checkpoints/, and standard input",
    ),
    top: int = of_answers(
        0,
        "The likeliest labels instead of one: probability, a tab, label; so many such pairs on the line.",
        metavar="K",
        shown=False,
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
    """Find a label for each line, or a tag for each of its characters."""
    models, rest = divided(arguments)
    text = one_text(rest, models, "the text to answer to")
    if top < 0:
        raise InputError(f"--top must be at least 1, not {top}")
    if not 0 <= threshold <= 1:
        raise InputError(f"--threshold is a probability, from 0 to 1, not {threshold:g}")
    if vectors and (top or threshold or spans):
        raise InputError(
            "--vectors are instead of an answer; leave --top, --threshold and --spans out"
        )

    from charrnn.cli.answers import Form, read_lines
    from charrnn.cli.terminal import Writer, put_json, tell
    from charrnn.models.answering import Answerer
    from charrnn.text.source import STANDARD_INPUT, Source
    from charrnn.words import counted, in_json

    found = checkpoints(models, rest=rest, tasks=READING_TASKS, use="predict")
    readers = [checkpoint.model for _, checkpoint in found]
    source = Source(text or STANDARD_INPUT)
    answerer = Answerer(readers, source.size_at_hand() or 0)
    if answerer.tags and (top or threshold):
        raise InputError(f"--{'top' if top else 'threshold'} is for labels; this model finds tags")
    if spans and not answerer.tags:
        raise InputError("--spans is for tags; this model finds labels")
    form = Form(answerer.labels, top, threshold, spans=spans, vectors=vectors, tags=answerer.tags)
    writer, replaced, refused = Writer(), 0, 0
    encoding = readers[0].vocabulary.config.encoding
    for group in read_lines(source, readers, answerer, unknown, jsonl=jsonl):
        answers = iter(answerer([line.known for line in group if line.error is None]))
        for line in group:
            replaced += line.known != line.text
            if line.error is not None:
                put_json({**line.given, "error": line.error, "line": line.number})
                refused += 1
                continue
            answer = next(answers)
            if jsonl or as_json:
                values: dict[str, Any] = {"text": in_json(line.text, encoding)}
                if jsonl:
                    values = {key: value for key, value in line.given.items() if key != "error"}
                put_json({**values, **form.values(line.text, answer)})
            else:
                writer.put(f"{form.line(line.text, answer)}\n")
        sys.stdout.flush()  # who watches a growing log waits for this line
    if replaced:
        tell(
            f"{source}: {counted(replaced, 'line')} with characters that the model does not know ({unknown})"
        )
    if refused:
        raise typer.Exit(1)
