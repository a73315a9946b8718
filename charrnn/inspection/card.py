"""A model on one screen: what it is, what it learnt from, how well, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charrnn.drawing import figure as fig
from charrnn.inspection.look import Look
from charrnn.nn.loss import bits, perplexity
from charrnn.tasks import those
from charrnn.training.evaluation import best_evaluation, file_losses
from charrnn.training.figures import confused, in_words
from charrnn.training.fit import fit_of
from charrnn.training.remedies import going_on, onward
from charrnn.training.run import Checkpoint
from charrnn.words import (
    as_argument,
    decimals,
    duration,
    listed,
    of_which,
    printable,
    quoted,
    rejoined,
    rounded,
    shortened,
)

NO_PICTURE = "there is no picture before the first evaluation"
LOOKS = {
    **dict.fromkeys(
        those(lambda task: task.finds), 'charrnn inspect … --answers, --text "…", --neurons, --help'
    ),
    "conditional": "charrnn inspect … --neurons, --embedding, --details, --help",
    "seq2seq": 'charrnn inspect … --attention "…", --answers, --details, --help',
}
"""Of tasks for which it is another one."""
LOOK = 'charrnn inspect … --text "…", --next "…", --neurons, --details, --help'


def view(look: Look) -> fig.Figure:
    """What a checkpoint says of itself, with the curves of its losses."""
    found, checkpoint = look.subject.summary(), look.subject.checkpoint
    model, figures = checkpoint.model, checkpoint.figures
    symbol, per = model.symbol, model.config.per
    fit = str(fit_of(checkpoint))
    kinds = ("train", "validation")
    lines = [loss_line(name, found["history"], "epoch", f"{name}_bits_per_{per}") for name in kinds]
    lines = [line for line in lines if line.x]
    told = "; ".join(
        f"{line.name} from {decimals(line.y[0], 3)} to {decimals(line.y[-1], 3)}" for line in lines
    )
    title, x, y = "Loss while it learnt", fig.Axis("epochs"), fig.Axis(f"bits/{symbol}")
    curves = fig.Chart("losses", title, x, y, f"Curves over epochs: {told}.", lines, height=12)
    charts = [curves] if lines else []
    shares = [
        loss_line(name, found["history"], "epoch", name.lower()) for name in ("accuracy", "F1")
    ]
    shares = [line for line in shares if line.x]
    if shares:
        told = "; ".join(
            f"{line.name} from {decimals(line.y[0], 3)} to {decimals(line.y[-1], 3)}"
            for line in shares
        )
        title, summary = "Right answers while it learnt", f"Curves over epochs: {told}."
        x, y = fig.Axis("epochs"), fig.Axis("share", low=0, high=1)
        charts.insert(0, fig.Chart("shares", title, x, y, summary, shares, height=12))
    each = file_losses(checkpoint.corpus, best_evaluation(checkpoint.history))
    facts = (
        ("text", _text(found["corpus"]["sources"], checkpoint)),
        *([("labels", _labels(checkpoint))] if len(model.labels) else []),
        *([("answers", in_words(figures))] if figures else []),
        *([("wrong", wrong)] if figures and (wrong := confused(figures, model.labels)) else []),
        ("loss", _loss(checkpoint.validation_loss, symbol)),
        *([("files", each)] if each else []),
        ("training", _training(checkpoint)),
        ("in words", fit),
    )
    commands = _commands(rejoined(as_argument(look.subject.path)), checkpoint)
    return fig.Figure(
        f"Loss of {look.subject.path.name}",
        (
            fig.Words(fig.Strong(look.subject.name), whole=True),
            fig.Words(_architecture(checkpoint)),
            fig.Facts(facts),
            *charts,
            *([] if charts else [fig.Words("It has not been evaluated yet.", on=fig.PAGE)]),
            fig.Heading("To go on", on=fig.PAGE),
            fig.Commands(commands, on=fig.PAGE),
            fig.Commands(
                (*commands, ("look", LOOKS.get(model.config.task, LOOK))),
                on=fig.TERMINAL,
            ),
        ),
        found,
        f"Curves of bits/{symbol} over epochs. {fit}",
        charts,
        NO_PICTURE,
        one_screen=True,
        exact=True,
    )


def loss_line(name: str, history: Sequence[Mapping[str, Any]], x: str, kind: str) -> fig.Line:
    """What is known of a figure, over epochs or steps."""
    points = [(e[x], value) for e in history if (value := e.get(kind)) is not None]
    return fig.Line(name, [at for at, _ in points], [loss for _, loss in points])


def _labels(checkpoint: Checkpoint) -> str:
    names = [printable(name) for name in checkpoint.model.labels.names]
    return f"{len(names):,} {checkpoint.model.config.learns.labels}: {listed(names)}"


def _architecture(checkpoint: Checkpoint) -> str:
    model, config = checkpoint.model, checkpoint.model.config
    parts = (
        config.kind.title,
        f"{config.num_layers} layer{'s' * (config.num_layers > 1)} of {config.hidden_size} units",
        *(["in both directions"] if config.bidirectional else []),
        config.inputs,
        *([f"attention {config.attention}"] if config.attention else []),
        *([f"n-grams of up to {config.ngrams}"] if config.ngrams else []),
        *([f"lm-loss {config.lm_loss:g}"] if config.lm_loss else []),
        config.dropped,
        f"{model.parameters.flat.size:,} parameters",
    )
    return " · ".join(parts)


def _text(sources: Sequence[str], checkpoint: Checkpoint) -> str:
    corpus, vocabulary = checkpoint.corpus, checkpoint.model.vocabulary
    kind = vocabulary.config
    learnt = sources[: len(corpus.learnt)]
    if not corpus.characters:  # it learnt elsewhere
        return f"{listed(learnt)}; {len(vocabulary)} different {kind.unit}s"
    share = checkpoint.training.val_fraction
    apart = f"; validated on {of_which(share, shortened(sources[-1]))}" if corpus.val_file else ""
    return (
        f"{listed(learnt)}: {corpus.characters:,} {f'{kind.unit}s in records' if kind.records else kind}, "
        f"{len(vocabulary)} different, {corpus.train_characters:,} to train on{apart}"
    )


def _loss(loss: float | None, symbol: str) -> str:
    if loss is None:
        return "unknown: nothing was kept for validation, or no evaluation has been made"
    told = f"{decimals(bits(loss), 4)} bits/{symbol} · perplexity {perplexity(bits(loss)):.3g}"
    return f"{told} (validation)"


def _training(checkpoint: Checkpoint) -> str:
    training, done = checkpoint.training, "no evaluation yet"
    if not (checkpoint.history or checkpoint.resumable):
        return "nothing is known of it"
    if checkpoint.history:
        last = checkpoint.history[-1]
        done = f"{rounded(last.epoch)} epochs, {last.step:,} steps in {duration(last.seconds)}"
    return (
        f"{done} · {training.optimizer} {training.learning_rate:g}, {training.schedule}, "
        f"batch {training.batch_size} × {training.seq_length}"
    )


def _commands(name: str, checkpoint: Checkpoint) -> tuple[tuple[str, str], ...]:
    path = quoted(name)
    if checkpoint.resumable:
        words = going_on(name, checkpoint.corpus, onward(checkpoint))
        go_on = " ".join(map(quoted, words))
    else:
        go_on = f"charrnn train NEW.txt --init-from {path}"
    if checkpoint.model.config.learns.for_labels:
        label = quoted(printable(checkpoint.model.labels.names[0]))
        return ("write", f"charrnn sample {path} --label {label}"), ("go on", go_on)
    if checkpoint.model.config.reads_whole:
        return ("answer", f"charrnn predict {path} FILE"), ("go on", go_on)
    return ("write", f"charrnn sample {path} --temp 0.8"), ("go on", go_on)
