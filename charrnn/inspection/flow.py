"""The gradient of a loss by what was held k steps before, measured.

loss(t) = -log p(x_{t+1}) is that of step t alone. The state s(t) is all that the stack carries from step
t to the next: *h* of every layer, and the LSTM's *c*. Given the characters from t-k+1 to t, the
loss is a function of s(t-k) and nothing else, and its gradient, through all layers and all paths, is

    ∂loss(t)/∂s(t-k) = ∂loss(t)/∂s(t) J(t) J(t-1) … J(t-k+1),    J(t) = ∂s(t)/∂s(t-1).

A product of k matrices shrinks or grows like a power of k: the gradient vanishes or explodes (Bengio,
Simard, Frasconi, IEEE Trans. Neural Networks 5(2), 1994; Pascanu, Mikolov, Bengio, arXiv 1211.5063,
equation 5; *Deep Learning*, section 10.7). What has vanished cannot be learnt from.

Of a whole text the loss is that of its label, after its last step, or of one tag. Each layer, in the direction in which it reads, carries
something from each step to its next, and k counts the steps from there to the one at which the layer is read for the answer: for a label its last,
for a tag that of the tagged character. Of layers that all read forwards this is the same gradient as above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.config import CELLS
from charrnn.errors import InputError
from charrnn.inspection.carried import carried_gradients
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.models.reading import ChunkReader, lines_of, side_by_side, starts_in
from charrnn.nn.cells import cell_class
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, available_processors, single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Scratch, Workspace
from charrnn.text.chunks import SHORT_WARM_UP
from charrnn.words import counted

STEPS = 100
LOSSES = 32
WHOLE = 2000  # characters of a whole text that are read, at most
MEMORY = 1 << 28  # bytes that the saved activations may take, about
FORGOTTEN = 0.01  # share of the gradient at k = 0 under which it counts as vanished


@dataclass(frozen=True)
class GradientFlow:
    """The norm of ∂loss(t)/∂s(t-k), for k = 0 … K and N steps t of a text.

    Attributes:
        norms: ``(K+1, N)``, of the whole state; NaN where the text, or the record, begins later.
        parts: ``(K+1, L, states)``, root mean square over t of the norm by each layer's *h* (and *c*); NaN where no text goes so far back.
    """

    norms: Array
    parts: Array

    @property
    def rms(self) -> Array:
        """``(K+1,)``, root mean square over t: it weighs each step as learning does."""
        with np.errstate(all="ignore"):
            rms: Array = np.sqrt(np.nanmean(np.square(self.norms), axis=-1))
        return rms

    @property
    def shares(self) -> Array:
        """``(K+1,)``, ``rms`` by its value at k = 0."""
        rms = self.rms
        return rms / (rms[0] or 1)

    def quantile(self, fraction: float) -> Array:
        """``(K+1,)``, below which that fraction of the steps t lies."""
        with np.errstate(all="ignore"):
            return np.nanquantile(self.norms, fraction, axis=-1)

    @property
    def memory(self) -> int | None:
        """The k from which on the gradient stays below a hundredth of that at k = 0; None if beyond K."""
        last = int(max(np.flatnonzero(~(self.shares < FORGOTTEN)), default=0))
        return None if last == len(self.norms) - 1 else last + 1

    @property
    def memory_in_words(self) -> str:
        """Its number of steps, as it is known."""
        return f"over {len(self.norms) - 1}" if self.memory is None else str(self.memory)

    @property
    def factor(self) -> float:
        """By what the gradient is multiplied with each step back, in the geometric mean."""
        rms = self.rms[1:]
        usable = np.flatnonzero(np.isfinite(rms) & (rms > 0))
        if len(usable) < 2:
            return float("nan")
        first, last = usable[0], usable[-1]
        return float(np.exp(np.log(rms[last] / rms[first]) / (last - first)))


def gradient_flow(
    model: CharacterModel,
    text: str,
    answers: Sequence[str] | None = None,
    *,
    steps: int = STEPS,
    losses: int = LOSSES,
) -> GradientFlow:
    """Measure how far the model's losses reach back.

    The text is read as it was in training: from a line's start on, and in a model of records each
    record from the zero state. The arithmetic is float64, since gradients vanish beyond float32's range.

    Args:
        text: To a model with labels or tags each of its lines is a text.
        answers: The label or tags of each line; without them a model's loss is that of what it answers itself. A model that writes for labels
            needs them.
        steps: How far to go back, *K*, at most.
        losses: Number of steps t, *N*, spread over the text, at most.

    Raises:
        InputError: There is no text, or the model carries no state that a gradient could go back through.
        UnknownCharacterError: It has a character that the model does not know.
        CheckpointError: The model's numbers overflow while it reads.
    """
    network, config = model.network, model.config
    if not config.is_recurrent:
        raise InputError(
            "no gradient goes back through time in a net without memory: "
            f"it predicts from {counted(config.context or 0, model.vocabulary.config.unit)} and nothing before"
        )
    lines = [line for _, line in lines_of(text)] if config.learns.pair else [text]
    if not any(lines):
        raise InputError("there is no text to go back through")
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    if answers is not None:
        answers = [answer for line, answer in zip(lines, answers, strict=True) if line]
    lines = [line for line in lines if line]
    if model.config.reads_whole:
        return _of_whole_texts(model, params, lines, answers, steps, losses)
    labels = None
    if config.learns.for_labels:
        if answers is None:
            raise InputError("the model writes for labels; say which one each line has")
        text = "".join(f"{line}\n" for line in lines)
        labels = np.array([model.labels.number(answer) for answer in answers])
    ids = model.vocabulary.encode(model.beginning() + text)
    first, last = min(steps, len(ids) // 2) - 1, len(ids) - 2
    chosen = np.unique(np.linspace(first, last, losses).round().astype(np.intp))
    starts = starts_in(model, ids)
    numbers = np.searchsorted(starts, chosen, side="right") - 1
    begins = starts[numbers]
    reach = np.minimum(chosen - begins + 1, steps)
    K, N = int(reach.max()), len(chosen)
    squares = np.full((K + 1, *network.stack.state_shape(N)[:2], N), np.nan)
    shards = Shards(min(2, available_processors(), N))
    width = max(1, MEMORY // shards.count // (K * 8 * _kept(model)))

    def go_back(_index: int, part: slice, _workspace: Workspace) -> None:
        for start in range(part.start, part.stop, width):
            columns = slice(start, min(start + width, part.stop))
            places = chosen[columns] + np.arange(1 - K - SHORT_WARM_UP, 1)[:, None]
            places = places[(places >= 0).any(axis=1)]
            gradients = state_gradients(
                network,
                params,
                ids[np.maximum(places, 0)],
                ids[chosen[columns] + 1],
                network.zero_state(places.shape[1], np.float64),
                steps=K,
                fresh=places == begins[columns],
                labels=None if labels is None else labels[numbers[columns]],
            )
            for k, gradient in enumerate(gradients):
                square = np.square(gradient).sum(axis=2)
                squares[k][..., columns] = np.where(k <= reach[columns], square, np.nan)

    with single_threaded_blas():
        shards.map(go_back, N)
    return _flow(squares)


def _of_whole_texts(
    model: CharacterModel,
    params: Parameters,
    lines: Sequence[str],
    answers: Sequence[str] | None,
    steps: int,
    losses: int,
) -> GradientFlow:
    """That of labels, or of some tags from all over the texts; of a long text its beginning is read."""
    network, tagged = model.network, model.config.learns.aligned
    texts = [model.vocabulary.encode(line[:WHOLE]) for line in lines]
    counts = np.array([len(ids) if tagged else 1 for ids in texts])
    places = np.unique(np.linspace(0, counts.sum() - 1, losses).round().astype(np.intp))
    which = np.searchsorted(np.cumsum(counts), places, side="right")
    at = places - (np.cumsum(counts) - counts)[which]
    targets = None
    if answers is not None:
        chosen = (
            model.labels.divided(answers[n])[place] if tagged else answers[n]
            for n, place in zip(which, at, strict=True)
        )
        targets = np.array([model.labels.number(answer) for answer in chosen])
    lengths = np.array([len(texts[n]) for n in which])
    order, N = np.argsort(lengths, kind="stable"), len(which)
    K = min(steps, int(lengths.max()))
    squares = np.full((K + 1, *network.stack.state_shape(N)[:2], N), np.nan)
    shards = Shards(min(2, available_processors(), N))

    def go_back(_index: int, part: slice, _workspace: Workspace) -> None:
        rest = order[part]
        while len(rest):
            T = int(lengths[rest[-1]])
            kept = T * _kept(model) * len(network.stack.levels[0])
            now = rest[-max(1, MEMORY // shards.count // (8 * kept)) :]
            rest = rest[: len(rest) - len(now)]
            x, length = side_by_side([texts[n] for n in which[now]])
            found = carried_gradients(
                network,
                params,
                x,
                length,
                None if targets is None else targets[now],
                at[now] if tagged else None,
            )
            with np.errstate(all="ignore"):
                reached = np.square(found[: K + 1]).sum(axis=3)
            squares[: len(reached), ..., now] = reached

    with single_threaded_blas():
        shards.map(go_back, N)
    return _flow(squares)


def _kept(model: CharacterModel) -> int:
    """Numbers that are kept of one step and column: of the largest cell gates, h and c before and after; two more for what is underway."""
    config = model.config
    return (
        10 * config.num_layers * config.hidden_size + config.embedding_size + len(model.vocabulary)
    )


def _flow(squares: Array) -> GradientFlow:
    """From ``(K+1, L, states, N)`` squares of norms, NaN where there is nothing."""
    there = ~np.isnan(squares)
    steps = np.flatnonzero(there.any(axis=(1, 2, 3)))[-1] + 1  # that any of them goes back
    squares, there = squares[:steps], there[:steps]
    with np.errstate(all="ignore"):  # exploding is what some are here for
        sums = np.where(there, squares, 0).sum(axis=(1, 2))
        norms = np.where(there.any(axis=(1, 2)), np.sqrt(sums), np.nan)
        parts = np.sqrt(np.where(there, squares, 0).sum(axis=-1) / there.sum(axis=-1))
    return GradientFlow(norms, parts)


def fresh_flows(
    model: CharacterModel,
    text: str,
    answers: Sequence[str] | None = None,
    *,
    steps: int = STEPS,
    losses: int = LOSSES,
    rng: np.random.Generator | int = 0,
) -> Iterator[tuple[str, GradientFlow]]:
    """The same of a fresh model of the same size for each kind of recurrent cell, by its name, as ``rng`` draws it."""
    rng = np.random.default_rng(rng)
    for cell in filter(lambda name: cell_class(name).recurrent, CELLS):
        config = replace(model.config, cell=cell)
        fresh = CharacterModel.fresh(config, model.vocabulary, rng, model.labels)
        yield cell, gradient_flow(fresh, text, answers, steps=steps, losses=losses)


def state_gradients(
    network: Network,
    params: Parameters,
    ids: Ids,
    targets: Ids,
    state: Array,
    *,
    steps: int | None = None,
    fresh: NDArray[np.bool_] | None = None,
    labels: Ids | None = None,
) -> Iterator[Array]:
    """∂loss(t)/∂s(t-k) for k = 0, 1, …, where t is the last step.

    Each step is a chunk of its own, so that the layers' own backward passes return each gradient.

    Args:
        ids: ``(T, B)``, what is read.
        targets: ``(B,)``, what the last step is to predict.
        state: ``(L, states, H, B)`` before the first step.
        steps: Largest k; *T* without it.
        fresh: ``(T, B)`` booleans: where a column starts anew, from what its text begins with.
        labels: ``(B,)``, of what starts there, where a model writes for labels.

    Yields:
        ``(L, states, H, B)``, like a state.

    Raises:
        CheckpointError: The model's numbers overflow while it reads.
    """
    dtype, scratch = params.flat.dtype, Scratch(params.flat.dtype)
    steps = len(ids) if steps is None else steps
    reader, last = ChunkReader(network, params, ids.shape[1], state=state), len(ids) - 1
    saved: list[Workspace] = []
    for step, symbols in enumerate(ids[:, None]):
        reader.workspace = Workspace(dtype, scratch=scratch)
        logits = reader.read(
            symbols,
            fresh=None if fresh is None else fresh[step],
            counted=np.full(symbols.shape, step == last),
            labels=labels,
        )
        if last - step < steps:
            saved.append(reader.workspace)

    cross_entropy_(logits[:, 0], targets)  # they are their gradient now
    unused, gradient = params.zeros(), np.zeros_like(reader.state)
    top = reader.workspace.child("readout")
    gradient[-1, 0] = network.readout.backward(params, unused, logits, top)[:, 0]
    yield gradient

    for workspace in reversed(saved):
        # No other step has a loss.
        above = np.zeros((network.config.hidden_size, *symbols.shape), dtype)
        _, gradient = network.stack.backward(params, unused, above, gradient, workspace)
        yield gradient
