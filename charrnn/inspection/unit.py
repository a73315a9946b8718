"""A text, coloured by what one unit holds (as in arXiv 1506.02078)."""

from __future__ import annotations

from charrnn.drawing import figure as fig
from charrnn.inspection.look import Look
from charrnn.inspection.neurons import Unit, activation, colouring, follows
from charrnn.words import decimals

MOST = 1200  # characters that are read
FOLLOWED = 3  # features that are told


def view(look: Look) -> fig.Figure:
    """What one unit holds after each character, and what it follows."""
    model = look.subject.checkpoint.model
    kind = model.vocabulary.config
    unit = Unit.parse(look.value or "", model)
    watched = look.watched(MOST)
    text, source, answers = watched.text, watched.source, watched.answers
    values = activation(model, text, unit, answers)
    found = follows(model, text, values, answers)
    if found:
        words = ", ".join(f"{name} (r {decimals(r, 2, '+')})" for name, r in found[:FOLLOWED])
        told = f"Here it follows most closely: {words}"
    else:
        told = "Nothing varies here: the text is too short, or the unit never moves."
    passage = fig.Passage("unit", text, [colouring(unit, values)], kind.unit)
    return fig.Figure(
        f"unit {unit}",
        [fig.Words((fig.Strong(f"unit {unit}"), f", reading {source}")), passage, fig.Words(told)],
        {
            "unit": str(unit),
            "source": source,
            "text": fig.Symbols(text),
            "values": values,
            "follows": [{"feature": name, "r": r} for name, r in found],
        },
        f"Each {kind.unit} of {source} with a bar of what the unit holds after it. {told}",
        [passage],
    )
