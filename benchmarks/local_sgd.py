"""What it costs to average weights every N steps, instead of gradients at each: local SGD in one process.

    python benchmarks/local_sgd.py CORPUS

Each rank has weights, running averages and columns of the batch of its own (Stich, arXiv 1805.09767). Every N steps
the ranks' weights and running averages become their means, which on machines is all that they would tell
each other. The batch of a rank stays the same, so more ranks take fewer steps for the same characters.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from batch_sizes import CHARACTERS, MODEL, USUAL_BATCH, configuration, rate_at
from measuring import HERE, say, table

from charrnn.config import TrainingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parallel import Shards, single_threaded_blas
from charrnn.nn.parameters import Array
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.training.division import divide
from charrnn.training.evaluation import evaluate
from charrnn.training.learner import Learner
from charrnn.training.plan import Plan
from charrnn.training.run import Progress

RANKS = (2, 4)
EVERY = (1, 4, 16, 64)  # steps between averages
PLACES = (1, 3)  # rates on the grid of batch_sizes.py: what suits one rank, and all of them
KEPT = HERE / "local_sgd.json"


def become_mean(vectors: Sequence[Array]) -> None:
    """Let each of some vectors be their mean, as an allreduce would leave them."""
    mean = np.mean(vectors, axis=0, dtype=np.float64)
    for vector in vectors:
        vector[...] = mean


def average(learners: Sequence[Learner]) -> None:
    """Let ranks agree on the weights and on the optimiser's running averages."""
    each = [learner.progress for learner in learners]
    become_mean([progress.weights for progress in each])
    for name in each[0].slots:
        become_mean([progress.slots[name] for progress in each])


def loss_of(corpus: Corpus, config: TrainingConfig, ranks: int, every: int) -> float:
    """The validation loss at the end of a run, in bits for each character.

    Args:
        config: Of the whole run; its batch is that of all ranks together.
        every: Steps between averages.
    """
    division, shards = divide(corpus, config), Shards(1)
    assert division.validation is not None
    plan = Plan(division.config, len(division.training))
    (rng,) = np.random.default_rng(config.seed).spawn(1)
    model = CharacterModel.fresh(MODEL, corpus.vocabulary, rng)
    network = model.network.compiled()
    parts = [
        slice(config.batch_size * r // ranks, config.batch_size * (r + 1) // ranks)
        for r in range(ranks)
    ]
    learners = [
        Learner(
            network,
            Progress.fresh(model, replace(config, batch_size=part.stop - part.start), [rng]),
            plan.config,
            shards,
        )
        for part in parts
    ]
    with single_threaded_blas(), np.errstate(all="ignore"):
        for step in range(plan.total_steps):
            chunk, rate = division.training.chunk(step), plan.rate(step)
            for learner, part in zip(learners, parts, strict=True):
                own = chunk.part(part)
                loss, norm = learner.look(own, own.extent)
                if not math.isfinite(loss + norm):
                    return math.inf
                learner.move(rate)
            if (step + 1) % every == 0 or step + 1 == plan.total_steps:
                average(learners)
        return bits(evaluate(network, learners[0].kept, division.validation, shards))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    corpus = load_corpus([parser.parse_args().corpus])
    known = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    rows = []
    for ranks in RANKS:
        batch = ranks * USUAL_BATCH
        # One rank with the whole batch is what averaging gradients at each step comes to.
        for parts, every in ((1, 1), *((ranks, every) for every in EVERY)):
            losses = []
            for place in PLACES:
                name = f"{parts} of {batch}, every {every}, rate {rate_at(place):.4f}"
                if name not in known:
                    config = configuration(corpus, batch, rate_at(place), CHARACTERS, seed=0)
                    known[name] = loss_of(corpus, config, parts, every)
                    KEPT.write_text(json.dumps(known, indent=1) + "\n")
                    say(f"{name}: {known[name]:.4f}")
                losses.append(known[name])
            what = "gradients, each step" if parts == 1 else f"weights, every {every}"
            shown = (f"{loss:.4f}" for loss in losses)
            rows.append((f"{ranks} × {USUAL_BATCH}", what, *shown))
    rates = (f"rate {rate_at(place):.3g}" for place in PLACES)
    print(table(("ranks × streams", "averaged", *rates), rows))


if __name__ == "__main__":
    main()
