"""Loss against batch size at a constant number of characters: where further machines stop paying.

    python benchmarks/batch_sizes.py CORPUS           # an hour on one core; every run is kept
    python benchmarks/batch_sizes.py CORPUS --table   # what is known so far, as Markdown

Data-parallel training of more ranks has a larger batch, and so fewer steps for the same characters. Each
batch size gets the learning rate that suits it, found by climbing on a grid of factors √2; warm-up,
evaluations and the averaging of weights are the same in characters, not in steps.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measuring import HERE, say, table

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import DivergenceError
from charrnn.nn.loss import bits
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.training.division import divide
from charrnn.training.reports import Recovery
from charrnn.training.trainer import Training

MODEL = ModelConfig(
    hidden_size=128, num_layers=1, dropout=0.0
)  # a text of a megabyte, read four times
SEQ_LENGTH, VAL_FRACTION = 50, 0.1
CHARACTERS = 4_000_000
SHORTER, SHORTER_BATCH = (
    1_000_000,
    256,
)  # how the critical batch size grows with a run; the largest batch of such a run
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
LENGTHS = (
    1 / 16,
    1 / 8,
    1 / 4,
    1 / 2,
)  # of a run of the smallest batch: what fewer characters would cost
SEEDS = 2  # of the rate that the first one finds best

USUAL_BATCH, USUAL_RATE, USUAL_EMA = 32, 0.02, 0.99  # what a budget chooses for this model
WARM_UP, EVALUATIONS = 0.05, 4  # a part of the run's characters; in all
OTHERWISE: tuple[tuple[int, dict[str, Any]], ...] = (
    (128, {"ema": USUAL_EMA}),
    (512, {"ema": USUAL_EMA}),
    (512, {"warmup": 31}),
    (1024, {"warmup": 16}),
)
"""What is not scaled with the batch: averaged weights, and a warm-up of a fifth of a run."""
KEPT = HERE / "batch_sizes.json"


def rate_at(place: int) -> float:
    """The grid of rates: √2 between neighbours, the usual one at 0."""
    return USUAL_RATE * 2 ** (place / 2)


def ema_of(batch: int) -> float:
    """The averaging of weights over as many characters as usual, whatever number of steps they make."""
    return float(USUAL_EMA ** (batch / USUAL_BATCH))


def configuration(
    corpus: Corpus, batch: int, rate: float, characters: int, seed: int
) -> TrainingConfig:
    """A run of so many characters: all that is told in steps follows from them."""
    sizes = TrainingConfig(
        batch_size=batch, seq_length=SEQ_LENGTH, val_fraction=VAL_FRACTION, steps=1
    )
    training = divide(corpus, sizes).training
    if training.columns != batch:
        raise SystemExit(f"this text cannot fill {batch} streams")
    steps = round(characters * len(training) / training.characters)
    return TrainingConfig(
        batch_size=batch,
        seq_length=SEQ_LENGTH,
        val_fraction=VAL_FRACTION,
        steps=steps,
        learning_rate=rate,
        schedule="trapezoid",
        warmup=round(WARM_UP * steps),
        ema=ema_of(batch),
        eval_every=math.ceil(steps / EVALUATIONS),
        patience=0,
        seed=seed,
        threads=1,
    )


def loss_of(corpus: Corpus, config: TrainingConfig) -> float:
    """The best validation loss of a run, in bits for each character; infinite where the rate was too high for it."""
    training = Training(corpus, MODEL, config)
    try:
        if any(isinstance(report, Recovery) for report in training):
            return math.inf
    except DivergenceError:
        return math.inf
    assert training.validation_loss is not None
    return bits(training.validation_loss)


class Runs:
    """Losses of runs, each of which is made once and then kept in a file."""

    def __init__(self, corpus: Corpus | None, path: Path) -> None:
        self._corpus, self._path = corpus, path
        self.losses: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def loss(
        self,
        batch: int,
        place: int,
        seed: int = 0,
        characters: int = CHARACTERS,
        **changed: Any,
    ) -> float:
        """That of a run, see :func:`configuration`; NaN where it was not made and there is no corpus to make it.

        Args:
            changed: Settings other than those.
        """
        name = f"batch {batch}, rate {rate_at(place):.4f}, {characters:,} characters, seed {seed}"
        name = ", ".join([name, *(f"{setting} {value:g}" for setting, value in changed.items())])
        if name not in self.losses:
            if self._corpus is None:
                return math.nan
            config = configuration(self._corpus, batch, rate_at(place), characters, seed)
            self.losses[name] = loss_of(self._corpus, replace(config, **changed))
            self._path.write_text(json.dumps(self.losses, indent=1) + "\n")
            say(f"{name}: {self.losses[name]:.4f}")
        return self.losses[name]

    def losses_of(self, batch: int, place: int) -> list[float]:
        """Those of all seeds, as far as they are known."""
        each = (self.loss(batch, place, seed) for seed in range(SEEDS))
        return [loss for loss in each if not math.isnan(loss)]


def climb(loss: Callable[[int], float], start: int) -> int:
    """The place whose neighbours are no better, looked for from ``start`` on."""
    best = start
    for direction in (1, -1):
        while loss(best + direction) < loss(best):
            best += direction
    return best


def best_places(runs: Runs, batches: Sequence[int] = BATCHES) -> dict[int, int]:
    """Of each batch the place of the rate that suits it, looked for from √2 times that of half the batch, by the first seed."""
    places, start = dict[int, int](), round(math.log2(batches[0] / USUAL_BATCH))
    for batch in batches:
        places[batch] = climb(partial(runs.loss, batch), start)
        start = places[batch] + 1
    return places


@dataclass(frozen=True)
class Critical:
    """What McCandlish et al. (arXiv 1812.06162) call the critical batch size, fitted to losses.

    With a batch of *B* a character is worth ``1 / (1 + B / size)`` of one in a tiny batch: a batch of this
    size needs twice the characters, for half as much again is then gained in steps.
    """

    size: float
    error: float  # the largest of its losses, relative to those measured

    @classmethod
    def fit(
        cls,
        lengths: Mapping[int, float],
        losses: Mapping[int, float],
        characters: int = CHARACTERS,
    ) -> Critical:
        """To the losses of the smallest batch after so many characters, and of each batch after ``characters``.

        Between two lengths the loss is taken as a power of the characters, and before the shortest as the same power as after it.
        """
        read, known = np.log(sorted(lengths.items())).T
        read = np.insert(read, 0, 2 * read[0] - read[1])
        known = np.insert(known, 0, 2 * known[0] - known[1])
        batches, smallest = np.array(list(losses)), min(losses)
        measured = np.log(list(losses.values()))

        def errors(size: float) -> Any:
            worth = characters * (1 + smallest / size) / (1 + batches / size)
            return np.interp(np.log(worth), read, known) - measured

        sizes = np.geomspace(smallest / 4, 64 * max(losses), 2000)
        size = min(sizes, key=lambda size: float(np.square(errors(size)).sum()))
        return cls(float(size), float(np.expm1(np.abs(errors(size))).max()))


def beyond(losses: Mapping[int, float], share: float) -> float:
    """The batch from which on the loss is higher than the lowest one by this share; infinite beyond the largest.

    Between two that were measured it is taken as linear in the log of the batch.
    """
    limit = (1 + share) * min(losses.values())
    last = max(batch for batch, loss in losses.items() if loss <= limit)
    larger = [batch for batch in sorted(losses) if batch > last]
    if not larger:
        return math.inf
    part = (limit - losses[last]) / (losses[larger[0]] - losses[last])
    return float(last * (larger[0] / last) ** part)


def by_length(runs: Runs, places: Mapping[int, int], characters: int) -> dict[int, float]:
    """What the smallest batch comes to with parts of these characters, by the first seed, as far as it is known."""
    batch = min(places)
    each = (round(part * characters) for part in (*LENGTHS, 1))
    losses = {length: runs.loss(batch, places[batch], characters=length) for length in each}
    return {length: loss for length, loss in losses.items() if not math.isnan(loss)}


def shorter(runs: Runs, places: Mapping[int, int]) -> dict[int, float]:
    """What batches that leave enough steps come to with ``SHORTER`` characters, by the first seed."""
    few = (batch for batch in places if batch <= SHORTER_BATCH)
    return {batch: runs.loss(batch, places[batch], characters=SHORTER) for batch in few}


def report(runs: Runs) -> str:
    """All that was measured, as Markdown."""
    places = best_places(runs)
    offsets = range(min(places.values()) - 2, max(places.values()) + 3)
    every = {batch: [runs.loss(batch, place) for place in offsets] for batch in places}
    rates = table(
        ("batch, first seed", *(f"{rate_at(place):.3g}" for place in offsets)),
        [
            (str(batch), *("" if math.isnan(v) else f"{v:.3f}" for v in values))
            for batch, values in every.items()
        ],
    )
    seeds = {batch: runs.losses_of(batch, place) for batch, place in places.items()}
    means = {batch: statistics.fmean(losses) for batch, losses in seeds.items()}
    rows = []
    for batch, place in places.items():
        spread = f" ± {statistics.stdev(seeds[batch]):.4f}" if len(seeds[batch]) > 1 else ""
        more = means[batch] / min(means.values()) - 1
        steps = round(CHARACTERS / batch / SEQ_LENGTH)
        shown = f"{means[batch]:.4f}{spread}"
        rows.append((str(batch), f"{steps:,}", f"{rate_at(place):.3g}", shown, f"{more:+.1%}"))
    header = ("batch", "steps", "best rate", "bits a character", "over the best")
    parts = [rates, table(header, rows)]
    fits = []
    for characters, losses in ((CHARACTERS, means), (SHORTER, shorter(runs, places))):
        lengths = by_length(runs, places, characters)
        if len(lengths) < 2 or math.isnan(sum(losses.values())):
            continue
        fit = Critical.fit(lengths, losses, characters)
        fits.append(
            (
                f"{characters:,}",
                ", ".join(f"{length:,}: {loss:.3f}" for length, loss in lengths.items()),
                ", ".join(f"{batch}: {loss:.3f}" for batch, loss in losses.items()),
                f"{fit.size:.0f}",
                f"{fit.error:.1%}",
            )
        )
    told = (
        "characters",
        f"batch {min(places)}, by characters",
        "losses by batch",
        "critical batch",
        "largest error",
    )
    parts.append(table(told, fits))
    parts += [
        f"Worse by {share:.0%} from a batch of {beyond(means, share):.0f} on.\n"
        for share in (0.01, 0.02, 0.05)
    ]
    others = [
        (
            f"{batch}, " + ", ".join(f"{setting} {value:g}" for setting, value in changed.items()),
            f"{runs.loss(batch, places[batch], **changed):.4f}",
            f"{runs.loss(batch, places[batch]):.4f}",
        )
        for batch, changed in OTHERWISE
    ]
    parts.append(table(("batch and setting, first seed", "bits a character", "without"), others))
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument(
        "--table", action="store_true", help="print what is known, and measure nothing"
    )
    arguments = parser.parse_args()
    runs = Runs(None if arguments.table else load_corpus([arguments.corpus]), KEPT)
    if not arguments.table:
        places = best_places(runs)
        by_length(runs, places, CHARACTERS)
        by_length(runs, places, SHORTER)
        shorter(runs, places)
        for batch, place in places.items():
            runs.losses_of(batch, place)
        for batch, changed in OTHERWISE:
            runs.loss(batch, places[batch], **changed)
    print(report(Runs(None, KEPT)))


if __name__ == "__main__":
    main()
