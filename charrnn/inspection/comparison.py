"""``--compare``: several checkpoints side by side: what was different, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from string import ascii_uppercase
from typing import Any

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.card import NO_PICTURE, loss_line
from charrnn.inspection.look import Look
from charrnn.nn.loss import known_bits
from charrnn.training.run import Checkpoint
from charrnn.words import decimals, duration, listed, rounded, shortened

MOST = 8  # checkpoints
SHARES = (("accuracy", "accuracy"), ("F1", "f1"))


def view(look: Look) -> fig.Figure:
    """A column for each checkpoint, and its curve.

    Raises:
        InputError: There are too few or too many.
    """
    if not 2 <= len(look.subjects) <= MOST:
        raise InputError(f"--compare takes 2 to {MOST} checkpoints, not {len(look.subjects)}")
    found = compare([subject.checkpoint for subject in look.subjects])
    blocks: list[fig.Block] = [
        fig.Words((fig.Strong(letter, number), "  ", fig.Strong(name)), whole=True)
        for number, (letter, name) in enumerate(zip(ascii_uppercase, look.names, strict=False))
    ]
    blocks.append(_table(found))
    if not found["differences"]:
        blocks.append(fig.Words("All settings are the same."))
    if not found["same_text"]:
        different = "Different texts, or parts for validation: losses do not tell which is better."
        blocks.append(fig.Words(different))
    chart, picture = _chart(found, ascii_uppercase), _chart(found, look.names)
    pictures = [picture] if any(line.x for line in picture.lines) else []
    if pictures:
        blocks.append(chart)
    return fig.Figure(picture.title, blocks, found, picture.description, pictures, NO_PICTURE)


def compare(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """Put checkpoints side by side, ready for JSON: lists hold one value for each.

    ``differences`` are settings (as options are called, and ``corpus``) that are not all the same. Losses are those
    of the kept weights, in bits for each character or byte, and None if unknown; ``epochs``, ``steps`` and ``seconds``
    tell how long each was trained, up to its last evaluation. Without ``same_text`` losses say little about which is
    the better model.
    """
    symbols = {checkpoint.model.config.per for checkpoint in checkpoints}
    if len(symbols) > 1:
        raise InputError(
            "models of different tasks cannot be compared: their losses are for different things"
        )
    (symbol,) = symbols
    settings = [_settings(checkpoint) for checkpoint in checkpoints]
    rows = {name: [own[name] for own in settings] for name in settings[0]}
    last = [checkpoint.history[-1] if checkpoint.history else None for checkpoint in checkpoints]
    texts = {
        (c.corpus.sha256, c.model.vocabulary.config, c.training.val_fraction) for c in checkpoints
    }
    return {
        "differences": {name: row for name, row in rows.items() if len(set(row)) > 1},
        "parameters": [int(c.model.parameters.flat.size) for c in checkpoints],
        f"bits_per_{symbol}": [
            known_bits(checkpoint.validation_loss) for checkpoint in checkpoints
        ],
        "epochs": [entry.epoch if entry else 0.0 for entry in last],
        "steps": [entry.step if entry else 0 for entry in last],
        "seconds": [entry.seconds if entry else 0.0 for entry in last],
        "histories": [
            [e.in_bits(symbol) for e in checkpoint.history] for checkpoint in checkpoints
        ],
        "same_text": len(texts) == 1,
        "per": symbol,
        **_shares(checkpoints),
    }


def _shares(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """Of right answers, where models answer."""
    figures = [checkpoint.figures for checkpoint in checkpoints]
    if not any(figures):
        return {}
    return {
        "accuracy": [None if one is None else one.accuracy for one in figures],
        "f1": [None if one is None else one.f1 for one in figures],
    }


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """All that a run was asked for, under the names of the options."""
    corpus, model = checkpoint.corpus, checkpoint.model
    options = asdict(model.config) | asdict(model.vocabulary.config) | asdict(checkpoint.training)
    return {
        "corpus": listed(corpus.learnt),
        "val-file": shortened(corpus.sources[-1]) if corpus.val_file else "none",
        "characters": corpus.characters,
        "vocabulary": len(model.vocabulary),
        **{name.replace("_", "-"): value for name, value in options.items()},
    }


def _table(found: Mapping[str, Any]) -> fig.Table:
    each = found[f"bits_per_{found['per']}"]
    best = min((loss for loss in each if loss is not None), default=None)
    columns = [
        fig.Column(letter, figures=True, series=number)
        for number, letter in enumerate(ascii_uppercase[: len(found["parameters"])])
    ]
    losses: list[fig.Cell] = [
        "unknown"
        if loss is None
        else fig.Strong(decimals(loss, 4))
        if loss == best
        else decimals(loss, 4)
        for loss in each
    ]
    rows: list[Sequence[fig.Cell]] = [
        *((name, *map(_shown, values)) for name, values in found["differences"].items()),
        ("parameters", *map(_shown, found["parameters"])),
        ("validation, bits", *losses),
        *((name, *map(_shown, found[key])) for name, key in SHARES if key in found),
        ("epochs trained", *(rounded(epochs) for epochs in found["epochs"])),
        ("steps", *map(_shown, found["steps"])),
        ("time", *map(duration, found["seconds"])),
    ]
    return fig.Table((fig.Column(""), *columns), rows)


def _chart(found: Mapping[str, Any], names: Sequence[str]) -> fig.Chart:
    """Losses over epochs of the same text, or over steps: those of training, unless all have others."""
    histories = found["histories"]
    known = f"validation_bits_per_{found['per']}"
    validated = all(any(e[known] is not None for e in history) for history in histories)
    x, y = "epoch" if found["same_text"] else "step", "validation" if validated else "train"
    pairs = zip(names, histories, strict=False)
    lines = [loss_line(n, history, x, f"{y}_bits_per_{found['per']}") for n, history in pairs]
    ends = "; ".join(f"{line.name} {decimals(line.y[-1], 4)}" for line in lines if line.x)
    told = f"Curves of {y} loss, bits over {x}s. Last values: {ends}."
    title, across, upwards = "Runs side by side", fig.Axis(f"{x}s"), fig.Axis(f"{y} loss, bits")
    return fig.Chart("losses", title, across, upwards, told, lines)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
