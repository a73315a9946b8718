"""``--gradients`` of a model for seq2seq: how far the loss of a target's last symbol reaches back into its source, with and without attention.

There are two ways back. One goes through the states alone: the decoder's, step by step, to where the encoder ended, and on through the
encoder's; on it a gradient vanishes as in any recurrent net. The other is the attention, which leads from each symbol to whatever it
looked at at once. The gradient is the sum of both, so that what a net without attention would have of it can be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import CheckpointError, InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import batches, side_by_side
from charrnn.models.rewriting import Rewriter
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.dropout import NO_DROPOUT
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.lines import Line, symbols_of

PAIRS = 400  # that are watched
TOGETHER = 16
GROUPS = 4  # of pairs, by their length
LOWEST = 1e-12  # of the gradients that are drawn


@dataclass(frozen=True, eq=False)
class Reach:
    """Of N pairs the gradient of the last symbol's loss by each character of the source, as its input is.

    Attributes:
        lengths: ``(N, 2)``, characters of the source and symbols of the target, without its end.
        whole: For each pair ``(T,)`` norms.
        states: The same of the part that comes back through the states alone.
    """

    lengths: NDArray[np.intp]
    whole: Sequence[Array]
    states: Sequence[Array]

    @property
    def first(self) -> tuple[Array, Array]:
        """``(N,)`` each, of the first characters: the whole gradients, and those through the states."""
        return np.array([g[0] for g in self.whole]), np.array([g[0] for g in self.states])

    def by_place(self) -> tuple[Array, Array]:
        """Root mean squares over the pairs, of the first, the second … character, as far as half of them go."""
        count = max(1, int(np.median(self.lengths[:, 0])))
        return tuple(  # type: ignore[return-value]
            np.array([rms([g[k] for g in each if len(g) > k]) for k in range(count)])
            for each in (self.whole, self.states)
        )


def rms(values: Sequence[float] | Array) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def source_gradients(
    model: CharacterModel, sources: Sequence[str], targets: Sequence[Sequence[int]]
) -> Reach:
    """Go back from the last symbol of each target; in float64.

    Args:
        sources: In characters that the model knows, none empty.
        targets: Numbers of symbols, at least one.

    Raises:
        CheckpointError: The model's numbers overflow.
    """
    sizes = [(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
    whole: list[Array] = [np.empty(0)] * len(sources)
    states = whole.copy()
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    with single_threaded_blas(), np.errstate(all="ignore"):
        for numbers in batches(np.array([max(size) for size in sizes]), TOGETHER):
            part = [sources[n] for n in numbers], [targets[n] for n in numbers]
            for attended, into in ((True, whole), (False, states)):
                for n, found in zip(numbers, _norms(model, params, *part, attended), strict=True):
                    into[n] = found
    if not all(np.isfinite(norms).all() for norms in whole):
        raise CheckpointError("the model cannot be read with: its numbers overflow")
    return Reach(np.array(sizes), whole, states)


def _norms(
    model: CharacterModel,
    params: Parameters,
    sources: Sequence[str],
    targets: Sequence[Sequence[int]],
    attended: bool,
) -> list[Array]:
    """``(T,)`` of each pair; one-hot characters are read as the dense vectors that they stand for.

    Args:
        attended: Whether what the attention leads back to the encoder counts.
    """
    network = model.network
    assert isinstance(network, Seq2Seq)
    ids, lengths = side_by_side([model.vocabulary.encode(source) for source in sources])
    y, ends = side_by_side([np.array(target) for target in targets])
    x_ids, read = network.marked(ids, lengths)
    if network.embedding:
        x = params["encoder/E"][:, x_ids]
    else:
        x = np.eye(network.vocabulary_size)[:, x_ids]
    stack = replace(network.stack, input_size=len(x), one_hot=False)
    workspace, unused = Workspace(np.float64), params.zeros()
    zero = np.zeros(stack.state_shape(len(sources)))
    memory, state = stack.forward(params, x, zero, workspace, NO_DROPOUT, read)
    encoded = network.encoded(params, memory, state, read, workspace)
    h = network.held(params, network.before(y), encoded, workspace, lengths=ends)
    step = np.arange(len(y))[:, None]
    if network.monotonic:  # all up to the last symbol, less all up to the one before
        until = [step < ends, step < ends - 1]
        (_, dh, dm), (_, less, fewer) = (
            network.graded(params, unused, h, encoded, y, counted, workspace) for counted in until
        )
        dh, dm = dh - less, dm - fewer
    else:
        _, dh, dm = network.graded(params, unused, h, encoded, y, step == ends - 1, workspace)
    dstate = network.back_to_source(params, unused, dh, workspace)
    dx, _ = stack.backward(params, unused, dm * attended, dstate, workspace)
    assert dx is not None
    norms = np.sqrt(np.square(dx).sum(axis=0))
    before = int(read[0] != lengths[0])  # the mark
    return [norms[before : before + n, column] for column, n in enumerate(lengths)]


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """The models that were named, with both ways back; a single one beside another that has learnt nothing."""
    lines, source = look.pairs(look.scaled(PAIRS, 20))
    found: list[tuple[str, CharacterModel, Reach]] = []
    for subject in look.subjects:
        model = subject.checkpoint.model
        if not model.config.learns.rewrites:
            raise InputError("models side by side are those of one task")
        pairs = _targets(model, lines)
        found.append((subject.path.stem, model, source_gradients(model, *pairs)))
    if len(found) == 1:
        fresh = CharacterModel.fresh(
            model.config, model.vocabulary, np.random.default_rng(0), model.labels
        )
        found.append(("fresh", fresh, source_gradients(fresh, *pairs)))
    curves: list[fig.Line] = []
    for name, model, reach in found:
        both = reach.by_place()
        kinds = ("by all ways", "through the states alone")
        for kind, values, strong in zip(kinds, both, (True, False), strict=True):
            if strong or model.config.attention != "none":
                words = (
                    f"{name}, {kind}"
                    if model.config.attention != "none"
                    else f"{name}, no attention"
                )
                ys = np.maximum(values, LOWEST).tolist()
                curves.append(fig.Line(words, range(1, len(ys) + 1), ys, strong=strong))
    heights = [y for curve in curves for y in curve.y]
    low, high = 10.0 ** np.floor(np.log10(min(heights))), 2 * max(heights)
    title = "How far back a target's last symbol reaches into its source"
    chart = fig.Chart(
        "reach",
        title,
        fig.Axis("character of the source"),
        fig.Axis("gradient", log=True, low=float(low), high=float(high)),
        "Norms of the gradient of the last symbol's loss by each character of the source, on a logarithmic axis: "
        + "; ".join(f"{c.name} {c.y[0]:.2g} at the first one" for c in curves)
        + ".",
        curves,
        height=14,
    )
    lead = f"{title}: the norm of ∂loss(last)/∂input(t), on {len(lines):,} pairs of {source}"
    explanation = (
        "Through the states alone the gradient goes back step by step, through all of the decoder and all of the encoder, as it has to without "
        "attention; by all ways it may also come straight from a symbol to the character that was looked at."
    )
    data = {
        "source": source,
        "models": [
            {
                "name": name,
                "attention": model.config.attention,
                "by_place": reach.by_place()[0],
                "by_place_through_states": reach.by_place()[1],
                "first": rms(reach.first[0]),
                "first_through_states": rms(reach.first[1]),
            }
            for name, model, reach in found
        ],
    }
    blocks: list[fig.Block] = [fig.Words(lead), chart]
    blocks += [_table(name, reach) for name, _, reach in found]
    blocks.append(fig.Words(explanation))
    return fig.Figure(title, blocks, data, chart.description, [chart])


def _targets(model: CharacterModel, lines: Sequence[Line]) -> tuple[list[str], list[list[int]]]:
    """Sources and the targets that they have in the table; of those without one what the model makes of them."""
    given = [line for line in lines if line.answer]
    divided = symbols_of(given, model.labels.between)
    numbers = {
        line.where: model.labels.encode(list(s)) for line, s in zip(given, divided, strict=True)
    }
    sources = [line.text for line in lines]
    made = Rewriter([model])([line.text for line in lines if not line.answer])
    rest = iter(made)
    targets = [
        list(numbers[line.where]) if line.answer else list(next(rest)[0].symbols) for line in lines
    ]
    pairs = [(s, t) for s, t in zip(sources, targets, strict=True) if len(t)]
    if not pairs:
        raise InputError("there is no pair whose target has a symbol")
    return [s for s, _ in pairs], [t for _, t in pairs]


def _table(name: str, reach: Reach) -> fig.Table:
    """From the last symbol back to the first character, by how long a pair is."""
    sizes = reach.lengths.sum(axis=1)
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, GROUPS + 1)).round().astype(int))
    rows: list[Sequence[fig.Cell]] = []
    whole, states = reach.first
    for low, high in pairwise(edges) if len(edges) > 1 else [(edges[0] - 1, edges[0])]:
        inside = (sizes > low - (low == edges[0])) & (sizes <= high)
        if inside.any():
            both = rms(whole[inside]), rms(states[inside])
            share = both[1] / both[0] if both[0] else np.nan
            span = f"{sizes[inside].min()} to {sizes[inside].max()}"
            rows.append(
                (span, f"{inside.sum():,}", *(f"{one:.2e}" for one in both), f"{share:.1%}")
            )
    heads = fig.figures("pairs", "by all ways", "through states", "share")
    return fig.Table(
        (fig.Column("characters and symbols"), *heads),
        rows,
        title=f"{name}: from the last symbol to the first character",
    )
