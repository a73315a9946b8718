"""What data-parallel training on several machines can reach, on paper: tables on standard output.

    python benchmarks/machines.py

Units are seconds, bytes, and operations (a multiplication or an addition). All ranks take a step
together: each computes the gradient of its streams, one allreduce adds the gradients up, each makes the same
update. By recursive halving and doubling (Thakur, Rabenseifner, Gropp 2005) that takes 2 log2 R messages
of each of R ranks, which sends and receives 2 (R - 1) / R times the gradient, and adds half as much.
`node_speed.py` measures what a machine puts into the model.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from measuring import table

from charrnn.config import ModelConfig
from charrnn.models.network_for import network_for
from charrnn.training.cost import Cost

FLOAT = 4  # bytes of a number
FORWARD, BACKWARD = 2, 4  # operations for each weight that a character is multiplied with
UPDATE_PASSES = 9
"""Over a vector as long as the weights: weights, both averages of Adam and the averaged weights are read and written, the gradient is read."""
SHARD_PASSES = 3  # over each thread's own gradient: set to zero, added to, added up
BESIDE = 1.6
"""Packing weights, reading them, and narrow products: by `node_speed.py` a thread makes 51, 70, 84, 92 and 97 % of its most with 2, 4, 8, 16 and
32 streams of an LSTM of 2 x 512, and 48, 68, 87, 94 and 97 % of one of 2 x 128, where ``B / (B + 1.6)`` has 56, 71, 83, 91 and 95."""


@dataclass(frozen=True)
class Net:
    """What of a model decides a step's cost."""

    parameters: int
    weights: float  # that a character is multiplied with on its way to an answer
    lower: float  # those of all layers but the highest: their backward pass is what an allreduce can hide behind

    @classmethod
    def of(cls, model: ModelConfig, vocabulary: int) -> Net:
        """Of a stack of recurrent layers that reads one-hot characters."""
        shapes = network_for(model, vocabulary, 0).parameter_shapes().values()
        cost = Cost.of(model, vocabulary)
        one_less = replace(model, num_layers=max(1, model.num_layers - 1))
        readout = vocabulary * model.hidden_size
        lower = Cost.of(one_less, vocabulary).weights - readout if model.num_layers > 1 else 0.0
        return cls(sum(map(math.prod, shapes)), cost.weights, lower)

    @property
    def bytes(self) -> int:
        """Of its gradient."""
        return FLOAT * self.parameters


@dataclass(frozen=True)
class Node:
    """A machine, or the part of one that a rank has."""

    threads: int
    flops: float  # operations a second in training steps of very many streams, all threads together
    memory: float = math.inf  # bytes a second, read or written
    beside: float = BESIDE  # streams whose time a step of each thread takes beside its own


@dataclass(frozen=True)
class Link:
    """What joins the nodes, each of which sends and receives at once."""

    bandwidth: float = math.inf  # bytes a second, each way
    latency: float = 0.0  # seconds of a message, however short it is


def compute_seconds(net: Net, node: Node, streams: float, length: int) -> float:
    """Forward and backward pass of so many streams of ``length`` characters: ``6 weights length (streams + 1.6 threads) / flops``."""
    busy = streams + node.beside * node.threads
    return (FORWARD + BACKWARD) * net.weights * busy * length / node.flops


def update_seconds(net: Net, node: Node) -> float:
    """Adding up the threads' gradients, and the optimiser: ``(3 threads + 9) bytes / memory``."""
    return (SHARD_PASSES * node.threads + UPDATE_PASSES) * net.bytes / node.memory


def allreduce_seconds(size: float, ranks: int, link: Link, memory: float = math.inf) -> float:
    """Of ``size`` bytes: ``2 ceil(log2 R) latency + (R - 1) / R size (2 / bandwidth + 3 / memory)``.

    The last term is that of adding: two numbers are read for each that is written.
    """
    part = (ranks - 1) / ranks * size
    messages = 2 * math.ceil(math.log2(ranks))
    return messages * link.latency + part * (2 / link.bandwidth + 3 / memory)


def balance(node: Node, link: Link) -> float:
    """Characters of a step (those of 1.6 streams for each thread among them) with which many ranks' allreduce takes as long as the arithmetic.

    Both grow with the weights, so that these drop out: ``6 weights n / flops = 2 * 4 weights / bandwidth``, but for
    latency, and weights that a character looks up. With *k* times as many the efficiency is ``k / (k + 1)``.
    """
    return 2 * FLOAT * node.flops / ((FORWARD + BACKWARD) * link.bandwidth)


def agreed_bytes(net: Net, every: int, slots: int = 3) -> float:
    """What an agreement is about: the gradient at each step, else weights and the optimiser's ``slots`` averages."""
    return net.bytes * (1.0 if every == 1 else 1.0 + slots)


@dataclass(frozen=True)
class Step:
    """A step of one rank among several, in seconds.

    Attributes:
        compute: Forward and backward pass.
        update: What else a single rank has to do.
        communication: Of an allreduce, divided by the steps between two.
        hidden: Of the communication at most, if the highest layer's gradient were sent while the lower layers go
            back: ``min(communication, backward of the lower layers)``.
    """

    compute: float
    update: float
    communication: float
    hidden: float = 0.0

    @property
    def seconds(self) -> float:
        """From one update to the next."""
        return self.compute + self.update + self.communication

    @property
    def overlapped(self) -> float:
        """The same at best, see ``hidden``."""
        return self.seconds - self.hidden


def step(
    net: Net, node: Node, link: Link, ranks: int, streams: float, length: int, every: int = 1
) -> Step:
    """A step of ``streams`` streams on each rank, which agree every so many steps."""
    compute = compute_seconds(net, node, streams, length)
    size = agreed_bytes(net, every)
    communication = allreduce_seconds(size, ranks, link, node.memory) / every
    backward = compute * BACKWARD / (FORWARD + BACKWARD) * net.lower / net.weights
    hidden = min(communication, backward) if every == 1 else 0.0
    return Step(compute, update_seconds(net, node), communication, hidden)


def efficiency(alone: Step, several: Step, *, share: float = 1.0) -> float:
    """The characters a second that each rank makes, over those of a rank alone.

    Args:
        share: Of its streams that a rank has among several: 1 where the batch grows with them, 1 / R where it is divided.
    """
    return share * alone.seconds / several.seconds


def sooner(efficient: float, ranks: int, streams: float, critical: float) -> float:
    """How many times sooner ranks come to the loss that one of them comes to alone, each with ``streams`` streams.

    They read ``efficient * ranks`` times the characters in a second, of which each is worth ``1 / (1 + B / critical)`` with a
    batch of B (McCandlish et al., arXiv 1812.06162): never more than ``1 + critical / streams`` times.

    Args:
        critical: Critical batch size, as `batch_sizes.py` measures it.
    """
    return efficient * ranks * (1 + streams / critical) / (1 + ranks * streams / critical)


def best_batch(threads: int, critical: float, beside: float = BESIDE) -> float:
    """The batch with which so many threads come to a loss soonest: ``sqrt(beside threads critical)``.

    It is where ``B / ((B + beside threads) (1 + B / critical))`` is highest: a narrow one is slow, a wide one wasted.
    """
    return math.sqrt(beside * threads * critical)


def predicted(
    alone: float,
    parameters: int,
    ranks: int,
    link: Link,
    memory: float = math.inf,
    every: int = 1,
    slots: int = 3,
) -> Step:
    """What a step of several ranks should take, from what one takes alone: to be held against a measured one.

    Args:
        alone: Measured seconds of a step of one rank *on the cores that it has when there are several*, with the
            streams that it has then. Ranks that share cores share their speed.
        parameters: Of the model, float32.
        link: Measured as well: of ranks on one machine memory is the network, some 5e9 bytes a second and 1e-6 seconds.
        slots: Vectors beside the weights that are averaged where ``every`` is more than 1.
    """
    size = agreed_bytes(Net(parameters, 0.0, 0.0), every, slots)
    return Step(alone, 0.0, allreduce_seconds(size, ranks, link, memory) / every)


def waiting(spread: float, ranks: int) -> float:
    """By how much the slowest of several ranks takes longer than their mean, where the log of a step's time is normal.

    Args:
        spread: Standard deviation of that log.

    Returns:
        The factor ``exp(spread z - spread² / 2)``, with the z that a normal variable exceeds once in so many (Blom 1958).
    """
    if ranks == 1:
        return 1.0
    z = statistics.NormalDist().inv_cdf((ranks - 0.375) / (ranks + 0.25))
    return math.exp(spread * z - spread**2 / 2)


def simulated(
    one: Step,
    size: float,
    ranks: int,
    link: Link,
    spread: float,
    steps: int,
    memory: float = math.inf,
    every: int = 1,
    seed: int = 0,
) -> float:
    """Mean seconds of a step where ranks' times jitter, message by message.

    Each rank has a clock. Its step adds compute and update times a factor whose log is normal and whose mean is 1. In an
    exchange both partners begin when the later one is there.

    Args:
        one: A step of which ``communication`` is not used.
        size: Bytes that are agreed on.
        ranks: A power of two.
        spread: Standard deviation of the log of a rank's times.
    """
    rounds = ranks.bit_length() - 1
    if ranks != 1 << rounds:
        raise ValueError(f"recursive halving of {ranks} ranks, which are no power of two")
    rng, number = np.random.default_rng(seed), np.arange(ranks)
    clocks = np.zeros(ranks)
    halves = [size / 2 ** (k + 1) for k in range(rounds)]
    exchanges = [(1 << k, half, 3 / memory) for k, half in enumerate(halves)]  # reduce-scatter
    exchanges += [(apart, half, 0.0) for apart, half, _ in reversed(exchanges)]  # allgather
    for number_of_step in range(1, steps + 1):
        factors = np.exp(spread * rng.standard_normal(ranks) - spread**2 / 2)
        clocks += (one.compute + one.update) * factors
        for apart, half, adding in exchanges if number_of_step % every == 0 else ():
            both = np.maximum(clocks, clocks[number ^ apart])
            clocks = both + link.latency + half * (1 / link.bandwidth + adding)
    return float(clocks.max()) / steps


SMALL = Node(threads=2, flops=210e9, memory=20e9)
"""Two cores of a server, an AMD EPYC (Zen 4), as measured: docs/measurements.md has its 10,454 characters a
second of an LSTM of 2 x 512 and 32 streams a thread, which are 200 GFLOP/s."""
CORES, SCALED = 64, 0.75
LARGE = Node(threads=CORES, flops=CORES / 2 * SCALED * SMALL.flops, memory=250e9)
"""A whole server of such cores. Where all of them multiply their clock is lower, and they share its memory: SCALED
of 32 times the arithmetic is assumed, and 250 GB/s of 12 channels of memory."""
LINKS = {"10 Gbit/s": Link(10e9 / 8, 30e-6), "100 Gbit/s": Link(100e9 / 8, 3e-6)}
"""A message takes some 30 µs through the kernel's TCP and a switch, some 3 µs where cards write to each other's memory
(InfiniBand, RoCE), which is what is sold with 100 Gbit/s."""
HIDDEN, LAYERS, VOCABULARY, LENGTH = (512, 1024, 2048), 2, 100, 100
NODES = (2, 4, 8, 16, 32, 64, 128, 256)
STREAMS, ALL_STREAMS = (
    {SMALL: 64, LARGE: 16 * CORES},
    2048,
)  # of each node; of all where they are divided
EVERY = (1, 4, 16, 64)
CRITICAL = (100, 1_000, 10_000)  # batch sizes
SPREADS, SIMULATED = (0.02, 0.05, 0.1), 2000  # of the log of a step's time; steps


def nets() -> dict[int, Net]:
    """Those of the tables, by their hidden size."""
    return {
        size: Net.of(ModelConfig(hidden_size=size, num_layers=LAYERS), VOCABULARY)
        for size in HIDDEN
    }


def percent(value: float) -> str:
    return f"{100 * value:.0f}"


def efficiencies(node: Node, *, weak: bool) -> str:
    """By net, link and nodes, in per cent; in brackets with all hidden that could be."""
    rows = []
    for size, net in nets().items():
        for name, link in LINKS.items():
            row = [f"{size}, {name}"]
            for count in NODES:
                each = STREAMS[node] if weak else ALL_STREAMS / count
                several = step(net, node, link, count, each, LENGTH)
                alone = step(net, node, link, 1, each if weak else ALL_STREAMS, LENGTH)
                share = 1.0 if weak else 1 / count
                best = share * alone.seconds / several.overlapped
                row.append(f"{percent(efficiency(alone, several, share=share))} ({percent(best)})")
            rows.append(row)
    return table(("H, network", *map(str, NODES)), rows)


def seconds(node: Node, count: int) -> str:
    """The parts of a step, in milliseconds, where each node has the streams that suit it."""
    rows = []
    for size, net in nets().items():
        for name, link in LINKS.items():
            it = step(net, node, link, count, STREAMS[node], LENGTH)
            parts = (it.compute, it.update, it.communication, it.hidden, it.seconds)
            size_of = f"{net.bytes / 1e6:.1f}"
            rows.append([f"{size}, {name}", size_of, *(f"{1000 * part:.1f}" for part in parts)])
    header = (
        "H, network",
        "gradient, MB",
        "compute",
        "update",
        "allreduce",
        "hidden at most",
        "step",
    )
    return table(header, rows)


def agreeing(node: Node, count: int, streams: float) -> str:
    """Efficiency where ranks agree every so many steps, in per cent."""
    rows = []
    for size, net in nets().items():
        for name, link in LINKS.items():
            alone = step(net, node, link, 1, streams, LENGTH)
            several = (step(net, node, link, count, streams, LENGTH, every) for every in EVERY)
            rows.append([f"{size}, {name}", *(percent(efficiency(alone, it)) for it in several)])
    return table(("H, network", *(f"N = {every}" for every in EVERY)), rows)


def sooner_by(node: Node, link: Link, hidden_size: int = HIDDEN[0]) -> str:
    """How many times sooner nodes come to a loss, by the critical batch size."""
    net, each = nets()[hidden_size], STREAMS[node]
    alone = step(net, node, link, 1, each, LENGTH)
    several = {count: step(net, node, link, count, each, LENGTH) for count in NODES}
    rows = []
    for critical in CRITICAL:
        times = (
            sooner(efficiency(alone, it), count, each, critical) for count, it in several.items()
        )
        rows.append([f"{critical:,}", *(f"{value:.1f}" for value in times)])
    return table(("critical batch", *map(str, NODES)), rows)


def waited(counts: Sequence[int] = NODES) -> str:
    """How much longer steps are where they jitter, simulated, and by the closed form in brackets, in per cent."""
    one, rows = Step(1.0, 0.0, 0.0), []
    for spread in SPREADS:
        for every in (1, 16):
            row = [f"{percent(spread)} %, N = {every}"]
            for count in counts:
                told = simulated(one, 0.0, count, Link(), spread, SIMULATED, every=every)
                closed = waiting(spread / math.sqrt(every), count)
                row.append(f"{100 * (told - 1):.1f} ({100 * (closed - 1):.1f})")
            rows.append(row)
    return table(("spread", *map(str, counts)), rows)


def main() -> None:
    for name, node in (("2 cores", SMALL), ("64 cores", LARGE)):
        each = STREAMS[node]
        print(f"## Nodes of {name}\n\nA step of 16 nodes with {each} streams each, milliseconds:\n")
        print(seconds(node, 16))
        print(
            f"Efficiency in per cent, {each} streams a node, so that the batch grows with the nodes:\n"
        )
        print(efficiencies(node, weak=True))
        print(f"Efficiency in per cent, {ALL_STREAMS} streams in all:\n")
        print(efficiencies(node, weak=False))
        print(f"How many times sooner they come to a loss, {each} streams a node, 10 Gbit/s:\n")
        print(sooner_by(node, LINKS["10 Gbit/s"]))
        print(f"64 nodes with {each} streams each that agree every N steps, per cent:\n")
        print(agreeing(node, 64, each))
    rows = [
        [name, *(f"{balance(node, link):,.0f}" for link in LINKS.values())]
        for name, node in (("2 cores", SMALL), ("64 cores", LARGE))
    ]
    print(
        "Characters a step on each node with which the allreduce takes as long as the arithmetic:\n"
    )
    print(table(("nodes of", *LINKS), rows))
    print("## Waiting\n\nBy how much a step is longer than a rank's mean, per cent:\n")
    print(waited())


if __name__ == "__main__":
    main()
