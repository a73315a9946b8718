"""No option: a model on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only
from charrnn.cli.views.chart import Curve, chart
from charrnn.cli.views.screen import Screen
from charrnn.cli.words import duration, printable, quoted
from charrnn.config import TextConfig
from charrnn.inspection import summarize
from charrnn.reading import STANDARD_INPUT

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN (tanh)", "rnn-relu": "RNN (ReLU)"}
TALLEST, LOWEST = 12, 5  # rows of the chart
OTHERS = 17  # rows of a screen that the rest takes


def measure(subjects: list[Subject], _value: None) -> dict[str, Any]:
    subject = only(subjects)
    return {"checkpoint": str(subject.path), **summarize(subject.checkpoint)}


def as_json(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found


def draw(found: Mapping[str, Any], screen: Screen) -> None:
    kind = TextConfig(**found["config"]["text"])
    screen.put_whole(Text(printable(found["checkpoint"]), style="bold"))
    screen.put(_architecture(found, screen), "")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, fact in (
        ("text", _text(found, kind)),
        ("loss", _loss(found, kind, screen)),
        ("training", _training(found, kind, screen)),
        ("in words", in_words(found)),
    ):
        facts.add_row(Text(name, style="bold"), Text(fact))
    screen.put(facts, "")
    curves = loss_curves(found["history"])
    if curves:
        # A terminal tells its height; what is piped is made for the usual one.
        rows = screen.console.height if screen.console.is_terminal else 24
        height = min(TALLEST, max(LOWEST, rows - OTHERS))
        screen.put(*chart(screen, curves, "epochs", f"nats/{kind.symbol}", height), "")
    for name, command in commands(found):
        screen.put_whole(Text(f"{name:<8}  ", style="bold").append(command, style="not bold"))


def _architecture(found: Mapping[str, Any], screen: Screen) -> str:
    model = found["config"]["model"]
    layers, size = model["num_layers"], model["embedding_size"]
    parts = (
        CELLS[model["cell"]],
        f"{layers} layer{'s' * (layers > 1)} of {model['hidden_size']} units",
        f"embedding of {size}" if size else "one-hot",
        f"dropout {model['dropout']:g}",
        f"{found['parameters']:,} parameters",
    )
    return screen.rule.join(parts)


def _text(found: Mapping[str, Any], kind: TextConfig) -> str:
    corpus = found["corpus"]
    sources = printable(", ".join(corpus["sources"]))
    return (
        f"{sources}: {corpus['characters']:,} {kind}, {found['vocabulary_size']} different, "
        f"{corpus['train_characters']:,} to train on"
    )


def _loss(found: Mapping[str, Any], kind: TextConfig, screen: Screen) -> str:
    loss = found["validation_loss"]
    if loss is None:
        return "unknown: nothing was kept for validation, or no evaluation has been made"
    bits = found["validation_bits_per_char"]
    return screen.rule.join(
        (
            f"{loss:.4f} nats/{kind.symbol}",
            f"{bits:.3f} bits/{kind.symbol}",
            f"perplexity {2 ** min(bits, 1000):.3g} on the validation text",
        )
    )


def _training(found: Mapping[str, Any], kind: TextConfig, screen: Screen) -> str:
    history, training = found["history"], found["config"]["training"]
    how = (
        f"{training['optimizer']}, rate {training['learning_rate']:g}, {training['schedule']}, "
        f"{training['batch_size']} × {training['seq_length']} {kind.unit}s a step"
    )
    if not history:
        return f"no evaluation yet{screen.rule}{how}"
    last = history[-1]
    return (
        f"{last['epoch']:.4g} epochs, {last['step']:,} steps in {duration(last['seconds'])}"
        f"{screen.rule}{how}"
    )


def in_words(found: Mapping[str, Any]) -> str:
    """What the curves mean, in a sentence."""
    scored = [entry for entry in found["history"] if entry["validation_loss"] is not None]
    if not scored:
        return "without validation nothing tells whether it learnt its text by heart"
    best = min(scored, key=lambda entry: float(entry["validation_loss"]))
    if best is scored[-1]:
        return "the last evaluation was the best one; its weights are kept"
    return (
        f"the best evaluation, after {best['epoch']:.4g} epochs, is kept; by the last one the "
        f"validation loss had gone from {best['validation_loss']:.4f} to "
        f"{scored[-1]['validation_loss']:.4f}"
    )


def loss_curves(history: list[Mapping[str, Any]]) -> list[Curve]:
    """Train and validation loss over epochs, where there are any."""
    curves = []
    for name, key in (("train", "train_loss"), ("validation", "validation_loss")):
        entries = [entry for entry in history if entry[key] is not None]
        if entries:
            points = [(entry["epoch"], entry[key]) for entry in entries]
            curves.append(Curve(name, *zip(*points, strict=True)))
    return curves


def commands(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How to go on from here."""
    path, epochs = quoted(found["checkpoint"]), found["config"]["training"]["epochs"]
    if found["resumable"]:
        # The corpus is found again by itself, unless it came through a pipe.
        again = "- " if STANDARD_INPUT in found["corpus"]["sources"] else ""
        onward = f"charrnn train {again}--resume {path}"
        if found["history"] and found["history"][-1]["epoch"] >= epochs:
            onward += f" --epochs {2 * epochs}"
    else:
        onward = f"charrnn train NEW.txt --init-from {path}"
    look = 'charrnn inspect … --text "…", --next "…", --neurons, --compare, --details'
    return [("write", f"charrnn sample {path} --temp 0.8"), ("go on", onward), ("look", look)]
