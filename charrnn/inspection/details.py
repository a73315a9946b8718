"""``--details``: a checkpoint as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from charrnn.drawing import figure as fig
from charrnn.inspection.look import Look
from charrnn.nn.loss import bits
from charrnn.text.symbols import is_private
from charrnn.training.fit import fit_of
from charrnn.training.run import Checkpoint, Evaluation
from charrnn.words import decimals, duration, listed, of_which, shortened

BLOCKS = "▁▂▃▄▅▆▇█"
WIDEST = 40  # of a curve, in characters
LONGEST = 12  # rows of the history


def view(look: Look) -> fig.Figure:
    """Arrays, corpus, configuration and history."""
    found, checkpoint = look.subject.summary(), look.subject.checkpoint
    training = [
        (name.replace("_", "-"), f"{fact:g}" if isinstance(fact, float) else str(fact))
        for name, fact in asdict(checkpoint.training).items()
        if fact or name not in ("epochs", "steps")  # the one of them that was asked for
    ]
    blocks: list[fig.Block] = [
        fig.Words(fig.Strong(look.subject.name), whole=True),
        _arrays(checkpoint),
        fig.Facts(_corpus(found, checkpoint), "Corpus"),
        fig.Facts(training, "Training"),
    ]
    if checkpoint.history:
        result = fig.Facts(list(_result(checkpoint)), "Result")
        blocks += [result, _history(checkpoint.history)]
    else:
        blocks.append(fig.Words("No evaluation yet."))
    return fig.Figure(look.subject.name, blocks, found, exact=True)


def _arrays(checkpoint: Checkpoint) -> fig.Table:
    config, arrays = checkpoint.model.config, checkpoint.model.parameters
    units = f"{checkpoint.model.vocabulary.config.unit}s"
    read = f"one-hot {units}"
    if config.embedding_size:
        read = f"{units} embedded in {config.embedding_size} numbers"
    if config.context is not None:
        read = f"{config.inputs}, {read}"
    aside = "; lm/… is asked only while it learns" if config.lm_loss else ""
    rows = [
        (n, " × ".join(map(str, array.shape)), f"{array.size:,}") for n, array in arrays.items()
    ]
    return fig.Table(
        (fig.Column("array"), fig.Column("shape"), *fig.figures("parameters")),
        rows,
        f"Model: {config.cell}{', layer-normalised' * config.layer_norm}, {config.num_layers} × {config.hidden_size}",
        ("all", "", f"{arrays.flat.size:,}"),
        f"{config.dropped}; {read}{aside}",
    )


def _corpus(found: Mapping[str, Any], checkpoint: Checkpoint) -> list[tuple[str, str]]:
    corpus, vocabulary = checkpoint.corpus, checkpoint.model.vocabulary
    plain = "".join(c for c in vocabulary.characters if not (vocabulary.words and is_private(c)))
    characters = json.dumps(plain, ensure_ascii=False)[1:-1]
    words = found.get("symbols", ())
    sources = found["corpus"]["sources"]
    part = of_which(checkpoint.training.val_fraction, shortened(sources[-1]))
    apart = [("validated on", part)] if corpus.val_file else []
    return [
        ("sources", listed(sources[: len(corpus.learnt)])),
        *apart,
        (f"{vocabulary.config.unit}s", f"{corpus.characters:,}"),
        ("to train on", f"{corpus.train_characters:,}"),
        ("SHA-256", corpus.sha256),
        ("read as", str(vocabulary.config)),
        (f"vocabulary ({len(vocabulary)})", characters),
        *([(f"symbols ({len(words)})", listed(words))] if words else []),
    ]


def _result(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    loss, symbol = checkpoint.validation_loss, checkpoint.model.symbol
    history, last = checkpoint.history, checkpoint.history[-1]
    if loss is not None:
        yield "validation loss", f"{decimals(bits(loss), 4)} bits/{symbol} of the kept weights"
    yield "trained for", f"{last.step:,} steps, {last.epoch:.2f} epochs, {duration(last.seconds)}"
    validated = [bits(e.validation_loss) for e in history if e.validation_loss is not None]
    trained = [bits(e.train_loss) for e in history]
    for name, losses in (("train", trained), ("validation", validated)):
        if losses:
            yield (
                f"{name} curve",
                f"{_blocks(losses)}  {decimals(losses[0], 3)} → {decimals(losses[-1], 3)}",
            )
    yield "fit", str(fit_of(checkpoint))


def _blocks(values: Sequence[float]) -> str:
    """A curve of blocks, the lowest value the lowest block; long series are averaged in groups."""
    if len(values) > WIDEST:
        edges = [index * len(values) // WIDEST for index in range(WIDEST + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)


def _history(history: Sequence[Evaluation]) -> fig.Table:
    """Evenly chosen evaluations, the first and the last among them."""
    count = min(LONGEST, len(history))
    chosen = sorted({round(i * (len(history) - 1) / max(1, count - 1)) for i in range(count)})
    rows = [
        (
            f"{entry.step:,}",
            f"{entry.epoch:.2f}",
            decimals(bits(entry.train_loss), 4),
            "" if entry.validation_loss is None else decimals(bits(entry.validation_loss), 4),
            f"{entry.rate:.2g}",
            duration(entry.seconds),
        )
        for entry in (history[index] for index in chosen)
    ]
    heads = fig.figures("step", "epoch", "train", "validation", "rate", "time")
    return fig.Table(heads, rows, "History, losses in bits")
