"""How well a model predicts a text that it was not trained on, and whether it learns another by heart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from charrnn.config import SearchConfig
from charrnn.errors import CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.models.reading import ChunkReader
from charrnn.models.rewriting import Rewriter
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.loss import bits, cross_entropy_
from charrnn.nn.parallel import Shards, single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.batches import Batches
from charrnn.text.chunks import Chunks
from charrnn.text.tagging import Scheme
from charrnn.training.division import Division
from charrnn.training.figures import Counting, Figures
from charrnn.training.run import CorpusInfo, Evaluation
from charrnn.words import printable

OVERFITTED = 1.02  # times the best validation loss; a lower training loss is then learnt by heart
MOST_FILES = 10  # whose losses are told
MOST_REWRITTEN = 1000  # sources of which targets are made at each evaluation


def evaluate(network: Network, params: Parameters, text: Chunks, shards: Shards) -> float:
    """Mean negative log-likelihood in nats for each character, read from left to right.

    Numbers that are not finite make it infinite or NaN: whoever trains goes back then.
    """
    return evaluate_files(network, params, text, shards, None, 0)[0]


def evaluate_files(
    network: Network,
    params: Parameters,
    text: Chunks,
    shards: Shards,
    files: Chunks | None,
    count: int,
) -> tuple[float, tuple[float | None, ...]]:
    """That of a text, and of each of the ``count`` files that it is from; None of one that has no part.

    Args:
        files: The chunks of the text, with the numbers of files instead of ids.
    """

    def score(_index: int, columns: slice, workspace: Workspace) -> tuple[float, Array]:
        width, total = columns.stop - columns.start, 0.0
        each = np.zeros((2, count))  # nats and characters
        reader = ChunkReader(network, params, width, workspace=workspace, checked=False)
        for index in range(len(text)) if width else ():
            chunk = text.chunk(index, columns)
            logits = reader.read(chunk.inputs, fresh=chunk.fresh, labels=chunk.labels)
            nats = cross_entropy_(logits, chunk.targets)
            counted = True if chunk.counted is None else chunk.counted
            total += float(nats.sum(where=counted, dtype=np.float64))
            if files is not None:
                taken = np.ones(nats.shape, np.bool_) if chunk.counted is None else chunk.counted
                numbers = files.chunk(index, columns).targets[taken]
                for row, weights in zip(each, (nats[taken], None), strict=True):
                    row += np.bincount(numbers, weights, count)
        return total, each

    totals, several = zip(*shards.map(score, text.columns), strict=True)
    nats, characters = sum(several)
    losses = [n / c if c else None for n, c in zip(nats.tolist(), characters.tolist(), strict=True)]
    return sum(totals) / text.characters, tuple(losses)


def grade(
    network: Network, params: Parameters, texts: Batches, shards: Shards, scheme: Scheme | None
) -> tuple[float | None, Figures]:
    """What comes of texts whose labels are known, or, with a scheme, whose tags are; the mean loss for itself.

    Numbers that are not finite make that infinite or NaN: whoever trains goes back then.
    """

    def answer(shard: int, _columns: slice, workspace: Workspace) -> Counting:
        counting = Counting(scheme)
        for index in range(shard, len(texts), shards.count):
            chunk = texts.chunk(index)
            zero = network.zero_state(len(chunk.fresh), params.flat.dtype)
            logits, _ = network.logits(params, chunk.inputs, zero, workspace, None, chunk.lengths)
            answered = logits.argmax(axis=0)
            nats = cross_entropy_(logits, chunk.targets)
            counted = True if chunk.counted is None else chunk.counted
            counting.losses(float(nats.sum(where=counted, dtype=np.float64)), chunk.predictions)
            if scheme is None:
                counting.labels(chunk.targets[0], answered[0])
            else:
                each = [
                    (column, slice(length)) for column, length in enumerate(chunk.known_lengths)
                ]
                counting.tags(
                    [chunk.targets[steps, column] for column, steps in each],
                    [answered[steps, column] for column, steps in each],
                )
        return counting

    first, *others = shards.map(answer, texts.columns)
    for other in others:
        first.add(other)
    return first.loss, first.result()


def grade_pairs(
    model: CharacterModel, texts: Batches, shards: Shards
) -> tuple[float | None, Figures]:
    """What comes of sources whose targets are known, and the mean loss of their symbols for itself.

    The loss is that of all; at most ``MOST_REWRITTEN`` are rewritten, greedily, to be held against their targets, each of which is right.
    """
    network, params = model.network, model.parameters
    assert isinstance(network, Seq2Seq)

    def loss_of(shard: int, _columns: slice, workspace: Workspace) -> float:
        total = 0.0
        for index in range(shard, len(texts), shards.count):
            chunk = texts.chunk(index)
            nats = network.nats(params, chunk, workspace)
            assert chunk.counted is not None
            total += float(nats.sum(where=chunk.counted, dtype=np.float64))
        return total

    def rewrite(shard: int, _columns: slice, _workspace: Workspace) -> Counting | None:
        counting, some = Counting(), pairs[shard :: shards.count]
        sources = [model.vocabulary.decode(source) for source, _ in some]
        try:
            made = Rewriter([model], threads=1, search=SearchConfig(beam=1))(sources)
        except CheckpointError:  # it overflows when it goes on from what it writes itself
            return None
        for (_, targets), found in zip(some, made, strict=True):
            counting.rewritten([target.tolist() for target in targets], list(found[0].symbols))
        return counting

    loss = sum(shards.map(loss_of, texts.columns)) / texts.predictions
    counting, pairs = Counting(), texts.sources(MOST_REWRITTEN)
    if math.isfinite(loss):  # else who trains goes back
        for part in shards.map(rewrite, texts.columns):
            if part is None:
                return math.inf, Counting().result()
            counting.add(part)
        counting.losses(loss * texts.predictions, texts.predictions)
    return loss, counting.result()


def validate(
    model: CharacterModel, division: Division, parts: int, shards: Shards
) -> tuple[float | None, tuple[float | None, ...], Figures | None]:
    """Of what a division keeps for validation: the loss, if there is one; those of its files, if there are several; and how right answers are.

    Args:
        parts: Files that the corpus is from.
    """
    network, params, graded = model.network, model.parameters, division.graded
    with single_threaded_blas():
        if graded is not None and graded.rewrites:
            loss, figures = grade_pairs(model, graded, shards)
            return loss, (), figures
        if graded is not None:
            scheme = Scheme(model.labels.names) if model.config.learns.aligned else None
            loss, figures = grade(network, params, graded, shards, scheme)
            return loss, (), figures
        text = division.validation
        if text is None:
            return None, (), None
        if division.files is None:
            return evaluate(network, params, text, shards), (), None
        return *evaluate_files(network, params, text, shards, division.files, parts), None


def is_overfitted(evaluation: Evaluation, history: Sequence[Evaluation]) -> bool:
    """Whether it is clearly worse than the best one before, but better on what was trained on."""
    return overfits_beside(evaluation, best_evaluation(history))


def overfits_beside(evaluation: Evaluation, best: Evaluation | None) -> bool:
    """The same, where the best one before is known."""
    if best is None or best.validation_loss is None or evaluation.validation_loss is None:
        return False
    worse = evaluation.validation_loss > OVERFITTED * best.validation_loss
    return worse and evaluation.train_loss < best.train_loss


def best_evaluation(history: Sequence[Evaluation], by: str = "loss") -> Evaluation | None:
    """The one of the kept weights, if there has been one on text kept for validation.

    Args:
        by: What they are chosen by: ``loss``, ``accuracy`` or ``f1``.
    """
    validated = [(value, e) for e in history if (value := e.falling(by)) is not None]
    return min(validated, key=lambda pair: pair[0])[1] if validated else None


def file_losses(corpus: CorpusInfo, evaluation: Evaluation | None) -> str:
    """The validation loss of each file in bits, if there are several: the highest ones of many."""
    pairs = zip(corpus.names, evaluation.file_losses if evaluation else (), strict=False)
    known = [(loss, name) for name, loss in pairs if loss is not None]
    more = ""
    if len(known) > MOST_FILES:
        known.sort(reverse=True)
        more = f" and {len(known) - MOST_FILES} more, each lower"
    told = [f"{printable(name)} {bits(loss):.4f}" for loss, name in known[:MOST_FILES]]
    return ", ".join(told) + more
