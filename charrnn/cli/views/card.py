"""No option: a model on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only
from charrnn.cli.words import duration, printable, quoted
from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.drawing.terminal.chart import Curve, chart
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection import Fit
from charrnn.nn.cells import cell_class
from charrnn.training.fit import going_on, longer

TALLEST, LOWEST = 12, 5  # rows of the chart
OTHERS = 12  # rows of a screen beside the facts and the chart, the next prompt among them


def measure(subjects: list[Subject], _value: None) -> dict[str, Any]:
    return only(subjects).summary()


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
        ("training", _training(found, screen)),
        ("in words", in_words(found)),
    ):
        facts.add_row(Text(name, style="bold"), Text(fact))
    screen.put(facts, "")
    curves = loss_curves(found["history"])
    if curves:
        # A terminal tells its height; what is piped is made for the usual one.
        rows = screen.console.height if screen.console.is_terminal else 24
        taken = len(screen.console.render_lines(facts)) + OTHERS
        height = min(TALLEST, max(LOWEST, rows - taken))
        screen.put(*chart(screen, curves, "epochs", f"nats/{kind.symbol}", height), "")
    for name, command in commands(found):
        screen.put_whole(Text(f"{name:<8}  ", style="bold").append(command, style="not bold"))


def _architecture(found: Mapping[str, Any], screen: Screen) -> str:
    model = found["config"]["model"]
    layers, size = model["num_layers"], model["embedding_size"]
    parts = (
        cell_class(model["cell"]).title,
        f"{layers} layer{'s' * (layers > 1)} of {model['hidden_size']} units",
        f"embedding of {size}" if size else "one-hot",
        ModelConfig(**model).dropped,
        f"{found['parameters']:,} parameters",
    )
    return screen.rule.join(parts)


def _text(found: Mapping[str, Any], kind: TextConfig) -> str:
    corpus = found["corpus"]
    sources = printable(", ".join(corpus["sources"]))
    written = f"{kind.unit}s in records" if kind.records else str(kind)
    return (
        f"{sources}: {corpus['characters']:,} {written}, {found['vocabulary_size']} different, "
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
            f"perplexity {2 ** min(bits, 1000):.3g} (validation)",
        )
    )


def _training(found: Mapping[str, Any], screen: Screen) -> str:
    history, training = found["history"], found["config"]["training"]
    how = (
        f"{training['optimizer']} {training['learning_rate']:g}, {training['schedule']}, "
        f"batch {training['batch_size']} × {training['seq_length']}"
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
    return str(Fit(**found["fit"]))


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
    path, training = quoted(found["checkpoint"]), TrainingConfig(**found["config"]["training"])
    if found["resumable"]:
        last = found["history"][-1] if found["history"] else {"step": 0, "epoch": 0}
        finished = last["step"] >= training.steps > 0 or last["epoch"] >= training.epochs > 0
        changes = longer(training) if finished else {}
        words = going_on(found["checkpoint"], found["corpus"]["sources"], changes)
        onward = " ".join(map(quoted, words))
    else:
        onward = f"charrnn train NEW.txt --init-from {path}"
    look = 'charrnn inspect … --text "…", --next "…", --neurons, --details, --help'
    return [("write", f"charrnn sample {path} --temp 0.8"), ("go on", onward), ("look", look)]
