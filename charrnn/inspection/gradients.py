"""``--gradients``: how far back a loss reaches: the gradient of one step's loss by the state of k steps before.

loss(t) = -log p(x_{t+1}) is that of step t alone. The state s(t) is all that the stack carries from step
t to the next: *h* of every layer, and the LSTM's *c*. Given the characters from t-k+1 to t, the
loss is a function of s(t-k) and nothing else, and its gradient, through all layers and all paths, is

    ∂loss(t)/∂s(t-k) = ∂loss(t)/∂s(t) J(t) J(t-1) … J(t-k+1),    J(t) = ∂s(t)/∂s(t-1).

A product of k matrices shrinks or grows like a power of k: the gradient vanishes or explodes (Bengio,
Simard, Frasconi, IEEE Trans. Neural Networks 5(2), 1994; Pascanu, Mikolov, Bengio, arXiv 1211.5063,
equation 5; *Deep Learning*, section 10.7). What has vanished cannot be learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.config import CELLS
from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.models.reading import ChunkReader, starts_in
from charrnn.nn.cells import cell_class
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, available_processors, single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Scratch, Workspace
from charrnn.words import counted

STEPS = 100
LOSSES = 32
WARM_UP = 100  # characters that are read before the steps that are gone back
MEMORY = 1 << 28  # bytes that the saved activations may take, about
FORGOTTEN = 0.01  # share of the gradient at k = 0 under which it counts as vanished

MOST = 5000  # characters that are read
LOWEST, HIGHEST = 1e-8, 1e8  # shares of the gradient at k = 0 that are drawn
SHOWN = (1, 10, 50, 100)  # steps back that the table tells


@dataclass(frozen=True)
class GradientFlow:
    """The norm of ∂loss(t)/∂s(t-k), for k = 0 … K and N steps t of a text.

    Attributes:
        norms: ``(K+1, N)``, of the whole state; NaN where the text, or the record, begins later.
        parts: ``(K+1, L, states)``, root mean square over t of the norm by each layer's *h* (and *c*).
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
    model: CharacterModel, text: str, *, steps: int = STEPS, losses: int = LOSSES
) -> GradientFlow:
    """Measure how far the model's losses reach back.

    The text is read as it was in training: from a line's start on, and in a model of records each
    record from the zero state. The arithmetic is float64, since gradients vanish beyond float32's range.

    Args:
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
    if not text:
        raise InputError("there is no text to go back through")
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    ids = model.vocabulary.encode(model.beginning() + text)
    first, last = min(steps, len(ids) // 2) - 1, len(ids) - 2
    chosen = np.unique(np.linspace(first, last, losses).round().astype(np.intp))
    starts = starts_in(model, ids)
    begins = starts[np.searchsorted(starts, chosen, side="right") - 1]
    reach = np.minimum(chosen - begins + 1, steps)
    K, N = int(reach.max()), len(chosen)
    squares = np.full((K + 1, *network.stack.state_shape(N)[:2], N), np.nan)
    shards = Shards(min(2, available_processors(), N))
    # The largest cell keeps of one step and column: gates, h and c before and after; two more for what is underway.
    kept = 10 * config.num_layers * config.hidden_size
    kept += config.embedding_size + len(model.vocabulary)
    width = max(1, MEMORY // shards.count // (K * 8 * kept))

    def go_back(_index: int, part: slice, _workspace: Workspace) -> None:
        for start in range(part.start, part.stop, width):
            columns = slice(start, min(start + width, part.stop))
            places = chosen[columns] + np.arange(1 - K - WARM_UP, 1)[:, None]
            places = places[(places >= 0).any(axis=1)]
            gradients = state_gradients(
                network,
                params,
                ids[np.maximum(places, 0)],
                ids[chosen[columns] + 1],
                network.zero_state(places.shape[1], np.float64),
                steps=K,
                fresh=places == begins[columns],
            )
            for k, gradient in enumerate(gradients):
                square = np.square(gradient).sum(axis=2)
                squares[k][..., columns] = np.where(k <= reach[columns], square, np.nan)

    with single_threaded_blas():
        shards.map(go_back, N)
    with np.errstate(all="ignore"):  # exploding is what some are here for
        norms = np.sqrt(squares.sum(axis=(1, 2)))
    return GradientFlow(norms, np.sqrt(np.nanmean(squares, axis=-1)))


def fresh_flows(
    model: CharacterModel,
    text: str,
    *,
    steps: int = STEPS,
    losses: int = LOSSES,
    rng: np.random.Generator | int = 0,
) -> Iterator[tuple[str, GradientFlow]]:
    """The same of a fresh model of the same size for each kind of recurrent cell, by its name, as ``rng`` draws it."""
    rng = np.random.default_rng(rng)
    for cell in filter(lambda name: cell_class(name).recurrent, CELLS):
        config = replace(model.config, cell=cell)
        fresh = CharacterModel.fresh(config, model.vocabulary, rng)
        yield cell, gradient_flow(fresh, text, steps=steps, losses=losses)


def state_gradients(
    network: Network,
    params: Parameters,
    ids: Ids,
    targets: Ids,
    state: Array,
    *,
    steps: int | None = None,
    fresh: NDArray[np.bool_] | None = None,
) -> Iterator[Array]:
    """∂loss(t)/∂s(t-k) for k = 0, 1, …, where t is the last step.

    Each step is a chunk of its own, so that the layers' own backward passes return each gradient.

    Args:
        ids: ``(T, B)``, what is read.
        targets: ``(B,)``, what the last step is to predict.
        state: ``(L, states, H, B)`` before the first step.
        steps: Largest k; *T* without it.
        fresh: ``(T, B)`` booleans: where a column starts anew, from the zero state.

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


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """The models that were named, a single one beside others that have learnt nothing."""
    text, source = look.text(MOST)
    losses = look.scaled(LOSSES, 4)
    flows: dict[str, GradientFlow] = {}
    for subject in look.subjects:
        model, stem = subject.checkpoint.model, subject.path.stem
        read, cell = look.known(model.vocabulary, text, source), model.config.cell
        name = first = stem if stem == cell else f"{stem}, {cell}"
        number = 1
        while name in flows:
            number += 1
            name = f"{first} ({number})"
        try:
            flows[name] = gradient_flow(model, read, losses=losses)
        except InputError as why:
            raise InputError(f"{subject.name}: {why}") from None
    trained, beside = len(flows), ""
    if trained == 1:
        fresh = fresh_flows(model, text, losses=losses)
        flows |= {f"fresh {cell}": flow for cell, flow in fresh}
        beside = "; the others are models of the same size that have learnt nothing"
    if not any(flow.rms.any() for flow in flows.values()):
        raise InputError("all gradients are zero: of one character alone there is nothing to learn")
    configs = [subject.checkpoint.model.config for subject in look.subjects]
    sizes = {f"{config.num_layers} × {config.hidden_size} units" for config in configs}
    size = sizes.pop() if len(sizes) == 1 else "several sizes"
    seq_length = max(subject.checkpoint.training.seq_length for subject in look.subjects)
    chart = _chart(flows, trained, size)
    title = f"{chart.title}: the norm of ∂loss(t)/∂state(t-k)"
    lead = f"{title}, on {source}{beside}"
    explanation = (
        f"Memory: the steps after which the gradient stays below {FORGOTTEN:.0%} of that at k=0; what happened "
        "before has next to no say in what is learnt. In training, gradients went back "
        f"{seq_length} steps at most (--seq-length)."
    )
    found = [
        {
            "name": name,
            "trained": number < trained,
            "memory": flow.memory,
            "factor": flow.factor,
            "rms": flow.rms,
            "low": flow.quantile(0.1),
            "high": flow.quantile(0.9),
            "layers": flow.parts,
        }
        for number, (name, flow) in enumerate(flows.items())
    ]
    return fig.Figure(
        title,
        (fig.Words(lead), chart, _table(flows, size), fig.Words(explanation)),
        {"source": source, "seq_length": seq_length, "gradients": found},
        chart.description,
        [chart],
    )


def _chart(flows: Mapping[str, GradientFlow], trained: int, size: str) -> fig.Chart:
    """A curve for each model, of trained ones with what lies around it."""
    lines = [_line(name, flow, n < trained) for n, (name, flow) in enumerate(flows.items())]
    heights = [y for line in lines for y in line.y]
    low, high = 10.0 ** math.floor(math.log10(min(heights))), 2 * max(heights)
    last = max(line.x[-1] for line in lines)
    forgotten = f"{FORGOTTEN:.0%}"
    told = "; ".join(f"{line.name} {line.told}" for line in lines)
    return fig.Chart(
        "gradients",
        "How far back a loss reaches",
        fig.Axis("steps back, k"),
        fig.Axis("share of k=0", log=True, low=low, high=high),
        "Norm of the gradient of a loss by the state of k steps before, against k, on a logarithmic axis. "
        f"Steps until it stays below {forgotten} of that at k = 0: {told}.",
        lines,
        [fig.Rule((0, FORGOTTEN), (last, FORGOTTEN), forgotten)],
        f"{size}:\nsteps until below {forgotten}",
        height=14,
    )


def _line(name: str, flow: GradientFlow, trained: bool) -> fig.Line:
    """The part of a curve between the bounds of the chart."""
    shares, start = flow.shares, flow.rms[0] or 1
    inside = (shares >= LOWEST) & (shares <= HIGHEST)
    stop = len(shares) if inside.all() else max(1, int(np.argmin(inside)))
    low, high = flow.quantile(0.1) / start, flow.quantile(0.9) / start
    cut = [np.clip(values[:stop], LOWEST, HIGHEST).tolist() for values in (shares, low, high)]
    band = (cut[1], cut[2]) if trained else None
    return fig.Line(name, range(stop), cut[0], band, trained, flow.memory_in_words)


def _table(flows: Mapping[str, GradientFlow], size: str) -> fig.Table:
    steps = [k for k in SHOWN if k < max(len(flow.norms) for flow in flows.values())]
    rows = []
    for name, flow in flows.items():
        factor = f"× {flow.factor:.3f}" if np.isfinite(flow.factor) else "-"
        shares = (_share(flow.shares[k]) if k < len(flow.norms) else "" for k in steps)
        rows.append((name, f"{flow.memory_in_words} steps", factor, *shares))
    heads = fig.figures("memory", "each step", *(f"k={k}" for k in steps))
    return fig.Table((fig.Column(size), *heads), rows)


def _share(value: float) -> str:
    if not np.isfinite(value):
        return "overflow"
    return f"{value:.3f}" if 0.001 <= value < 1000 else f"{value:.0e}"
