"""What a run is validated on: a tail of each of its files, or a file of its own."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import SHA256, content, make_text

import charrnn
from charrnn.errors import InputError
from charrnn.nn.parallel import Shards
from charrnn.text.chunks import Segments
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import load_examples
from charrnn.training.division import divide
from charrnn.training.evaluation import evaluate, file_losses
from charrnn.training.run import CorpusInfo, Evaluation
from charrnn.training.trainer import Training

TINY = ("--hidden-size", 4, "--num-layers", 1, "--sample-every", 0)
SMALL = charrnn.ModelConfig(hidden_size=6, num_layers=1)
CONFIG = charrnn.TrainingConfig(steps=20, batch_size=3, seq_length=10, threads=2, eval_every=10)
RECORDS = charrnn.TextConfig(records=True)


def _write(**texts: str) -> list[str]:
    for name, text in texts.items():
        Path(f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    return [f"{name}.txt" for name in texts]


def _text(stretches: Any, corpus: Corpus) -> str:
    return corpus.vocabulary.decode(np.asarray(stretches))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_tail_of_each() -> None:
    """Of an empty one nothing; in whichever order they are named, the same characters are kept."""
    names = _write(a="a" * 100, none="", b="bc" * 100)
    for order in (names, names[::-1]):
        corpus = load_corpus(order)
        training, kept = corpus.split(0.1)
        assert sorted(_text(kept, corpus)) == sorted("a" * 10 + "bc" * 10)
        assert sorted(_text(training, corpus)) == sorted("a" * 90 + "bc" * 90)
    assert corpus.parts == (200, 0, 100)


@pytest.mark.parametrize("records", [False, True])
def test_what_is_learnt_and_what_is_kept_are_the_text(records: bool) -> None:
    """Every prediction of a chunk is one of its part, each file's once."""
    names = _write(a=make_text(31).lower(), b=make_text(60).upper(), c="ж\n" * 19)
    config = charrnn.TextConfig(records=records)
    corpus = load_corpus(names, config=config)
    division = divide(corpus, CONFIG)
    assert division.validation is not None
    assert division.files is not None
    for text, file in zip(
        map(division.validation.chunk, range(len(division.validation))),
        map(division.files.chunk, range(len(division.files))),
        strict=True,
    ):
        counted = np.ones(text.targets.shape, bool) if text.counted is None else text.counted
        for character, number in zip(
            corpus.vocabulary.decode(text.targets[counted]), file.targets[counted], strict=True
        ):
            if character.isalpha():
                assert number == (2 if character == "ж" else character.isupper())
    if not records:
        assert division.train_characters + division.validation.characters + 1 == len(corpus)


def test_each_file_has_its_loss() -> None:
    """They average to that of all, and each is about what it would be alone."""
    corpus = load_corpus(_write(a=make_text(200), b=make_text(200)[::-1]))
    training = Training(corpus, SMALL, CONFIG)
    list(training)
    (best,) = [e for e in training.history if e.validation_loss == training.validation_loss]
    a, b = best.file_losses
    assert a is not None
    assert b is not None
    assert best.validation_loss == pytest.approx((a + b) / 2, rel=0.02)
    model = training.model()
    for loss, (start, stop) in zip(
        (a, b), corpus.split(training.config.val_fraction or 0)[1].bounds, strict=True
    ):
        alone = evaluate(
            model.network, model.parameters, Segments(corpus.ids[start:stop]), Shards(1)
        )
        assert loss == pytest.approx(alone, rel=0.02)


def test_one_file_is_divided_as_ever() -> None:
    """Neither its parts nor a tail of it of a former format change what is kept."""
    (name,) = _write(a=make_text(60))
    corpus = load_corpus([name])
    assert (corpus.parts, corpus.val_file) == ((), False)
    assert Training(corpus, SMALL, CONFIG).history == []
    _, kept = corpus.split(0.1)
    np.testing.assert_array_equal(np.asarray(kept), corpus.ids[len(corpus) - len(corpus) // 10 :])


def test_an_older_run_keeps_its_last_part() -> None:
    """A checkpoint that knows of no parts is resumed as it was begun."""
    corpus = load_corpus(_write(a=make_text(60), b=make_text(60).upper()))
    as_one = Training(replace(corpus, parts=()), SMALL, CONFIG)
    for _ in as_one:
        if as_one.step == 7:
            break
    checkpoint = as_one.checkpoint()
    list(as_one)
    resumed = Training.resume(corpus, checkpoint)
    list(resumed)
    for one, other in zip(resumed.history, as_one.history, strict=True):
        assert replace(one, seconds=0.0) == replace(other, seconds=0.0)
        assert one.file_losses == ()


def test_the_same_text_in_other_files(run: Run) -> None:
    """A run on two files goes on with their text from a pipe or one file, divided as before."""
    names = _write(a=make_text(60), b=make_text(60).upper())
    flags = (*TINY, "--eval-every", 4, "-q")
    assert run("train", *names, *flags, "--steps", 12, "-o", "whole.npz").code == 0
    assert run("train", *names, *flags, "--steps", 12, "-o", "part.npz").code == 0
    whole = content("whole.npz")
    _write(both=make_text(60) + make_text(60).upper())
    for again in (["both.txt"], names):
        outcome = run("train", *again, "--resume", "part.npz", "--steps", 12, "-q")
        assert outcome.code == 0, outcome.err
    assert content("part.npz") == whole


def test_the_end_tells_of_each(run: Run) -> None:
    """Also ``inspect``: in bits, by name."""
    names = _write(a=make_text(60), b=make_text(60).upper())
    outcome = run("train", *names, *TINY, "--steps", 6, "-o", "m.npz")
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("files:")]
    best = charrnn.load_checkpoint("m.npz").history[-1]
    told = ", ".join(
        f"{name} {(loss or 0) / math.log(2):.4f}"
        for name, loss in zip(names, best.file_losses, strict=True)
    )
    assert line == f"files:  {told}"
    assert told in " ".join(run("inspect", "m.npz").out.split())
    of_one = run("train", "a.txt", *TINY, "--steps", 6, "-o", "one.npz")
    assert "files:" not in of_one.err + run("inspect", "one.npz").out


def test_of_many_the_worst_are_told() -> None:
    names = tuple(f"{n}.txt" for n in range(40))
    info = CorpusInfo(names, 400, 360, SHA256, (10,) * 40)
    losses = tuple(n * math.log(2) for n in range(40))
    told = file_losses(info, Evaluation(1, 1.0, 1.0, 1.0, 0.1, 0.0, losses))
    assert told.startswith("39.txt 39.0000, 38.txt 38.0000, ")
    assert told.endswith("30.txt 30.0000 and 30 more, each lower")


# ------------------------------------------------------------------------------------- --val-file


@pytest.mark.parametrize("kind", [(), ("--records",), ("--bytes",), ("--bytes", "--records")])
def test_a_file_of_its_own(kind: tuple[str, ...], run: Run) -> None:
    """Nothing of the others is kept then, it is found again, and interruptions change nothing."""
    _write(a=make_text(60), v=make_text(20))
    flags = (*TINY, *kind, "--val-file", "v.txt", "--eval-every", 4, "-q")
    outcome = run("train", "a.txt", *flags, "--steps", 12, "-o", "whole.npz")
    assert outcome.code == 0, outcome.err
    checkpoint = charrnn.load_checkpoint("whole.npz")
    info = checkpoint.corpus
    assert (info.sources, info.val_file) == (("a.txt", "v.txt"), True)
    assert info.train_characters == info.parts[0] - (1 if "--records" in kind else 0)
    assert checkpoint.training.val_fraction == 0.0
    assert checkpoint.validation_loss is not None
    assert run("train", "a.txt", *flags, "--steps", 12, "-o", "part.npz").code == 0
    Path("v.txt").rename("moved.txt")
    lost = run("train", "--resume", "part.npz", "--steps", 16, "-q")
    assert (lost.code, "v.txt" in lost.err) == (2, True)
    moved = ("--val-file", "moved.txt")
    assert run("train", "--resume", "part.npz", "--steps", 16, *moved, "-q").code == 0
    assert run("train", "--resume", "part.npz", "--steps", 20, "-q").code == 0
    shown = run("inspect", "part.npz").out
    assert "validated on moved.txt" in " ".join(shown.split())


@pytest.mark.parametrize("records", [(), ("--records",)])
def test_ngrams_are_counted_in_what_was_learnt(records: tuple[str, ...], run: Run) -> None:
    _write(a=make_text(60), v=make_text(20).upper())
    flags = (*TINY, *records, "--steps", 3, "-o", "m.npz", "-q")
    assert run("train", "a.txt", "--val-file", "v.txt", *flags).code == 0
    outcome = run("inspect", "m.npz", "--ngrams", "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert (told["counted_source"], told["source"]) == ("a.txt", "v.txt")
    corpus = charrnn.load_checkpoint("m.npz").corpus
    assert f'"counted": {corpus.parts[0]}' in outcome.out


def test_what_it_is_validated_on_is_not_what_was_learnt(run: Run) -> None:
    """Nowhere is its file counted among the others, and standard input is not called the corpus."""
    _write(a=make_text(60), v=make_text(20))
    flags = (*TINY, "--steps", 3, "-q", "-o")
    assert run("train", "a.txt", "a.txt", "--val-file", "v.txt", *flags, "m.npz").code == 0
    assert run("train", "a.txt", *flags, "n.npz").code == 0
    (model, plain) = json.loads(run("list", "m.npz", "n.npz", "--json").out)["models"]
    assert {model["corpus"], plain["corpus"]} == {"a.txt and 1 more", "a.txt"}
    details = run("inspect", "m.npz", "--details").out
    assert re.search(r"sources\W+a\.txt, a\.txt\W", details)
    assert re.search(r"validated on\W+v\.txt\W", details)
    compared = run("inspect", "m.npz", "n.npz", "--compare").out
    assert re.search(r"val-file\W+v\.txt\W+none\W", compared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(make_text(20).encode())))
        assert run("train", "a.txt", "--val-file", "-", *flags, "p.npz").code == 0
    refused = run("train", "--resume", "p.npz", "--steps", 5)
    told = "this run read the text to validate on from standard input; give it again: --val-file"
    assert told in refused.err


def test_new_characters_are_learnt_and_told(run: Run) -> None:
    """They cost what a character costs that was never seen; a model to start from has to have them."""
    _write(a=make_text(60), v=make_text(9) + "☃")
    outcome = run("train", "a.txt", "--val-file", "v.txt", *TINY, "--steps", 3, "-o", "m.npz")
    assert outcome.code == 0
    assert "the text to train on lacks what v.txt has: '☃' (U+2603)" in outcome.err
    assert "☃" in charrnn.load_checkpoint("m.npz").model.vocabulary.characters
    assert run("train", "a.txt", *TINY, "--steps", 3, "-o", "old.npz", "-q").code == 0
    again = ("train", "a.txt", "--val-file", "v.txt", "--init-from", "old.npz", "--steps", 3, "-q")
    refused = run(*again)
    assert refused.code == 2
    assert "U+2603" in refused.err
    assert run(*again, "--extend-vocab").code == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--val-file", "none.txt"), "none.txt: holds no text to validate on"),
        (("--val-file", "none.txt", "--records"), "none.txt: holds no text to validate on"),
        (
            ("--val-file", "one.txt"),
            "one.txt: only 1 character; to validate on it takes at least 2",
        ),
        (("--val-file", "one.txt", "--bytes"), "one.txt: only 1 byte; to validate on it takes at"),
        (("--val-file", "end.txt", "--records"), "end.txt: has no records, only empty lines"),
        (("--val-file", "lines.txt", "--records"), "lines.txt: has no records, only empty lines"),
        (("--val-file", "absent.txt"), "absent.txt: no such file"),
        (("--val-file", "."), ".: is a directory"),
        (("--val-file", "latin.txt"), "latin.txt: not UTF-8"),
    ],
)
def test_what_cannot_be_validated_on(flags: tuple[str, ...], message: str, run: Run) -> None:
    _write(v=make_text(9), none="", one="a", end="\n", lines="\n\n\n")
    Path("latin.txt").write_bytes("né".encode("latin-1") * 20)
    outcome = run("train", "corpus.txt", *flags, *TINY, "--steps", 3, "-o", "m.npz")
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not Path("m.npz").exists()


def test_a_part_of_a_file_of_its_own() -> None:
    """Its tail, or drawn from it; what is learnt is the same."""
    names = _write(a=make_text(60).lower(), v=make_text(40).upper())
    for config in (charrnn.TextConfig(), RECORDS):
        corpus = load_corpus(names[:1], val_file=names[1], config=config)
        whole, half = (divide(corpus, replace(CONFIG, val_fraction=f)) for f in (0.0, 0.5))
        assert whole.validation is not None
        assert half.validation is not None
        assert half.train_characters == whole.train_characters
        ratio = half.validation.characters / whole.validation.characters
        assert ratio == pytest.approx(0.5, abs=0.05)
        chunks = (half.training.chunk(n) for n in range(len(half.training)))
        told = "".join(corpus.vocabulary.decode(chunk.targets.ravel()) for chunk in chunks)
        assert not set("AEINST") & set(told)
        for n in range(len(half.validation)):
            told = corpus.vocabulary.decode(half.validation.chunk(n).targets.ravel())
            assert not set("aeinst") & set(told)
        training = Training(corpus, SMALL, replace(CONFIG, val_fraction=0.5))
        assert training.validated == half.validation.characters
        least = divide(corpus, replace(CONFIG, val_fraction=0.0001))
        assert least.validation is not None
        assert 0 < least.validation.characters < whole.validation.characters / 10
    _write(a="".join(f"a{n}\tx\nb{n}\ty\n" for n in range(20)), v="c\tx\nd\ty\n" * 10)
    examples = load_examples(names[0], val_file=names[1])
    for fraction, count in ((0.0, 20), (1.0, 20), (0.8, 16), (0.5, 10), (0.01, 1)):
        learnt, kept = examples.split(fraction, 0)
        assert learnt.tolist() == list(range(40))
        assert len(set(kept.tolist())) == len(kept) == count
        assert kept.min() >= 40


@pytest.mark.parametrize("kind", [(), ("--records",)])
def test_most_of_a_file_of_its_own(kind: tuple[str, ...], run: Run) -> None:
    """Nothing of it is learnt, so there is no bound but all of it."""
    _write(a=make_text(60), v=make_text(40))
    flags = (*TINY, *kind, "--val-file", "v.txt", "--steps", 3, "-o")
    losses = []
    for fraction in (0, 0.9, 1):
        told = run("train", "a.txt", *flags, "m.npz", "--val-fraction", fraction)
        assert told.code == 0, told.err
        Path("m.npz").rename(f"{fraction}.npz")
        losses.append(charrnn.load_checkpoint(f"{fraction}.npz").validation_loss)
    assert losses[0] == losses[2] != losses[1]
    shown = run("inspect", "0.9.npz").out
    assert "validated on 90 % of v.txt" in " ".join(shown.split())


def test_no_more_than_half_of_what_is_learnt(run: Run) -> None:
    """Which is told before a long text is read, and to Python as well."""
    told = run("train", "absent.txt", "--val-fraction", 0.51, "--steps", 3)
    message = "val-fraction must be at most 0.5, not 0.51: the rest of the text is learnt"
    assert (told.code, len(told.err.splitlines())) == (2, 1)
    assert message in told.err
    corpus = load_corpus(_write(a=make_text(60)))
    with pytest.raises(InputError, match=message):
        Training(corpus, SMALL, replace(CONFIG, val_fraction=0.51))
    run("train", "a.txt", *TINY, "--steps", 3, "-o", "m.npz", "-q")
    checkpoint = charrnn.load_checkpoint("m.npz")
    with pytest.raises(charrnn.CharrnnError, match="more was kept of its text"):
        replace(checkpoint, training=replace(checkpoint.training, val_fraction=0.51))


def test_a_budget_reads_what_it_has_time_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long file for validation its tail, which the command that makes the same run again says, and so does a resumed run."""
    monkeypatch.setattr("charrnn.training.pace.MEASURING_SECONDS", 0.01)
    _write(v=make_text(2) * 20_000)
    flags = ("--val-file", "v.txt", "--minutes", "1s", *TINY, "--hidden-size", 64)
    outcome = run("train", "corpus.txt", *flags, "-o", "a.npz")
    assert outcome.code == 0, outcome.err
    checkpoint = charrnn.load_checkpoint("a.npz")
    fraction = checkpoint.training.val_fraction
    assert fraction
    assert checkpoint.corpus.train_characters == checkpoint.corpus.parts[0]
    assert re.search(r"corpus: corpus\.txt; validated on .* % of v\.txt\n", outcome.err)
    assert re.search(r"validated on\W+[\d.]+ % of v\.txt", run("inspect", "a.npz", "--details").out)
    whole = replace(checkpoint, training=replace(checkpoint.training, val_fraction=0.0))
    charrnn.save_checkpoint(whole, "whole.npz")
    found = json.loads(run("inspect", "--compare", "a.npz", "whole.npz", "--json").out)
    assert not found["same_text"]
    assert "validated on" in run("inspect", "whole.npz", "--details").out
    (repeat,) = [line for line in outcome.err.splitlines() if line.startswith("repeat: ")]
    assert f" --val-fraction {fraction} " in repeat
    assert run(*repeat.split()[2:], "-o", "b.npz", "-q").code == 0
    assert content("b.npz")["arrays"] == content("a.npz")["arrays"]
    more = checkpoint.training.steps + 2
    assert run("train", "--resume", "b.npz", "--steps", more, "-q").code == 0


def test_examples_are_divided_as_before() -> None:
    """One file of the same lines is no run's that had some of them for validation alone, nor the other way round."""
    lines = [f"a{n}\t{'xy'[n % 2]}\n" for n in range(60)]
    names = _write(a="".join(lines[:40]), v="".join(lines[40:]), all="".join(lines))
    apart, whole = load_examples(names[0], val_file=names[1]), load_examples(names[2])
    assert apart.sha256 == whole.sha256
    model, config = replace(SMALL, task="classify"), replace(CONFIG, steps=2)
    for mine, other in ((apart, whole), (whole, apart)):
        training = Training(mine, model, config)
        for _ in training:
            pass
        with pytest.raises(InputError, match="not divided as those of this run"):
            Training.resume(other, training.checkpoint(), replace(training.config, steps=4))


def test_other_val_files_are_refused(run: Run) -> None:
    """A resumed run has the one that it had, or none."""
    _write(a=make_text(60), v=make_text(9), w=make_text(10))
    flags = (*TINY, "--steps", 3, "-q")
    assert run("train", "a.txt", *flags, "-o", "plain.npz").code == 0
    assert run("train", "a.txt", *flags, "--val-file", "v.txt", "-o", "apart.npz").code == 0
    for model, message in (("plain", "leave out --val-file"), ("apart", "not the text that")):
        outcome = run(
            "train", "--resume", f"{model}.npz", "--steps", 5, "--val-file", "w.txt", "-q"
        )
        assert (outcome.code, message in outcome.err) == (2, True)


def test_a_file_for_training_is_not_one_for_validation() -> None:
    """The text to train on has to be long enough by itself; standard input is only one of the two."""
    _write(a="ab", v=make_text(9))
    with pytest.raises(InputError, match=r"a\.txt: only 2 characters"):
        load_corpus(["a.txt"], val_file="v.txt")
    with pytest.raises(InputError, match="standard input is read once"):
        load_corpus(["-"], val_file="-")


def test_a_budget_keeps_all_to_train_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And tells it in the command that makes the same run again."""
    monkeypatch.setattr("charrnn.training.pace.MEASURING_SECONDS", 0.01)
    _write(v=make_text(20))
    flags = ("--val-file", "v.txt", "--minutes", "1s", *TINY)
    outcome = run("train", "corpus.txt", *flags, "-o", "a.npz")
    assert outcome.code == 0, outcome.err
    info = charrnn.load_checkpoint("a.npz").corpus
    assert info.train_characters == info.parts[0]
    (repeat,) = [line for line in outcome.err.splitlines() if line.startswith("repeat: ")]
    assert repeat.startswith("repeat: charrnn train corpus.txt --val-file v.txt ")
    assert "--val-fraction" not in repeat
    assert run(*repeat.split()[2:], "-o", "b.npz", "-q").code == 0
    assert content("b.npz")["arrays"] == content("a.npz")["arrays"]
