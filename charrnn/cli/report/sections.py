"""Sections of what a model is and how it reads: in words, tables and coloured texts."""

from __future__ import annotations

from charrnn.cli.report import figures
from charrnn.cli.report.measured import FOLLOWERS, Report
from charrnn.cli.report.parts import bar, nothing, paragraph, slider, table
from charrnn.cli.report.words import (
    MOST_BITS,
    coloured,
    features_in_words,
    named,
    shown,
    surprise_level,
    unit_levels,
)
from charrnn.cli.views import card, following, surprise
from charrnn.cli.words import duration
from charrnn.drawing.page.markup import Markup, element, escaped, joined
from charrnn.drawing.terminal.passage import percent
from charrnn.inspection.neurons import Unit
from charrnn.nn.cells import cell_class


def lead(report: Report) -> Markup:
    """What kind of model it is."""
    model = report.card["config"]["model"]
    layers = model["num_layers"]
    return escaped(
        f"{cell_class(model['cell']).title}, {layers} layer{'s' * (layers > 1)} of "
        f"{model['hidden_size']} units, {report.card['parameters']:,} parameters, reads {report.kind}"
    )


def held(report: Report) -> Markup:
    """How much of a text goes with the page to whoever gets it."""
    if not report.text:
        return escaped(
            f"This page holds none of the text that was read, only figures from {report.source}."
        )
    return escaped(
        f"This page holds the first {len(report.text):,} {report.kind.unit}s of {report.source}."
    )


def model_section(report: Report) -> tuple[Markup, ...]:
    found, kind = report.card, report.kind
    corpus, training, history = found["corpus"], found["config"]["training"], found["history"]
    loss, bits = found["validation_loss"], found["validation_bits_per_char"]
    size = found["config"]["model"]["embedding_size"]
    facts = {
        "file": found["checkpoint"],
        "learnt from": f"{', '.join(corpus['sources'])}: {corpus['characters']:,} {kind.unit}s, "
        f"{found['vocabulary_size']} different",
        "characters as": f"embedding of {size} numbers" if size else "one-hot",
        "loss": "unknown: no evaluation, or nothing kept for validation"
        if loss is None
        else f"{loss:.4f} nats/{kind.symbol}, {bits:.3f} bits/{kind.symbol}, perplexity "
        f"{2 ** min(bits, 1000):.3g} on the validation text",
        "training": f"{training['optimizer']}, rate {training['learning_rate']:g}, "
        f"{training['schedule']}, {training['batch_size']} × {training['seq_length']} {kind.unit}s a step"
        + (
            f"; {history[-1]['epoch']:.4g} epochs in {duration(history[-1]['seconds'])}"
            if history
            else ""
        ),
        "fit": card.in_words(found),
    }
    pairs = [
        part for name, fact in facts.items() for part in (element("dt", name), element("dd", fact))
    ]
    commands = [
        joined([element("dt", name), element("dd", element("code", command))])
        for name, command in card.commands(found)
        if name != "look"
    ]
    picture = figures.losses(history, kind.symbol)
    return (
        element("dl", *pairs),
        element("figure", picture) if picture else paragraph("It has not been evaluated yet."),
        element("h3", "To go on"),
        element("dl", *commands),
    )


def surprise_section(report: Report) -> tuple[Markup, ...]:
    found, encoding, unit = report.surprise, report.kind.encoding, report.kind.unit
    if isinstance(found, str):
        return nothing(found)
    levels = [surprise_level(bits) for bits in found.bits]
    legend = [
        element("span", f"{bits}{'+' * (bits == MOST_BITS)}", class_=f"s{bits}")
        for bits in range(MOST_BITS + 1)
    ]
    rows = []
    for place in map(int, found.most_surprising(surprise.PLACES)):
        before = found.text[max(0, place - surprise.BEFORE) : place]
        guesses = zip(found.guesses[place], found.probabilities[place], strict=True)
        rows.append(
            (
                f"{place + 1:,}",
                f"{found.bits[place]:.2f}",
                element(
                    "code",
                    "".join(shown(c, encoding) for c in before),
                    element("mark", shown(found.text[place], encoding)),
                ),
                ", ".join(f"{named(c, encoding)} {percent(p)}" for c, p in guesses),
            )
        )
    return (
        paragraph(
            f"The first {len(found.text):,} {unit}s of {report.source}, each predicted from all before it. "
            f"A {unit} costs −log₂ of the probability that the model gave it; on average "
            f"{found.bits_per_char:.3f} bits. Move over the text, or through it with the arrow keys."
        ),
        paragraph("bits: ", *legend, class_="legend"),
        *_passage("surprise", coloured(found.text, levels, encoding), unit, len(found.text)),
        element("h3", "The most surprising places"),
        table(("at", "bits", "here", "expected"), rows, 1),
    )


def _passage(name: str, text: Markup, unit: str, length: int) -> tuple[Markup, ...]:
    """A coloured text with a slider through it, and where the script tells of a character."""
    label = element("label", f"{unit} ", slider(f"{name}-place", 1, length, 1, 1))
    return (
        element(
            "div",
            text,
            id=f"{name}-text",
            class_="passage",
            tabindex=0,
            role="group",
            aria_label=f"Text, coloured {unit} by {unit}; arrow keys go through it",
        ),
        element("div", label, class_="controls", hidden=True),
        element(
            "div", id=f"{name}-told", class_="told" if name == "surprise" else "told unit-told"
        ),
    )


def following_section(report: Report) -> tuple[Markup, ...]:
    if isinstance(report.following, str):
        return nothing(report.following)
    first, encoding = report.following[0], report.kind.encoding
    order = following.likeliest(first)
    rows = [(named(first.characters[n], encoding), [n]) for n in order[: following.ROWS]]
    if rest := order[following.ROWS :]:
        rows.append(("other", rest))
    head = ["next"]
    for temperature, bits in zip(first.temperatures, first.entropy, strict=True):
        head.append(f"temperature {temperature:g}: {bits:.2f} bits")
    cells = [
        (
            element("code", name),
            *(percent(first.probabilities[t, places].sum()) for t in range(len(head) - 1)),
        )
        for name, places in rows
    ]
    choice = element("select", id="prime-choice")
    told = element("output", id="temperature-told", for_="temperature")
    return (
        paragraph(
            "The distribution of the next character, after nothing and at places where the model was "
            "undecided. A temperature divides the scores before the softmax: below 1 the likely becomes "
            "likelier, above 1 the unlikely gets its chance. The bits are the entropy."
        ),
        element(
            "div",
            element("label", "after ", choice),
            element("label", "temperature ", slider("temperature", 0, 2, 0.05, 1), told),
            class_="controls",
            hidden=True,
        ),
        table(head, cells, len(head) - 1, id="following-table"),
    )


def units_section(report: Report) -> tuple[Markup, ...]:
    ranked = report.neurons
    if isinstance(ranked, str):
        return nothing(ranked)
    if not ranked.features:
        return nothing("the text is too short, nothing in it varies")
    numbers = {watched.unit: number for number, watched in enumerate(report.units)}
    rows = []
    for feature in ranked.ranked():
        (unit, r), *others = ranked.best(feature, FOLLOWERS)
        rows.append(
            (
                ranked.features[feature],
                _unit(unit, numbers),
                f"{r:+.2f}",
                bar(r),
                _unit(others[0][0], numbers) if others else "",
                f"{others[0][1]:+.2f}" if others else "",
            )
        )
    found = (
        paragraph(
            f"Units whose state follows something in the text, over its first {report.read:,} "
            f"{report.kind.unit}s at most. r is 1 or −1 where it follows exactly and 0 where it does not; "
            "1:37 is the output h of unit 37 in layer 1, 1:37:c an LSTM's cell. A high r is no proof that "
            "the model uses the unit so."
        ),
        table(("feature", "unit", "r", "", "next best", "r"), rows, 0),
    )
    return (*found, *_at_work(report)) if report.units else found


def _at_work(report: Report) -> tuple[Markup, ...]:
    """The text coloured by one unit."""
    first, encoding = report.units[0], report.kind.encoding
    scale = first.scale
    ends = {
        "low": (scale.low, "u0"),
        "middle": ((scale.low + scale.high) / 2, None),
        "high": (scale.high, "u8"),
    }
    legend = [
        element("span", f"{value:.2f}", id=f"unit-{name}", class_=colour)
        for name, (value, colour) in ends.items()
    ]
    return (
        element("h3", "One unit at work"),
        element(
            "div",
            element("label", "unit ", element("select", id="unit-choice")),
            class_="controls",
            hidden=True,
        ),
        paragraph(
            "Colours tell what unit ",
            element("b", f"{first.unit} ({features_in_words(first)})", id="unit-name"),
            " holds after each character: ",
            *legend,
            class_="legend",
        ),
        *_passage(
            "unit",
            coloured(report.text, unit_levels(first), encoding),
            report.kind.unit,
            len(report.text),
        ),
    )


def _unit(unit: Unit, numbers: dict[Unit, int]) -> Markup:
    """A cell with a unit's name, which the script makes a button if the text can be coloured by it."""
    return element("td", str(unit), data_unit=numbers.get(unit))
