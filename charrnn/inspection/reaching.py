"""``--gradients`` of a model for seq2seq: how far the loss of a target's last symbol reaches back into its source, with and without attention.

There are two ways back. One goes through the states alone: the decoder's, step by step, to where the encoder ended, and on through the
encoder's; on it a gradient vanishes as in any recurrent net. The other is the attention, which leads from each symbol to whatever it
looked at at once. The gradient is the sum of both, so that what a net without attention would have of it can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import shared_symbols
from charrnn.models.reading import require_finite, side_by_side
from charrnn.models.rewriting import Rewriter
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.dropout import NO_DROPOUT
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.lines import Line, symbols_of
from charrnn.words import counted

PAIRS, LONGEST = 400, 200  # that are watched; characters and symbols of one
NUMBERS = 1 << 21  # of what is made of the pairs that are read side by side, at most
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

    def by_place(self, norms: Sequence[Array]) -> Array:
        """Root mean squares of ``whole`` or ``states`` over the pairs, of the first, the second … character, as far as half of them go."""
        count = max(1, int(np.median(self.lengths[:, 0])))
        return np.array([rms([g[k] for g in norms if len(g) > k]) for k in range(count)])


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
    sizes = np.array([(len(s), len(t)) for s, t in zip(sources, targets, strict=True)])
    whole: list[Array] = [np.empty(0)] * len(sources)
    states = whole.copy()
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    with single_threaded_blas(), np.errstate(all="ignore"):
        for numbers in _together(model, sizes):
            found = _norms(
                model, params, [sources[n] for n in numbers], [targets[n] for n in numbers]
            )
            for n, both in zip(numbers, found, strict=True):
                whole[n], states[n] = both
    for norms in whole:
        require_finite(norms)
    return Reach(sizes, whole, states)


def _together(model: CharacterModel, sizes: NDArray[np.intp]) -> Iterator[list[int]]:
    """Numbers of pairs that are read side by side, so that what is made of them has ``NUMBERS`` at most; of a single pair it may have more."""
    order = np.argsort(sizes.max(axis=1), kind="stable").tolist()
    walks, K = model.config.attention == "monotonic", len(model.labels)
    while order:
        longest = int(sizes[order[-1]].max()) + 2
        each = longest * longest * (longest + K) if walks else longest * longest
        count = max(1, NUMBERS // each)
        yield order[-count:]
        del order[-count:]


def _norms(
    model: CharacterModel,
    params: Parameters,
    sources: Sequence[str],
    targets: Sequence[Sequence[int]],
) -> list[tuple[Array, Array]]:
    """``(T,)`` norms of each pair, whole and through the states; one-hot characters are read as the dense vectors that they stand for."""
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
    states, _ = stack.backward(params, unused, np.zeros_like(dm), dstate, workspace)
    assert states is not None
    whole = states
    if model.config.attention != "none":  # the gradient is linear in where it comes from
        states = states.copy()  # which lies in the workspace
        stack.forward(params, x, zero, workspace, NO_DROPOUT, read)
        looked, _ = stack.backward(params, unused, dm, np.zeros_like(dstate), workspace)
        assert looked is not None
        whole = states + looked
    before = int(read[0] != lengths[0])  # the mark
    norms = [np.sqrt(np.square(dx).sum(axis=0)) for dx in (whole, states)]
    return [
        (norms[0][before : before + n, column], norms[1][before : before + n, column])
        for column, n in enumerate(lengths)
    ]


# ----------------------------------------------------------------------------------- what is to be seen


@dataclass(frozen=True)
class _Watched:
    """A model, and how far its gradients reach."""

    name: str
    model: CharacterModel
    reach: Reach

    @property
    def curves(self) -> list[fig.Line]:
        """By all ways, and, where there is another one, through the states alone."""
        attention, reach = self.model.config.attention != "none", self.reach
        kinds = [("by all ways" if attention else "no attention", reach.whole, True)]
        if attention:
            kinds.append(("through the states alone", reach.states, False))
        found = []
        for kind, norms, strong in kinds:
            ys = np.maximum(reach.by_place(norms), LOWEST).tolist()
            found.append(fig.Line(f"{self.name}, {kind}", range(1, len(ys) + 1), ys, strong=strong))
        return found

    @property
    def data(self) -> dict[str, object]:
        reach = self.reach
        return {
            "name": self.name,
            "attention": self.model.config.attention,
            "by_place": reach.by_place(reach.whole),
            "by_place_through_states": reach.by_place(reach.states),
            "first": rms(reach.first[0]),
            "first_through_states": rms(reach.first[1]),
        }


def view(look: Look) -> fig.Figure:
    """The models that were named, with both ways back; a single one beside another that has learnt nothing."""
    models = [subject.checkpoint.model for subject in look.subjects]
    try:
        shared_symbols(models)
    except InputError:
        raise InputError("side by side are models that read and write the same symbols") from None
    lines, source = look.pairs(look.scaled(PAIRS, 20), LONGEST)
    found: list[_Watched] = []
    for subject, model in zip(look.subjects, models, strict=True):
        pairs = _pairs(model, lines, look.unknown or "error")
        found.append(_Watched(subject.path.stem, model, source_gradients(model, *pairs)))
    count = len(found[0].reach.lengths)
    if len(found) == 1:
        (model,), rng = models, np.random.default_rng(0)
        fresh = CharacterModel.fresh(model.config, model.vocabulary, rng, model.labels)
        pairs = _pairs(model, lines, "error")
        found.append(_Watched("fresh", fresh, source_gradients(fresh, *pairs)))
    curves = [curve for watched in found for curve in watched.curves]
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
    lead = f"{title}: the norm of ∂loss(last)/∂input(t), on {counted(count, 'pair')} of {source}"
    explanation = (
        "Through the states alone the gradient goes back step by step, through all of the decoder and all of the encoder, as it has to without "
        "attention; by all ways it may also come straight from a symbol to the character that was looked at."
    )
    blocks: list[fig.Block] = [fig.Words(lead), chart]
    blocks += [_table(watched.name, watched.reach) for watched in found]
    blocks.append(fig.Words(explanation))
    data = {"source": source, "models": [watched.data for watched in found]}
    return fig.Figure(title, blocks, data, chart.description, [chart])


def _pairs(
    model: CharacterModel, lines: Sequence[Line], unknown: str
) -> tuple[list[str], list[list[int]]]:
    """Sources and the targets that they have in the table; of those without one what the model makes of them."""
    sources = [model.vocabulary.fitted(line.text, unknown, line.where) for line in lines]
    alone = [s for s, line in zip(sources, lines, strict=True) if not line.answer]
    made = iter(Rewriter([model])(alone))
    found = []
    for source, line in zip(sources, lines, strict=True):
        if line.answer:
            (symbols,) = symbols_of([line], model.labels.between)
            target = [model.labels.number(symbol) for symbol in symbols]
        else:
            target = [number for best in next(made)[:1] for number in best.symbols]
        if source and target and len(target) <= LONGEST:
            found.append((source, target))
    if not found:
        raise InputError(f"there is no pair whose target has a symbol, and {LONGEST} at most")
    return [source for source, _ in found], [target for _, target in found]


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
            least, most = sizes[inside].min(), sizes[inside].max()
            span = f"{least} to {most}" if least < most else f"{least}"
            rows.append(
                (span, f"{inside.sum():,}", *(f"{one:.2e}" for one in both), f"{share:.1%}")
            )
    heads = fig.figures("pairs", "by all ways", "through states", "share")
    return fig.Table(
        (fig.Column("characters and symbols"), *heads),
        rows,
        title=f"{name}: from the last symbol to the first character",
    )
