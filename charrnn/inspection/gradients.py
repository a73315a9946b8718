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
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.config import CELLS
from charrnn.drawing.figure import PAGE, Axis, Chart, Column, Figure, Line, Rule, Table, Words
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.models.reading import ChunkReader, starts_in
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, available_processors, single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Scratch, Workspace

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
        return _rms(self.norms)

    @property
    def shares(self) -> Array:
        """``(K+1,)``, ``rms`` by its value at k = 0."""
        rms = self.rms
        return rms / (rms[0] or 1)

    def quantile(self, fraction: float) -> Array:
        """``(K+1,)``, below which that fraction of the steps t lies."""
        with np.errstate(all="ignore"):
            quantile: Array = np.nanquantile(self.norms, fraction, axis=-1)
        return quantile

    @property
    def memory(self) -> int | None:
        """The k from which on the gradient stays below a hundredth of that at k = 0; None if beyond K."""
        last = int(max(np.flatnonzero(~(self.shares < FORGOTTEN)), default=0))
        return None if last == len(self.norms) - 1 else last + 1

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
        text: What is read; the steps t are spread over it.
        steps: How far to go back, *K*, at most.
        losses: Number of steps t, *N*, at most.

    Raises:
        InputError: There is no text.
        UnknownCharacterError: It has a character that the model does not know.
        CheckpointError: The model's numbers overflow while it reads.
    """
    if not text:
        raise InputError("there is no text to go back through")
    network = model.network
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
    width = max(1, MEMORY // shards.count // (K * _bytes_per_step(network)))

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
    """The same of a model of the same size for each kind of cell, as it is before it learns.

    Args:
        rng: Draws the models.

    Yields:
        The cell's name and its measurement.
    """
    rng = np.random.default_rng(rng)
    for cell in CELLS:
        config = replace(model.config, cell=cell)
        fresh = CharacterModel.fresh(config, model.vocabulary, rng)
        yield cell, gradient_flow(fresh, text, steps=steps, losses=losses)


def state_gradients(
    network: LanguageModel,
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
    reader, last = ChunkReader(network, params, ids.shape[1]), len(ids) - 1
    reader.state = state
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
        above = np.zeros(
            (network.config.hidden_size, *symbols.shape), dtype
        )  # no other step has a loss
        _, gradient = network.stack.backward(params, unused, above, gradient, workspace)
        yield gradient


def _bytes_per_step(network: LanguageModel) -> int:
    """What the largest cell keeps of one step and column: gates, h and c before and after, tanh c."""
    config = network.config
    layers = 10 * config.num_layers * config.hidden_size
    return 8 * (layers + config.embedding_size + network.vocabulary_size)


def _rms(values: Array) -> Array:
    """Root mean square over the last axis, of what is there."""
    with np.errstate(all="ignore"):
        mean: Array = np.sqrt(np.nanmean(np.square(values), axis=-1))
    return mean


def view(look: Look) -> Figure:
    """The models that were named, a single one beside others that have learnt nothing."""
    text, source = look.text(MOST)
    losses = look.scaled(LOSSES, 4)
    flows: dict[str, GradientFlow] = {}
    for subject in look.subjects:
        model, stem = subject.checkpoint.model, subject.path.stem
        read, cell = look.known(model.vocabulary, text, source), model.config.cell
        name = _free(stem if stem == cell else f"{stem}, {cell}", flows)
        flows[name] = gradient_flow(model, read, losses=losses)
    trained = len(flows)
    if trained == 1:
        fresh = fresh_flows(model, text, losses=losses)
        flows |= {f"fresh {cell}": flow for cell, flow in fresh}
    if not any(flow.rms.any() for flow in flows.values()):
        raise InputError("all gradients are zero: of one character alone there is nothing to learn")
    configs = [subject.checkpoint.model.config for subject in look.subjects]
    sizes = {f"{config.num_layers} × {config.hidden_size} units" for config in configs}
    size = sizes.pop() if len(sizes) == 1 else "several sizes"
    seq_length = max(subject.checkpoint.training.seq_length for subject in look.subjects)
    chart = _chart(flows, trained, size)
    beside = "The others are models of the same size that have learnt nothing."
    title = f"{chart.title}: the norm of ∂loss(t)/∂state(t-k)"
    return Figure(
        title,
        (
            Words(f"{title}, on {source}"),
            *([Words(beside, on=PAGE)] if trained < len(flows) else []),
            chart,
            _table(flows, size),
            Words(
                f"Memory: the steps after which the gradient stays below {FORGOTTEN:.0%} of that at k=0; "
                "what happened before has next to no say in what is learnt. In training, gradients went "
                f"back {seq_length} steps at most (--seq-length)."
            ),
        ),
        {
            "source": source,
            "seq_length": seq_length,
            "gradients": [
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
            ],
        },
        chart.description,
        picture=(chart,),
    )


def _free(name: str, taken: Container[str]) -> str:
    """The name, or another one that is not taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _chart(flows: Mapping[str, GradientFlow], trained: int, size: str) -> Chart:
    """A curve for each model, of trained ones with what lies around it."""
    lines = [_line(name, flow, n < trained) for n, (name, flow) in enumerate(flows.items())]
    heights = [y for line in lines for y in line.y]
    low, high = 10.0 ** math.floor(math.log10(min(heights))), 2 * max(heights)
    last = max(line.x[-1] for line in lines)
    told = "; ".join(f"{line.name} {line.told}" for line in lines)
    return Chart(
        "gradients",
        "How far back a loss reaches",
        Axis("steps back, k"),
        Axis("share of k=0", log=True, low=low, high=high),
        lines,
        "Norm of the gradient of a loss by the state of k steps before, against k, on a logarithmic axis. "
        f"Steps until it stays below {FORGOTTEN:.0%} of that at k = 0: {told}.",
        rules=(Rule((0, FORGOTTEN), (last, FORGOTTEN), f"{FORGOTTEN:.0%}"),),
        legend=f"{size}:\nsteps until below {FORGOTTEN:.0%}",
        height=14,
    )


def _line(name: str, flow: GradientFlow, trained: bool) -> Line:
    """The part of a curve between the bounds of the chart."""
    shares, start = flow.shares, flow.rms[0] or 1
    inside = (shares >= LOWEST) & (shares <= HIGHEST)
    stop = len(shares) if inside.all() else max(1, int(np.argmin(inside)))

    def cut(values: Array) -> list[float]:
        clipped: list[float] = np.clip(values[:stop], LOWEST, HIGHEST).tolist()
        return clipped

    band = cut(flow.quantile(0.1) / start), cut(flow.quantile(0.9) / start)
    return Line(
        name,
        list(range(stop)),
        cut(shares),
        band if trained else None,
        strong=trained,
        told=f"over {len(shares) - 1}" if flow.memory is None else str(flow.memory),
    )


def _table(flows: Mapping[str, GradientFlow], size: str) -> Table:
    steps = [k for k in SHOWN if k < max(len(flow.norms) for flow in flows.values())]
    columns = (size, "memory", "each step", *(f"k={k}" for k in steps))
    rows = []
    for name, flow in flows.items():
        last, shares = len(flow.norms) - 1, flow.shares
        rows.append(
            (
                name,
                f"{flow.memory} steps" if flow.memory is not None else f"over {last}",
                f"× {flow.factor:.3f}" if np.isfinite(flow.factor) else "-",
                *(_share(shares[k]) if k <= last else "" for k in steps),
            )
        )
    return Table([Column(head, figures=n > 0) for n, head in enumerate(columns)], rows)


def _share(value: float) -> str:
    if not np.isfinite(value):
        return "overflow"
    return f"{value:.3f}" if 0.001 <= value < 1000 else f"{value:.0e}"
