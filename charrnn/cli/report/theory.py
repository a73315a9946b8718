"""Sections of what the theory speaks of: gates, gradients, weights, characters."""

from __future__ import annotations

from functools import partial

from charrnn.cli.report import figures
from charrnn.cli.report.measured import Report
from charrnn.cli.report.parts import nothing, paragraph, table
from charrnn.cli.report.words import named
from charrnn.cli.views import embedding
from charrnn.drawing.page.markup import Markup, element
from charrnn.inspection.gradients import FORGOTTEN


def gates_section(report: Report) -> tuple[Markup, ...]:
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


def gradients_section(report: Report) -> tuple[Markup, ...]:
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


def weights_section(report: Report) -> tuple[Markup, ...]:
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


def characters_section(report: Report) -> tuple[Markup, ...]:
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
