"""The page itself: a model's numbers, its alphabet and its labels as data, and the scripts that read with them.

The scripts are plain JavaScript, in the order of ``WRITES``, ``ANSWERS`` or ``REWRITES``, as one: a page allows no other. What they compute is what
:mod:`charrnn.nn`, :mod:`charrnn.models` and :mod:`charrnn.writing` compute.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from charrnn.drawing import signs
from charrnn.drawing.page.document import Inset, Page, assembled
from charrnn.drawing.page.markup import Markup, clean, element
from charrnn.errors import InputError
from charrnn.files.whole import write_whole
from charrnn.models.character_model import CharacterModel
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.parameters import Array
from charrnn.sharing.web.held import blocks, check_precision
from charrnn.text.standins import PLAIN
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.run import Checkpoint
from charrnn.words import counted

_SCRIPTS = ("numbers.js", "random.js", "model.js", "writing.js", "alphabet.js")
_REWRITING = ("symbols.js", "attention.js", "seq2seq.js")
CORE = (*_SCRIPTS, "reading.js", "whole.js", *_REWRITING)
"""What computes, and knows nothing of a page: Node.js can run it, too."""

WRITES = (*_SCRIPTS, "reading.js", "common.js", "following.js", "play.js")
ANSWERS = (*_SCRIPTS, "whole.js", "common.js", "lines.js", "answer.js")
REWRITES = (*_SCRIPTS, "whole.js", *_REWRITING, "common.js", "lines.js", "rewrite.js")
"""The scripts of a page that goes on with a text, of one that finds labels or tags, of one that makes other texts."""

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
    return assembled(
        Page(
            title=f"{name}: a charrnn model to play with",
            heading=name,
            lead=_lead(model),
            skip=("text", "Skip to the text"),
            parts=[playground(model, precision)],
        )
    )


def playground(model: CharacterModel, precision: str = "float32") -> Inset:
    """What runs a model, as a part of some page; arguments and errors as :func:`page`."""
    check_precision(precision)
    task = model.config.learns
    scripts: tuple[str, ...] = WRITES if task.writes else REWRITES if task.rewrites else ANSWERS
    shown = ["play.html" if task.writes else "lines.html"] + ["rewrite.html"] * task.rewrites
    return Inset(
        link=("write-section", "Let it write")
        if task.writes
        else ("read-section", "Let it answer"),
        content=element("div", Markup("".join(map(_own, shown))), class_="playground"),
        data={"playground": data_of(model, precision)},
        style=_own("play.css"),
        script=script_of(scripts),
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
            "attention": config.attention,
            "arrays": blocks(_arrays(model), precision),
        },
        "alphabet": {
            "characters": vocabulary.characters,
            "unit": kind.unit,
            "normalize": kind.normalize,
            "end": kind.end,
            "names": [_name(vocabulary, character) for character in vocabulary.characters],
            "plain": PLAIN,
            "words": vocabulary.words,
            "tokens": kind.tokens,
            "features": kind.features,
        },
        "ngrams": config.ngrams,
        "aligned": config.learns.aligned,
        "labels": [clean(label) for label in model.labels.names],
        "between": model.labels.between,
    }


def _name(vocabulary: Vocabulary, character: str) -> str:
    """A character, or the symbol that it stands for, where it stands alone."""
    name = vocabulary.name_of(character)
    return signs.named(name, vocabulary.config.encoding) if len(name) == 1 else clean(name)


def _arrays(model: CharacterModel) -> dict[str, Array]:
    """The parameters that the scripts need, by their names in the model.

    Raises:
        InputError: There is one that they do not know.
    """
    network = model.network
    stacks, known = [network.stack], {"E", "V", "c", "begin/E", "ngrams/B"}
    if isinstance(network, Seq2Seq):
        stacks.append(network.decoder)
        parts = (network.bridge, network.attention, network.monotonic)
        known |= {"encoder/E", "decoder/E"}
        known |= {name for part in parts if part for name in part.parameter_shapes()}
    for layer in (layer for stack in stacks for layer in stack.layers):
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
    if task.rewrites:
        return f"to make another text of a line, of {labels}"
    if task.for_labels:
        return f"to write lines for each of {labels}"
    if task.finds:
        return f"which of {labels} {f'each {kind.unit}' if task.aligned else 'a line'} has"
    return f"to write {'lines' if kind.records else 'text'}, {kind.unit} by {kind.unit}"


def _own(name: str) -> str:
    """A file of this package."""
    return files("charrnn.sharing.web").joinpath(name).read_text(encoding="utf-8")
