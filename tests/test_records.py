"""Records: each line a text of its own, in training, in scoring and in writing."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st
from kinds import KINDS, configured, random_state
from samples import chunk_of

import charrnn
from charrnn.config import TextConfig, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.corpus import load_records
from charrnn.text.records import Records, Spans
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.evaluation import evaluate
from charrnn.training.reports import Step
from charrnn.training.trainer import Training

CONFIG = TextConfig(records=True)
NAMES = ("ada", "bob", "carol", "dan", "eve", "françoise", "grace", "heidi", "ivan", "judy", "zo")
LINES = st.lists(st.text(st.sampled_from("abc"), max_size=12), min_size=1, max_size=40)


def _corpus(lines: list[str]) -> charrnn.Corpus:
    return charrnn.Corpus.from_text("\n".join(lines), config=CONFIG)


def _ids(lines: list[str]) -> Array:
    """Characters as their code points, with an end before and after each line."""
    return np.array(list("\n".join(["", *lines, ""]).encode()))


def _read(records: Records, number: int) -> list[str]:
    """The targets of each column of a pass, which are whole records; checks all else of them."""
    found: list[str] = []
    columns: list[list[int]] = []
    for index in range(number * len(records), (number + 1) * len(records)):
        chunk = records.chunk(index)
        assert chunk.counted is not None
        assert chunk.fresh.all() or not chunk.fresh.any()
        if chunk.fresh.all():
            found += ["".join(map(chr, column)) for column in columns if column]
            columns = [[ord("\n")] for _ in range(records.columns)]
        for b, column in enumerate(columns):
            counted = chunk.counted[:, b]
            assert chunk.lengths is not None
            assert counted.tolist() == [step < chunk.lengths[b] for step in range(len(counted))]
            inputs, targets = chunk.inputs[counted, b], chunk.targets[counted, b]
            assert [*column, *targets][len(column) - 1 : -1] == inputs.tolist()
            column += targets.tolist()
    found += ["".join(map(chr, column)) for column in columns]
    assert all(record.startswith("\n") for record in found)
    return [record[1:] for record in found if record != "\n"]


@given(LINES, st.integers(1, 6), st.integers(1, 8), st.integers(0, 3))
def test_every_record_once(lines: list[str], batch_size: int, seq_length: int, seed: int) -> None:
    """A pass reads each record whole, from its own beginning to its own end, and empty lines never."""
    spans = Spans.of(_ids(lines), ord("\n"))
    expected = Counter(line + "\n" for line in lines if line)
    assert len(spans) == expected.total()
    if not len(spans):
        return
    records = Records(_ids(lines), spans, batch_size, seq_length, seed)
    assert records.characters == sum(len(line) + 1 for line in lines if line)
    for number in range(3):
        assert Counter(_read(records, number)) == expected
    chunks = [records.chunk(index) for index in range(len(records))]
    assert max(len(chunk.inputs) for chunk in chunks) <= seq_length
    assert sum(chunk.predictions for chunk in chunks) == records.characters


def test_passes_differ_and_repeat() -> None:
    """Each pass has an order of its own, which seed and number alone decide."""
    ids = _ids([f"{n:03}" for n in range(60)])
    spans = Spans.of(ids, ord("\n"))
    one, other = Records(ids, spans, 7, 4, 5), Records(ids, spans, 7, 4, 5)
    first, second = _read(one, 0), _read(one, 1)
    assert first != second
    assert _read(other, 1) == second  # without having been through the first one
    assert _read(one, 0) == first
    assert _read(Records(ids, spans, 7, 4, 6), 0) != first


def test_threads_share_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that read a chunk at the same moment draw the order of its pass once."""
    ids = _ids([f"{n:03}" for n in range(60)])
    records, drawn, sort = Records(ids, Spans.of(ids, ord("\n")), 7, 4, 5), [], np.lexsort

    def slow_sort(keys: Any) -> Any:
        drawn.append(keys)
        time.sleep(0.05)
        return sort(keys)

    monkeypatch.setattr(np, "lexsort", slow_sort)
    with ThreadPoolExecutor(4) as pool:
        for number in range(2):
            chunks = list(pool.map(records.chunk, [number * len(records)] * 4))
            assert len(drawn) == number + 1
            for chunk in chunks[1:]:
                np.testing.assert_array_equal(chunk.inputs, chunks[0].inputs)


def test_little_padding() -> None:
    """Records of a length stand together, so that hardly a step is wasted."""
    rng = np.random.default_rng(0)
    ids = _ids(["x" * rng.integers(1, 30) for _ in range(1000)])
    records = Records(ids, Spans.of(ids, ord("\n")), 20, 100, 0)
    steps = sum(records.chunk(index).inputs.size for index in range(len(records)))
    assert records.characters / steps > 0.95


def test_a_long_text_is_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["abc", "", "d", "efgh"] * 9
    whole = Spans.of(_ids(lines), ord("\n"))
    monkeypatch.setattr("charrnn.text.records.SCANNED", 5)
    parts = Spans.of(_ids(lines), ord("\n"))
    np.testing.assert_array_equal(parts.first, whole.first)
    np.testing.assert_array_equal(parts.length, whole.length)


def test_split() -> None:
    """No record is in both parts, none is lost, and the tail of a sorted list is not the sample."""
    ids = _ids([f"{n:03}" for n in range(100)])
    spans = Spans.of(ids, ord("\n"))
    train, validation = spans.split(0.2, seed=1)
    assert (len(train), len(validation)) == (80, 20)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([train.first, validation.first])), spans.first
    )
    assert validation.first.min() < 200
    again = spans.split(0.2, seed=1)[1]
    np.testing.assert_array_equal(again.first, validation.first)


# ----------------------------------------------------------------- one record beside others, alone


def _random(network: LanguageModel) -> Parameters:
    params = Parameters(network.parameter_shapes(), dtype=np.float64)
    params.flat[...] = 0.5 * np.random.default_rng(1).standard_normal(params.flat.shape)
    return params


def _problem(cell: str) -> tuple[LanguageModel, Parameters, charrnn.Corpus, Spans]:
    corpus = _corpus([*NAMES, "", "a" * 25, "zo"])
    network = LanguageModel(configured(cell, 5, 2, dropout=0.0), len(corpus.vocabulary))
    params = _random(network)
    return network, params, corpus, Spans.of(corpus.ids, corpus.vocabulary.encode("\n")[0])


def _alone(
    network: LanguageModel, params: Parameters, corpus: charrnn.Corpus, spans: Spans
) -> list[tuple[float, Array]]:
    """Each record's loss and gradient, read by itself in one piece."""
    found = []
    for first, length in zip(spans.first, spans.length, strict=True):
        ids = corpus.ids[first : first + length + 1, None].astype(np.intp)
        gradients, state = params.zeros(), network.zero_state(1, np.float64)
        loss, _ = network.loss_and_gradients(
            params, gradients, chunk_of(ids[:-1], ids[1:]), state, Workspace(np.float64)
        )
        found.append((loss, gradients.flat))
    return found


@pytest.mark.parametrize("cell", KINDS)
def test_loss_and_gradient_are_those_of_each_record_alone(cell: str) -> None:
    """Neither a neighbour nor padding changes anything; gradients stop where a record starts."""
    network, params, corpus, spans = _problem(cell)
    alone = _alone(network, params, corpus, spans)
    records = Records(corpus.ids, spans, 4, 100, seed=2)  # 13 records: the first group is not full
    loss, gradients = 0.0, params.zeros()
    state = random_state(network.stack, 4, np.random.default_rng(0))
    for index in range(len(records)):
        chunk = records.chunk(index)
        state[..., chunk.fresh] = 0
        part, state = network.loss_and_gradients(
            params,
            gradients,
            chunk,
            state,
            Workspace(np.float64),
        )
        loss += part
    assert loss == pytest.approx(sum(one for one, _ in alone), rel=1e-12)
    np.testing.assert_allclose(
        gradients.flat, sum(gradient for _, gradient in alone), rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_gradient_of_a_padded_group(cell: str) -> None:
    """Against finite differences, with a scale, an embedding and a state that goes on."""
    network, _, corpus, spans = _problem(cell)
    network = LanguageModel(replace(network.config, embedding_size=3), network.vocabulary_size)
    params = _random(network)
    chunk = Records(corpus.ids, spans, 5, 100, seed=2).chunk(0)
    assert chunk.counted is not None
    assert not chunk.counted.all()
    state = np.random.default_rng(0).standard_normal(network.zero_state(5).shape)

    def run(params: Parameters) -> tuple[float, Array]:
        gradients = params.zeros()
        loss, _ = network.loss_and_gradients(
            params,
            gradients,
            chunk,
            state,
            Workspace(np.float64),
            scale=0.3,
        )
        return 0.3 * loss, gradients.flat

    _, gradient = run(params)
    numeric, step = np.empty_like(gradient), 1e-5
    for place in range(gradient.size):
        sides = []
        for sign in (1, -1):
            moved = params.copy()
            moved.flat[place] += sign * step
            sides.append(run(moved)[0])
        numeric[place] = (sides[0] - sides[1]) / (2 * step)
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seq_length", [3, 100])
@pytest.mark.parametrize("shards", [1, 3])
def test_evaluation_is_the_mean_of_records_alone(seq_length: int, shards: int) -> None:
    """In groups, in chunks over which the state is carried, and on threads."""
    network, params, corpus, spans = _problem("lstm")
    expected = sum(loss for loss, _ in _alone(network, params, corpus, spans)) / spans.characters
    single = Parameters(params.shapes, params.flat.astype(np.float32))
    records = Records(corpus.ids, spans, 4, seq_length, seed=0)
    found = evaluate(network, single, records, Shards(shards))
    assert found == pytest.approx(expected, rel=1e-5)


# -------------------------------------------------------------------------------------------- runs

SMALL = charrnn.ModelConfig(hidden_size=12, dropout=0.2)
QUICK = TrainingConfig(epochs=4, batch_size=4, seq_length=6, threads=2, eval_every=9)


def test_resumed_in_mid_epoch(tmp_path: Path) -> None:
    """Within a long record, among groups, with dropout: not a bit differs."""
    corpus = _corpus([*NAMES * 3, "a" * 25])
    whole = Training(corpus, SMALL, QUICK)
    list(whole)
    assert whole.steps_per_epoch > 9
    for reports in (1, 5, 13, whole.steps_per_epoch + 3):
        cut = Training(corpus, SMALL, QUICK)
        list(islice(cut, reports))
        charrnn.save_checkpoint(cut.checkpoint(), tmp_path / "run.npz")
        loaded = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
        resumed = Training.resume(corpus, loaded)
        list(resumed)
        np.testing.assert_array_equal(
            resumed.current_model().parameters.flat, whole.current_model().parameters.flat
        )
        assert [entry.validation_loss for entry in resumed.history] == [
            entry.validation_loss for entry in whole.history
        ]


def test_state_is_reset() -> None:
    """Whatever state the group before left, a step that starts records has the same loss."""
    corpus, losses = _corpus(list(NAMES * 3)), []
    for poison in (0.0, 5.0):
        training = Training(corpus, replace(SMALL, dropout=0.0), replace(QUICK, seq_length=50))
        training._progress.state[...] = poison
        (step,) = islice(training, 1)
        assert isinstance(step, Step)
        losses.append(step.loss)
    assert losses[0] == losses[1]


def test_padding_is_not_learnt() -> None:
    """What stands behind the end of a record has no part in a step's loss or gradient."""
    found = []
    for filler in (0, 3):
        training = Training(_corpus(list(NAMES * 3)), SMALL, QUICK)
        chunks = map(training._division.training.chunk, range(training.steps_per_epoch))
        chunk = next(one for one in chunks if one.counted is not None and not one.counted.all())
        assert chunk.counted is not None
        padded = replace(chunk, targets=np.where(chunk.counted, chunk.targets, filler))
        found.append(training._learner.look(padded, padded.extent))
    assert found[0] == found[1]


def test_no_records() -> None:
    with pytest.raises(InputError, match="only empty lines"):
        Training(_corpus([""] * 30), SMALL, QUICK)


def test_from_files(tmp_path: Path) -> None:
    """A last line without its end does not run into the next file; CR LF and marks are no part."""
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfada\r\nbob")
    (tmp_path / "b").write_bytes("carol\n\nfrançoise\n".encode())
    corpus = charrnn.load_corpus([tmp_path / "a", tmp_path / "b"], config=CONFIG)
    assert corpus.vocabulary.decode(corpus.ids) == "\nada\nbob\ncarol\n\nfrançoise\n"
    text = "ada\nbob\ncarol\n\nfrançoise"
    same = charrnn.Corpus.from_text(text, config=CONFIG)
    assert same.sha256 == corpus.sha256
    assert load_records(tmp_path / "b", CONFIG) == {"", "carol", "françoise"}


def test_records_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.text.source.BLOCK", 3)
    (tmp_path / "a").write_text("\n".join(NAMES), encoding="utf-8")
    assert load_records(tmp_path / "a", CONFIG) == {"", *NAMES}


def test_not_a_model_of_records() -> None:
    training = Training(charrnn.Corpus.from_text("some text " * 9), SMALL, QUICK)
    with pytest.raises(InputError, match="not trained on records"):
        next(charrnn.generate_records(training.model()))


def test_a_prime_follows_an_end() -> None:
    """A record's beginning is read as it was in training, after the end of another, whoever writes."""
    model = Training(_corpus(list(NAMES * 3)), SMALL, QUICK).model()
    model.parameters.flat[...] *= 8  # so that each character read matters for the next ones
    unaware = Vocabulary(model.vocabulary.characters)  # of records: what to read is said each time
    twin = charrnn.CharacterModel(model.network, model.parameters, unaware)
    after_end, alone = (
        "".join(charrnn.generate(twin, prime=prime, length=9, rng=4)) for prime in ("\nad", "ad")
    )
    assert after_end != alone
    expected = after_end.partition("\n")[0]
    assert "".join(charrnn.generate(model, prime="ad", length=9, rng=4)) == expected
    (record,) = islice(charrnn.generate_records(model, prime="ad", length=9, rng=4), 1)
    assert record == "ad" + expected


def test_one_record() -> None:
    """``generate`` writes one, up to its end, which is not a part of it, or up to another end."""
    model = Training(_corpus(list(NAMES * 3)), SMALL, QUICK).model()
    ended = ["".join(charrnn.generate(model, length=None, rng=seed)) for seed in range(20)]
    assert ended == list(islice(charrnn.generate_records(model, length=None, rng=0), 20))
    assert len(set(map(len, ended))) > 3
    longest = max(ended, key=len)
    seed, stop = ended.index(longest), longest[:2]
    assert "".join(charrnn.generate(model, length=4, rng=seed)) == longest[:4]
    assert "".join(charrnn.generate(model, stop=stop, rng=seed)) == stop


def test_records_side_by_side() -> None:
    """Each is what its own seed writes alone, up to its end, or as long as it may be."""
    training = Training(_corpus(list(NAMES * 3)), SMALL, QUICK)
    list(training)
    model = training.model()
    alone = [
        "".join(charrnn.generate(model, prime="a", length=6, rng=seed)) for seed in range(4, 104)
    ]
    records = list(islice(charrnn.generate_records(model, prime="a", length=6, rng=4), 100))
    assert records == ["a" + record for record in alone]
    assert len({len(record) for record in records}) > 3
    cold = charrnn.generate_records(model, prime="a", length=6, temperature=0, rng=4)
    assert len(set(islice(cold, 20))) == 1
    nothing = charrnn.generate_records(model, prime="a", length=0, rng=4)
    assert list(islice(nothing, 5)) == ["a"] * 5


# ------------------------------------------------------------------------------------ command line


@pytest.fixture
def model(run: Run) -> Path:
    """A model that knows the names by heart."""
    Path("names.txt").write_text("\n".join(NAMES * 4), encoding="utf-8")
    outcome = run(
        "train", "names.txt", "--records", "--hidden-size", 32, "--num-layers", 1, "--dropout", 0,
        "--epochs", 60, "--learning-rate", 0.02, "--val-fraction", 0, "--sample-every", 1,
        "--eval-every", 300,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert any(line.startswith('sample: "') and r"\n" in line for line in outcome.err.splitlines())
    return Path(outcome.out.strip())


def test_whole_records(run: Run, model: Path) -> None:
    """As many lines as asked for, nearly all of them names, in about their shares; a seed repeats."""
    outcome = run("sample", model, "--num-samples", 60, "--seed", 1)
    lines = outcome.out.splitlines()
    assert len(lines) == outcome.out.count("\n") == 60
    assert sum(line in NAMES for line in lines) > 50
    assert len(set(lines) & set(NAMES)) >= 8
    assert run("sample", model, "--num-samples", 60, "--seed", 1).out == outcome.out
    assert run("sample", model, "--seed", 1, "-q").out.splitlines() == lines[:1]
    assert "characters in records" in run("inspect", model).out
    by_api = charrnn.generate_records(charrnn.load_checkpoint(model).model, rng=1)
    assert list(islice(by_api, 60)) == lines


def test_prime_and_length(run: Run, model: Path) -> None:
    """A prime begins each record; --length is but a bound; a separator ends each record."""
    options = ("sample", model, "-t", 0.1, "--seed", 1, "-q", "--prime", "fra")
    assert run(*options).out == "françoise\n"
    assert run(*options, "--no-echo").out == "nçoise\n"
    assert run(*options, "-n", 2).out == "franç\n"
    assert run(*options, "--num-samples", 2, "--separator", r"\0").out == "françoise\0" * 2
    Path("prompts").write_text('{"prime": "fra", "length": 0}\n')  # its end is bound enough
    asked = run(*options[:-2], "--prime-file", "prompts", "--jsonl")
    assert json.loads(asked.out)["text"] == "nçoise"
    refused = run("sample", model, "--prime", "a\nb")
    assert refused.code == 2
    assert "a record is one line" in refused.err


def test_novel_only(run: Run, model: Path) -> None:
    """Only what the file lacks, as many as asked for; what never comes is given up in a line."""
    options = ("sample", model, "--seed", 2, "-q", "--novel-only")
    outcome = run(*options, "names.txt", "--num-samples", 5, "-t", 1.5)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert len(lines) == 5
    assert not set(lines) & {"", *NAMES}
    Path("some.txt").write_text("\n".join(NAMES[1:]), encoding="utf-8")
    known = run(*options, "some.txt", "--prime", "ad", "-t", 0.1, "--no-echo")
    assert known.out == "a\n"  # the whole record counts, not just what is shown of it
    again = run(*options, "some.txt", "--prime", "ad", "-t", 0, "--num-samples", 2)
    assert (again.code, again.out) == (1, "ada\n")
    assert "only 1 of 2 records" in again.err
    assert "(equal ones count once)" in again.err
    hopeless = run(*options, "names.txt", "-t", 0, "--num-samples", 2)
    assert (hopeless.code, hopeless.out) == (1, "")
    assert hopeless.err == (
        "charrnn: only 0 of 2 records in 1,000 tries are not in names.txt; "
        "a higher --temp writes more that is new\n"
    )
    assert run(*options, "missing.txt").code == 2


def test_records_are_kept(run: Run, model: Path) -> None:
    """Going on and starting from the model keep its kind; a model of text has no records."""
    assert run("train", "--resume", model, "--records", "--epochs", 61, "-q").code == 0
    outcome = run("train", "names.txt", "--init-from", model, "--epochs", 1, "-q")
    assert outcome.code == 0, outcome.err
    assert len(run("sample", outcome.out.strip(), "--num-samples", 3, "-q").out.splitlines()) == 3
    text = run("train", "corpus.txt", "--hidden-size", 4, "--epochs", 1, "-q").out.strip()
    refused = run("train", "--resume", text, "--records")
    assert refused.code == 2
    assert "characters (NFC), not of records of characters (NFC)" in refused.err
    refused = run("sample", text, "--novel-only", "names.txt")
    assert refused.code == 2
    assert "train --records" in refused.err


def test_records_of_bytes(run: Run) -> None:
    """Both at once: raw lines of any encoding."""
    Path("latin1.txt").write_bytes("fran\xe7oise\n\xc9mile\n".encode("latin-1") * 20)
    path = run(
        "train", "latin1.txt", "--bytes", "--records", "--hidden-size", 4, "--epochs", 1, "-q"
    ).out.strip()
    assert "bytes in records" in run("inspect", path).out
    model = charrnn.load_checkpoint(path).model
    prime = b"\xc9".decode("utf-8", "surrogateescape")
    (record,) = islice(charrnn.generate_records(model, prime=prime, length=3, rng=0), 1)
    assert record[0] == "\xc9"
    assert len(record) <= 4
