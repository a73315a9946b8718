"""The page itself: a model's numbers, its alphabet and its labels as data, and the scripts that read with them.

The scripts are plain JavaScript, in the order of ``WRITES`` or ``ANSWERS``, as one: a page allows no other. What they compute is what
:mod:`charrnn.nn.cells`, :mod:`charrnn.models.stepper` and :mod:`charrnn.writing` compute.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from charrnn.drawing import signs
from charrnn.drawing.page.document import Page, assembled
from charrnn.drawing.page.markup import Markup, clean
from charrnn.errors import InputError
from charrnn.files.whole import write_whole
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.sharing.web.held import blocks, check_precision
from charrnn.text.standins import PLAIN
from charrnn.training.run import Checkpoint
from charrnn.words import counted

CORE = (
    *("numbers.js", "random.js", "model.js", "writing.js"),
    *("alphabet.js", "reading.js", "whole.js"),
)
"""What computes, and knows nothing of a page: Node.js can run it, too."""

WRITES, ANSWERS = (*CORE, "common.js", "play.js"), (*CORE, "common.js", "answer.js")
"""The scripts of a page that goes on with a text, and of one that finds labels or tags."""

OF_A_LAYER = ("U", "W", "b", "d", "gain")
"""The parameters of a recurrent layer that the scripts know; ``gain`` is that of layer normalisation."""


def write_page(checkpoint: Checkpoint, path: str | Path, precision: str = "float32") -> None:
    """Write a page that runs a model; errors as :func:`page` and :func:`write_whole`."""
    text = page(checkpoint.model, Path(path).stem, precision)
    write_whole(path, lambda file: file.write(text.encode()))


def page(model: CharacterModel, name: str, precision: str = "float32") -> str:
    """A page in HTML. The same model makes the same page.

    Args:
        name: What it is called.
        precision: One of :data:`charrnn.sharing.web.held.PRECISIONS`.

    Raises:
        InputError: The scripts cannot run such a model, or there is no such precision.
    """
    check_precision(precision)
    writes = model.config.learns.writes
    return assembled(
        Page(
            title=f"{name}: a charrnn model to play with",
            heading=name,
            lead=_lead(model),
            skip=("text", "Skip to the text"),
            main=Markup(_own("play.html" if writes else "answer.html")),
            data=data_of(model, precision),
            style=_own("play.css"),
            script=script_of(WRITES if writes else ANSWERS),
        )
    )


def script_of(names: tuple[str, ...]) -> str:
    """Some of the scripts as one that leaves no names behind."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_own, names)) + "})();\n"


def data_of(model: CharacterModel, precision: str) -> dict[str, Any]:
    """What the scripts read; errors as :func:`page`."""
    config, vocabulary = model.config, model.vocabulary
    kind = vocabulary.config
    return {
        "model": {
            "cell": config.cell,
            "hidden": config.hidden_size,
            "levels": config.num_layers,
            "directions": 1 + bool(config.bidirectional),
            "context": config.context,
            "arrays": blocks(_arrays(model), precision),
        },
        "alphabet": {
            "characters": vocabulary.characters,
            "unit": kind.unit,
            "normalize": kind.normalize,
            "end": kind.end,
            "names": [signs.named(c, kind.encoding) for c in vocabulary.characters],
            "plain": PLAIN,
        },
        "ngrams": config.ngrams,
        "aligned": config.learns.aligned,
        "labels": [clean(label) for label in model.labels.names],
    }


def _arrays(model: CharacterModel) -> dict[str, Array]:
    """The parameters that the scripts need, by their names in the model.

    Raises:
        InputError: There is one that they do not know, or the task is another one.
    """
    config, network = model.config, model.network
    if config.learns.rewrites:
        raise _no_place(f"a model for {config.task}")
    known = {"E", "V", "c", "begin/E", "ngrams/B"}
    for layer in network.stack.layers:
        known |= {f"{layer.prefix}{name}" for name in (*OF_A_LAYER, *layer.input_shapes())}
    arrays = dict(model.parameters)
    for name in network.lm_loss.parameter_shapes() if network.lm_loss else ():
        del arrays[name]  # it only learnt by them
    for name in arrays:
        if name not in known:
            raise _no_place(f"the parameter {name}")
    return arrays


def _no_place(what: str) -> InputError:
    return InputError(
        f"a page has no place for {what}; a .npz holds it: charrnn export MODEL.npz small.npz"
    )


def _lead(model: CharacterModel) -> str:
    """What it is, in a sentence."""
    config, kind = model.config, model.vocabulary.config
    cells = model.network.stack.cell.title
    layers = f"{counted(config.num_layers, 'layer')} of {config.hidden_size} units ({cells})"
    return (
        f"A model of {layers} that has learnt {_learnt(model)}. It runs in this page, which holds the "
        f"{len(model.vocabulary)} different {kind.unit}s that it knows and none of the text that it learnt from."
    )


def _learnt(model: CharacterModel) -> str:
    """What for, in words."""
    task, kind = model.config.learns, model.vocabulary.config
    labels = counted(len(model.labels), task.label)
    if task.for_labels:
        return f"to write lines for each of {labels}"
    if task.finds:
        return f"which of {labels} {f'each {kind.unit}' if task.aligned else 'a line'} has"
    return f"to write {'lines' if kind.records else 'text'}, {kind.unit} by {kind.unit}"


def _own(name: str) -> str:
    """A file of this package."""
    return files("charrnn.sharing.web").joinpath(name).read_text(encoding="utf-8")
