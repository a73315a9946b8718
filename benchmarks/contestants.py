"""The same work done by charrnn and by PyTorch, each imported only where it is asked for.

A contestant is made for a shape and then called: each call is one training step, or ``WRITTEN``
characters in each of the texts that are written. Both models see one-hot characters of a vocabulary of 65, as
in tinyshakespeare; a PyTorch model gets them as rows of an identity matrix.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

VOCABULARY = 65
TEMPERATURE = 0.8
WRITTEN = 16
SCORED = 1 << 19  # as many characters as `charrnn score` reads at once
PREDICTED = 20_000  # texts
LABELS, SOUNDS = 18, 40
REWRITTEN, SOME_STEPS = 4_000, 160  # words; of training before they are rewritten
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

STEPS_ALONE: dict[str, Any] = {
    "epochs": 1000,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "ema": 0.0,
    "val_fraction": 0.0,
    "eval_every": 1 << 40,
}
"""Settings of a run that takes the steps that PyTorch takes here, and does nothing else."""

Call = Callable[[], Any]


def charrnn_training(cell: str, shape: list[int], threads: int = THREADS) -> Call:
    """Forward, loss, backward, clip and Adam on a chunk of random text."""
    import numpy as np

    import charrnn

    hidden_size, num_layers, seq_length, batch_size = shape
    characters = max(100_000, 20 * seq_length * batch_size)
    codes = np.random.default_rng(0).integers(33, 33 + VOCABULARY, characters)
    training = charrnn.Training(
        charrnn.Corpus.from_text("".join(map(chr, codes))),
        charrnn.ModelConfig(cell, hidden_size, num_layers, dropout=0.0),
        charrnn.TrainingConfig(
            seq_length=seq_length,
            batch_size=batch_size,
            threads=min(threads, batch_size),
            **STEPS_ALONE,
        ),
    )
    return iter(training).__next__


def torch_training(
    cell: str, shape: list[int], threads: int = THREADS, compiled: bool = False
) -> Call:
    """The same step: ``torch.nn.LSTM/GRU/RNN``, a linear layer, cross-entropy, clip, Adam.

    Args:
        compiled: Whether the forward pass and the loss go through ``torch.compile``.
    """
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    hidden_size, num_layers, seq_length, batch_size = shape
    recurrent = getattr(nn, cell.upper())(VOCABULARY, hidden_size, num_layers)
    linear = nn.Linear(hidden_size, VOCABULARY)
    parameters = [*recurrent.parameters(), *linear.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    one_hot = torch.eye(VOCABULARY)
    ids = torch.randint(VOCABULARY, (seq_length, batch_size))
    targets = torch.randint(VOCABULARY, (seq_length * batch_size,))
    zeros = torch.zeros(num_layers, batch_size, hidden_size)
    state: Any = (zeros, zeros) if cell == "lstm" else zeros

    def look(state: Any) -> Any:
        h, state = recurrent(one_hot[ids], state)
        return nn.functional.cross_entropy(linear(h).flatten(0, 1), targets), state

    if compiled:
        look = torch.compile(look)

    def step() -> None:
        nonlocal state
        loss, state = look(state)
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def charrnn_sampling(cell: str, shape: list[int]) -> Call:
    """The next characters of each text."""
    import numpy as np

    import charrnn
    from charrnn.config import SamplingConfig
    from charrnn.writing.batch import generate_batch
    from charrnn.writing.sampling import generate
    from charrnn.writing.writer import Prompt

    hidden_size, num_layers, texts = shape
    vocabulary = charrnn.Vocabulary("".join(map(chr, range(33, 33 + VOCABULARY))))
    config = charrnn.ModelConfig(cell, hidden_size, num_layers)
    model = charrnn.CharacterModel.fresh(config, vocabulary, np.random.default_rng(0))
    if texts == 1:
        text = generate(model, length=1 << 40, temperature=TEMPERATURE, rng=0)

        def write_one() -> None:
            characters = 0
            while characters < WRITTEN:  # they come in pieces
                characters += len(next(text))

        return write_one
    settings = SamplingConfig(length=None, temperature=TEMPERATURE)
    batch = generate_batch(model, [Prompt("A", seed, settings) for seed in range(texts)])

    def write() -> None:
        """Pieces of one text each, of as many characters as come at once: a round of all texts."""
        characters = 0
        while characters < WRITTEN * texts:
            characters += len(next(batch).text)

    return write


def torch_sampling(cell: str, shape: list[int]) -> Call:
    """The same in inference mode; a single text is written on one thread, which is quicker."""
    import torch
    from torch import nn

    hidden_size, num_layers, texts = shape
    torch.set_num_threads(1 if texts == 1 else THREADS)
    recurrent = getattr(nn, cell.upper())(VOCABULARY, hidden_size, num_layers)
    linear = nn.Linear(hidden_size, VOCABULARY)
    one_hot = torch.eye(VOCABULARY)
    ids, state = torch.zeros(texts, dtype=torch.long), None

    @torch.inference_mode()
    def step() -> None:
        nonlocal ids, state
        h, state = recurrent(one_hot[ids][None], state)
        probabilities = torch.softmax(linear(h[0]) / TEMPERATURE, dim=-1)
        ids = torch.multinomial(probabilities, 1)[:, 0]

    def write() -> None:
        for _ in range(WRITTEN):
            step()

    return write


def charrnn_scoring(cell: str, shape: list[int], line: int = 0) -> Call:
    """``SCORED`` characters of a file in segments side by side, or in lines of so many, each by itself."""
    import numpy as np

    import charrnn
    from charrnn.writing.scoring import SegmentScorer, score_texts

    codes = np.random.default_rng(0).integers(33, 33 + VOCABULARY, SCORED)
    vocabulary = charrnn.Vocabulary("".join(map(chr, range(33, 33 + VOCABULARY))))
    config = charrnn.ModelConfig(cell, *shape)
    model = charrnn.CharacterModel.fresh(config, vocabulary, np.random.default_rng(0))
    model, text = model.to_read(1 << 40), "".join(map(chr, codes))
    if line:
        lines = [text[start : start + line] for start in range(0, SCORED, line)]
        return lambda: score_texts(model, lines)
    scorer, ids = SegmentScorer(model), vocabulary.encode(text)
    return lambda: scorer.read(ids)


def _examples(task: str, batch: int) -> tuple[Any, Any]:
    """Random texts, of 3 to 14 characters with labels or of 20 to 220 with tags, as names and sentences have; and charrnn's examples of them."""
    import numpy as np

    import charrnn

    rng = np.random.default_rng(0)
    low, high = (3, 15) if task == "classify" else (20, 221)
    texts = [
        "".join(map(chr, rng.integers(33, 33 + VOCABULARY, length)))
        for length in rng.integers(low, high, (40 if task == "classify" else 8) * batch)
    ]
    answers = [
        f"{rng.integers(LABELS)}" if task == "classify" else "".join(rng.choice([*"BI_"], len(t)))
        for t in texts
    ]
    lines = map("\t".join, zip(texts, answers, strict=True))
    return texts, charrnn.Examples.from_lines(lines, task)


def _epochs(training: Any) -> Call:
    """All steps of an epoch, each time."""
    steps, chunks = iter(training), training.steps_per_epoch

    def epoch() -> None:
        for _ in range(chunks):
            next(steps)

    return epoch


def charrnn_answers(cell: str, shape: list[int], task: str) -> Call:
    """A step of learning labels or tags, by a net of both directions, forward, loss, backward, clip and Adam."""
    import charrnn

    hidden_size, num_layers, batch = shape
    training = charrnn.Training(
        _examples(task, batch)[1],
        charrnn.ModelConfig(cell, hidden_size, num_layers, dropout=0.0, task=task),
        charrnn.TrainingConfig(batch_size=batch, threads=THREADS, **STEPS_ALONE),
    )
    return _epochs(training)


def torch_answers(cell: str, shape: list[int], task: str) -> Call:
    """The same epoch, of the same batches, with ``torch.nn`` and packed sequences."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    from charrnn.text.batches import Batches

    torch.set_num_threads(THREADS)
    hidden_size, num_layers, batch = shape
    texts, examples = _examples(task, batch)
    batches = Batches(examples, np.arange(len(texts)), batch, 0)
    symbols = len(examples.vocabulary)
    recurrent = getattr(nn, cell.upper())(symbols, hidden_size, num_layers, bidirectional=True)
    linear = nn.Linear(2 * hidden_size, len(examples.labels))
    parameters = [*recurrent.parameters(), *linear.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    one_hot = torch.eye(symbols)
    chunks = [
        (torch.tensor(c.inputs), torch.tensor(c.targets), torch.tensor(c.lengths))
        for c in map(batches.chunk, range(len(batches)))
    ]

    def epoch() -> None:
        for inputs, targets, lengths in chunks:
            packed = pack_padded_sequence(one_hot[inputs], lengths, enforce_sorted=False)
            h, state = recurrent(packed)
            if task == "classify":
                state = state[0] if cell == "lstm" else state
                scores, wanted = linear(torch.cat((state[-2], state[-1]), dim=1)), targets[0]
            else:
                scores = linear(h.data)
                wanted = pack_padded_sequence(targets, lengths, enforce_sorted=False).data
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, wanted).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def charrnn_predicting(cell: str, shape: list[int]) -> Call:
    """Labels for ``PREDICTED`` texts of 3 to 14 characters."""
    import numpy as np

    import charrnn
    from charrnn.models.answering import Answerer

    hidden_size, num_layers = shape
    texts, examples = _examples("classify", PREDICTED // 40)
    config = charrnn.ModelConfig(cell, hidden_size, num_layers, task="classify")
    rng = np.random.default_rng(0)
    model = charrnn.CharacterModel.fresh(config, examples.vocabulary, rng, examples.labels)
    answerer = Answerer([model], 1 << 40)
    return lambda: answerer(texts)


def _pairs(batch: int) -> tuple[list[str], Any]:
    """Random words of 3 to 14 characters and as many sounds, a few more or less; and charrnn's examples of them."""
    import numpy as np

    import charrnn

    rng = np.random.default_rng(0)
    words = [
        "".join(map(chr, rng.integers(97, 97 + 30, length)))
        for length in rng.integers(3, 15, 25 * batch)
    ]
    sounds = [
        " ".join(f"s{n}" for n in rng.integers(SOUNDS, size=max(1, len(w) + rng.integers(-2, 3))))
        for w in words
    ]
    lines = map("\t".join, zip(words, sounds, strict=True))
    return words, charrnn.Examples.from_lines(lines, "seq2seq")


def charrnn_pairs(cell: str, shape: list[int], attention: str = "general") -> Call:
    """An epoch of learning to make texts of texts, forward, loss, backward, clip and Adam."""
    import charrnn

    hidden_size, num_layers, batch = shape
    training = charrnn.Training(
        _pairs(batch)[1],
        charrnn.ModelConfig(
            cell, hidden_size, num_layers, dropout=0.0, task="seq2seq", attention=attention
        ),
        charrnn.TrainingConfig(batch_size=batch, threads=THREADS, **STEPS_ALONE),
    )
    return _epochs(training)


def torch_pairs(cell: str, shape: list[int]) -> Call:
    """The same epoch, of the same batches: ``torch.nn`` layers, packed sequences, Luong's general attention after the decoder's recurrence."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    from charrnn.text.batches import Batches

    torch.set_num_threads(THREADS)
    H, L, batch = shape
    words, examples = _pairs(batch)
    batches = Batches(examples, np.arange(len(words)), batch, 0)
    characters, end = len(examples.vocabulary), len(examples.labels)
    kind = getattr(nn, cell.upper())
    encoder = kind(characters, H, L, bidirectional=True)
    decoder = kind(end + 1, H, L)
    states = 2 if cell == "lstm" else 1
    bridges = nn.ModuleList(nn.Linear(2 * H, H) for _ in range(states * L))
    asks, joins = nn.Linear(H, 2 * H, bias=False), nn.Linear(3 * H, H)
    linear = nn.Linear(H, end + 1)
    parameters = [
        p for part in (encoder, decoder, bridges, asks, joins, linear) for p in part.parameters()
    ]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    letters, symbols = torch.eye(characters), torch.eye(end + 1)
    chunks = [
        (
            torch.tensor(c.inputs),
            torch.tensor(c.targets),
            torch.tensor(c.counted),
            torch.tensor(c.lengths),
        )
        for c in map(batches.chunk, range(len(batches)))
    ]

    def epoch() -> None:
        for inputs, targets, counted, lengths in chunks:
            packed = pack_padded_sequence(letters[inputs], lengths, enforce_sorted=False)
            memory, after = encoder(packed)
            memory, _ = pad_packed_sequence(memory)  # (T, B, 2H)
            B = len(lengths)
            start = []
            for number, state in enumerate(after if cell == "lstm" else (after,)):
                ends = state.view(L, 2, B, H).transpose(1, 2).reshape(L, B, 2 * H)
                maps = bridges[number * L : (number + 1) * L]
                start.append(torch.stack([m(e) for m, e in zip(maps, ends, strict=True)]))
            before = torch.cat([torch.full((1, B), end), targets[:-1]])
            h, _ = decoder(symbols[before], tuple(start) if cell == "lstm" else start[0])
            scores = torch.einsum("sbm,tbm->bst", asks(h), memory)
            outside = torch.arange(len(memory))[None] >= lengths[:, None]
            weights = scores.masked_fill(outside[:, None], -torch.inf).softmax(dim=-1)
            context = torch.einsum("bst,tbm->sbm", weights, memory)
            o = torch.tanh(joins(torch.cat([context, h], dim=-1)))
            optimizer.zero_grad()
            nn.functional.cross_entropy(linear(o)[counted], targets[counted]).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    return epoch


def charrnn_rewriting(cell: str, shape: list[int], attention: str) -> Call:
    """A beam search of five for ``REWRITTEN`` words of 3 to 14 characters, whose targets are about as long as they are."""

    import charrnn
    from charrnn.models.rewriting import Rewriter

    hidden_size, num_layers = shape
    words, examples = _pairs(REWRITTEN // 25)
    config = charrnn.ModelConfig(
        cell, hidden_size, num_layers, 0, 0.0, task="seq2seq", attention=attention
    )
    how = charrnn.TrainingConfig(
        batch_size=32, val_fraction=0, learning_rate=0.003, steps=SOME_STEPS
    )
    training = charrnn.Training(examples, config, how)
    for _ in training:  # so that targets end where they should
        pass
    rewriter = Rewriter([training.model()], 1 << 40)
    return lambda: rewriter(words)


def matrix_product(size: int) -> Call:
    """A large float32 product on all processors: what the machine can do at best."""
    import numpy as np

    a, b = np.ones((2, size, size), np.float32)
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def multiply_adds(operations: float, threads: int = THREADS) -> Call:
    """So many operations, all fused multiply-adds of what is in registers and the innermost cache."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    from numba import njit

    from charrnn.nn.compiled.products import MOST_ROWS, make_tile
    from charrnn.nn.compiled.vectors import BYTES

    rows, vectors, vector, K = MOST_ROWS[-1], len(MOST_ROWS), BYTES // 4, 32
    tile, columns = make_tile(rows, vectors, vectors), vectors * vector
    times = round(operations / threads / (2 * rows * columns * K))

    @njit(nogil=True)
    def work(A: Any, P: Any, C: Any) -> None:
        for _ in range(times):
            tile(A, 0, P, 0, 0, C, 0, 0, vector, K, False)

    A, P = np.zeros((rows, K), np.float32), np.zeros((1, K * columns), np.float32)
    sums = [np.zeros((rows, columns), np.float32) for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda C: work(A, P, C), sums))


CONTESTANTS: dict[str, Callable[..., Call]] = {
    "charrnn training": charrnn_training,
    "torch training": torch_training,
    "charrnn sampling": charrnn_sampling,
    "charrnn scoring": charrnn_scoring,
    "charrnn answers": charrnn_answers,
    "charrnn predicting": charrnn_predicting,
    "torch answers": torch_answers,
    "charrnn pairs": charrnn_pairs,
    "torch pairs": torch_pairs,
    "charrnn rewriting": charrnn_rewriting,
    "torch sampling": torch_sampling,
    "matrix product": matrix_product,
    "multiply-adds": multiply_adds,
}
