"""The page's sections: what was found, in words and tables, around the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from charrnn.cli.report import figures
from charrnn.cli.report.markup import Markup, element, joined
from charrnn.cli.report.measured import FOLLOWERS, Report
from charrnn.cli.report.words import (
    MOST_BITS,
    coloured,
    features_in_words,
    named,
    shown,
    surprise_level,
    unit_levels,
)
from charrnn.cli.views import card, embedding, following, surprise
from charrnn.cli.views.passage import percent
from charrnn.cli.words import duration
from charrnn.inspection.fit import Fit
from charrnn.inspection.gradients import FORGOTTEN
from charrnn.inspection.neurons import Unit

PRIME = 40  # characters of a prime that are shown


@dataclass(frozen=True)
class Section:
    """A part of the page, under its heading."""

    name: str
    title: str
    body: tuple[Markup, ...]


def all_sections(report: Report) -> list[Section]:
    """In their order."""
    return [
        Section("model", "The model", _model(report)),
        Section("surprise", "What surprises it", _surprise(report)),
        Section("following", "What comes next", _following(report)),
        Section("units", "What its units do", _units(report)),
        Section("gates", "Its gates", _gates(report)),
        Section("gradients", "How far back it learns", _gradients(report)),
        Section("weights", "Its weights", _weights(report)),
        Section("characters", "Characters that it treats alike", _characters(report)),
    ]


def paragraph(*parts: object, **attributes: object) -> Markup:
    return element("p", *parts, **attributes)


def nothing(why: str) -> tuple[Markup, ...]:
    """Instead of a view."""
    return (paragraph(f"There is nothing to see here: {why}."),)


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], numbers: int, **more: object
) -> Markup:
    """A table whose first column names its rows and whose next ``numbers`` columns are figures."""
    kinds = ["number" if 0 < n <= numbers else None for n in range(len(head))]
    top = [
        element("th", name, scope="col", class_=kind)
        for name, kind in zip(head, kinds, strict=True)
    ]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(
                cell
                if isinstance(cell, Markup) and cell.startswith("<td")
                else element("td", cell, class_=kind)
                for cell, kind in zip(row[1:], kinds[1:], strict=True)
            ),
        )
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *top)), element("tbody", *body), **more)
    return element("div", whole, class_="wide")


def bar(share: float) -> Markup:
    """A cell with a bar."""
    filled = element("span", class_="bar", style=f"width:{100 * min(abs(share), 1):.1f}%")
    return element("td", filled, class_="room")


def lead(report: Report) -> Markup:
    """What kind of model it is."""
    model = report.card["config"]["model"]
    layers = model["num_layers"]
    return joined(
        [
            f"{card.CELLS[model['cell']]}, {layers} layer{'s' * (layers > 1)} of {model['hidden_size']} "
            f"units, {report.card['parameters']:,} parameters, reads {report.kind}"
        ]
    )


def _model(report: Report) -> tuple[Markup, ...]:
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
        "fit": str(Fit(**found["fit"])),
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


def _surprise(report: Report) -> tuple[Markup, ...]:
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
    label = element("label", f"{unit} ", _slider(f"{name}-place", 1, length, 1, 1))
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


def _slider(name: str, low: float, high: float, step: float, value: float) -> Markup:
    return element(
        "input",
        id=name,
        type="range",
        min=f"{low:g}",
        max=str(high),
        step=f"{step:g}",
        value=f"{value:g}",
    )


def prime_in_words(prime: str, encoding: str) -> str:
    """The end of a beginning."""
    if not prime:
        return "nothing: the beginning of a text"
    return "…" * (len(prime) > PRIME) + "".join(shown(c, encoding) for c in prime[-PRIME:])


def _following(report: Report) -> tuple[Markup, ...]:
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
            element("label", "temperature ", _slider("temperature", 0, 2, 0.05, 1), told),
            class_="controls",
            hidden=True,
        ),
        table(head, cells, len(head) - 1, id="following-table"),
    )


def _units(report: Report) -> tuple[Markup, ...]:
    ranked = report.neurons
    if isinstance(ranked, str):
        return nothing(ranked)
    if not report.units:
        return nothing("the text is too short, nothing in it varies")
    numbers = {watched.unit: number for number, watched in enumerate(report.units)}
    rows = []
    for feature in ranked.ranked():
        (unit, r), *others = ranked.best(feature, FOLLOWERS)
        rest = "".join(f"{r:+.2f}" for _, r in others)
        rows.append(
            (
                ranked.features[feature],
                _unit(unit, numbers),
                f"{r:+.2f}",
                bar(r),
                _unit(others[0][0], numbers) if others else "",
                rest,
            )
        )
    first, encoding = report.units[0], report.kind.encoding
    scale = first.scale
    words = zip(("low", "middle", "high"), ("u0", "u4", "u8"), strict=True)
    ends = dict(
        zip(
            ("low", "middle", "high"),
            (scale.low, (scale.low + scale.high) / 2, scale.high),
            strict=True,
        )
    )
    legend = [
        element("span", f"{ends[name]:.2f}", id=f"unit-{name}", class_=c) for name, c in words
    ]
    return (
        paragraph(
            f"Units whose state follows something in the text, over its first {report.read:,} "
            f"{report.kind.unit}s at most. r is 1 or −1 where it follows exactly and 0 where it does not; "
            "1:37 is the output h of unit 37 in layer 1, 1:37:c an LSTM's cell. A high r is no proof that "
            "the model uses the unit so."
        ),
        table(("feature", "unit", "r", "", "next best", "r"), rows, 0),
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
    """A cell with a unit's name, which the script makes a button."""
    return element("td", str(unit), data_unit=numbers[unit])


def _gates(report: Report) -> tuple[Markup, ...]:
    found = report.gates
    if isinstance(found, str):
        return nothing(found)
    return (
        paragraph(
            "A point for each unit: to the right, the share of steps at which its gate is open; upwards, "
            "the share at which it is shut. At the left edge are gates that are never open, at the bottom "
            f"those that are never shut. Memory: the steps after which 1/e is left of what a unit held, if the "
            f"{found.gates.keeps} gate has its way."
        ),
        element("figure", figures.gate_planes(found)),
    )


def _gradients(report: Report) -> tuple[Markup, ...]:
    found = report.gradients
    if isinstance(found, str):
        return nothing(found)
    rows = [
        (name, figures.memory(flow), f"{flow.factor:.3f}") for name, flow in found.flows.items()
    ]
    return (
        paragraph(
            "The norm of the gradient of one step's loss by the state of k steps before, beside models of "
            f"the same size ({found.size}) that have learnt nothing. Where it has vanished, nothing can "
            f"be learnt from what was before. In training, gradients went back {found.seq_length} steps at most."
        ),
        element("figure", figures.gradient_curves(found)),
        table(("", f"steps until below {FORGOTTEN:.0%}", "each step multiplies by"), rows, 2),
    )


def _weights(report: Report) -> tuple[Markup, ...]:
    found = report.weights
    if isinstance(found, str):
        return nothing(found)
    rows = [
        (
            f"{r.layer} {r.gate}",
            f"{r.singular_values[0]:.2f}",
            f"{r.singular_values[-1]:.3f}",
            f"{r.spectral_radius:.2f}",
        )
        for r in found.recurrences
    ]
    return (
        paragraph(
            "The largest singular value of a recurrent matrix bounds by how much a step can stretch a "
            "gradient on its way through it; the spectral radius is what many steps come to, where the "
            "activation's slope is 1."
        ),
        element("figure", figures.singular_values(found)),
        table(("layer and gate", "largest", "smallest", "radius"), rows, 3),
        element("h3", "How the numbers of each array are spread"),
        element("figure", figures.histograms(found)),
    )


def _characters(report: Report) -> tuple[Markup, ...]:
    found = report.embedding
    if isinstance(found, str):
        return nothing(found)
    names = partial(named, encoding=found.encoding)
    characters = found.map.characters
    rows = [
        (
            element("code", names(character)),
            f"{found.map.counts[index]:,}",
            *(
                ", ".join(
                    f"{names(characters[n])} {likeness.cosines[index, n]:.2f}"
                    for n in likeness.nearest(index, embedding.NEIGHBOURS)
                )
                for likeness in (found.map.read, found.map.predicted)
            ),
        )
        for index, character in enumerate(characters[: embedding.LISTED])
    ]
    return (
        paragraph(
            f"The {len(characters)} most frequent characters of {found.source}; near each other are those "
            "that the model treats alike. Colours: ",
            *(element("span", f"{kind} ", class_=f"w{n}") for n, kind in enumerate(figures.KINDS)),
        ),
        element("figure", figures.character_maps(found, names)),
        table(("", "count", "alike when read", "alike when predicted"), rows, 1),
    )
