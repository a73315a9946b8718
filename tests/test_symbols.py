"""Symbols that are no characters: tokens to read, and features that stand beside a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Once, Run
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.examples import Examples
from charrnn.text.symbols import parted
from charrnn.text.vocabulary import Vocabulary

VERBS = [f"{a}{b}{c}" for a in "bdlmrst" for b in "aeiou" for c in "ckpn"]
ENDINGS = {"V;PST": "ed", "V;PRS": "ing", "V;SG;3": "s"}
TABLE = "".join(f"{v}\t{v}{end}\t{name}\n" for v in VERBS for name, end in ENDINGS.items())
"""Forms of verbs: what has to be written only the features tell."""
QUICK = ("--task", "seq2seq", "--hidden-size", 32, "--num-layers", 1, "--batch-size", 8, "-q")
FEATURES = TextConfig(features=True)


# --------------------------------------------------------------------------------------- as they stand


@pytest.mark.parametrize(
    ("text", "config", "words", "characters"),
    [
        ("abc", TextConfig(), [], "abc"),
        ("a b  c", TextConfig(tokens=True), ["a", "b", "c"], ""),
        ("be\tV;PST", FEATURES, ["\tV", "\tPST"], "be"),
        ("be\tpos=V,tense=PST", FEATURES, ["\tpos=V", "\ttense=PST"], "be"),
        ("be\tMood=Ind|Number=Sing", FEATURES, ["\tMood=Ind", "\tNumber=Sing"], "be"),
        ("be\tV;NOM(1,SG)", FEATURES, ["\tV", "\tNOM(1,SG)"], "be"),
        ("be\tV;NOM(1;SG)|X", FEATURES, ["\tV", "\tNOM(1;SG)", "\tX"], "be"),
        ("be\tNOM(1,SG)", FEATURES, ["\tNOM(1,SG)"], "be"),
        ("be\tPronType=Int,Rel", FEATURES, ["\tPronType=Int,Rel"], "be"),
        ("be\tA=x,y|B=z", FEATURES, ["\tA=x,y", "\tB=z"], "be"),
        ("be\tV,PST", FEATURES, ["\tV", "\tPST"], "be"),
        ("be\tV)(;,", FEATURES, ["\tV)(;,"], "be"),
        ("be\t", FEATURES, [], "be"),
        ("b e\tV", TextConfig(tokens=True, features=True), ["\tV", "b", "e"], ""),
    ],
)
def test_symbols_of_a_text(
    text: str, config: TextConfig, words: list[str], characters: str
) -> None:
    assert parted(text, config) == (words, characters)


@given(st.lists(st.sampled_from(["b", "e", "V", "PST"])), st.sets(st.sampled_from(["V", "PST"])))
def test_written_as_read(tokens: list[str], features: set[str]) -> None:
    """A token and a feature that are written alike are different, and both come back."""
    config = TextConfig(tokens=True, features=True)
    words = ("V", "\tV", "\tPST", "PST", "b", "e")
    vocabulary = Vocabulary("".join(chr(0xF0000 + n) for n in range(6)), config, words)
    text = f"{' '.join(tokens)}\t{';'.join(sorted(features))}"
    spelled = vocabulary.spelled(text)
    assert len(spelled) == len(tokens) + len(features)
    assert vocabulary.shown(spelled) == text
    names = sorted(features) + tokens
    assert [vocabulary.name_of(c) for c in spelled] == names


def test_examples_with_features() -> None:
    examples = Examples.from_lines(["ab\txy\tV;PST", "a\ty\tV"], "seq2seq", config=FEATURES)
    vocabulary = examples.vocabulary
    assert vocabulary.words == ("\tPST", "\tV")
    assert examples.spans.length.tolist() == [4, 2]
    texts = [
        vocabulary.shown(vocabulary.decode(examples.ids[a : a + n])) for a, n in [(0, 4), (4, 2)]
    ]
    assert texts == ["ab\tV;PST", "a\tV"]
    assert vocabulary.feature_numbers.tolist() == [2, 3]


def test_sources_of_tokens_are_recognised() -> None:
    examples = Examples.from_lines(["k a t\tcat", "d ɔ g\tdog"], "seq2seq")
    assert examples.vocabulary.words == ("a", "d", "g", "k", "t", "ɔ")
    assert examples.spans.length.tolist() == [3, 3]
    assert any("--source-symbols" in notice for notice in examples.notices)
    asked = Examples.from_lines(["k a t\tcat", "d ɔ g\tdog"], "seq2seq", source_symbols="character")
    assert asked.vocabulary.words == ()
    assert asked.spans.length.tolist() == [5, 5]


def test_another_models_symbols() -> None:
    first = Examples.from_lines(["a\tx\tV", "b\ty\tN"], "seq2seq", config=FEATURES)
    more = ["a\tx\tV;PST", "c\ty\tN"]
    with pytest.raises(InputError, match="symbols: PST"):
        Examples.from_lines(more, "seq2seq", vocabulary=first.vocabulary, labels=first.labels)
    wider = Examples.from_lines(
        more, "seq2seq", vocabulary=first.vocabulary, labels=first.labels, extend_vocabulary=True
    )
    assert wider.vocabulary.words == ("\tN", "\tV", "\tPST")
    assert wider.vocabulary.characters.startswith(first.vocabulary.characters)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a\tb", "line 1: has 2 columns, and not 3"),
        ("a", "a source, a TAB and its target, a TAB and features"),
        ("a\tb\tV\tx", "as in --columns 1,2,3"),
        ("\tb\tV", "line 1: has no source"),
        ("a\t\tV", "line 1: has no target"),
        (f"a\tb\t{'V' * 2000}", "line 1: a symbol of 2,000 characters"),
        (
            "\U000f0000\tb\tV",
            r"line 1: .*U\+F0000.* stands for symbols here, and cannot be in a text",
        ),
    ],
)
def test_lines_without_proper_features(line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Examples.from_lines([line, "c\td\tN"], "seq2seq", config=FEATURES)


def test_features_are_for_pairs() -> None:
    with pytest.raises(InputError, match="--features is for seq2seq"):
        Examples.from_lines(["a\tb", "c\td"], "classify", config=FEATURES)
    with pytest.raises(InputError, match="for seq2seq, not for a language model"):
        charrnn.load_corpus(config=FEATURES)
    with pytest.raises(InputError, match="one private character"):
        Vocabulary("ab", FEATURES, ["\tV"])


# -------------------------------------------------------------------------------------------- commands


@pytest.fixture
def verbs(run: Run, once: Once) -> Run:
    Path("verbs.tsv").write_text(TABLE, encoding="utf-8")
    how = ("--features", "--learning-rate", 0.02, "--dropout", 0, "--steps", 250)
    once(run, "verbs.npz", "verbs.tsv", *QUICK[:-1], *how)
    return run


def test_features_tell_what_to_write(verbs: Run, piped: Any) -> None:
    lines = [(f"{verb}\t{name}", verb + end) for verb in VERBS for name, end in ENDINGS.items()]
    given = "".join(f"{line}\n" for line, _ in lines)
    made = piped(given, "predict", "verbs.npz", "-").out.splitlines()
    right = sum(one == form for one, (_, form) in zip(made, lines, strict=True))
    assert right > 0.95 * len(lines)
    assert (
        float(json.loads(verbs("evaluate", "verbs.npz", "verbs.tsv", "--json").out)["accuracy"])
        > 0.95
    )
    # The features are there in the picture, and what nobody knows is left out, or refused.
    shown = verbs("inspect", "verbs.npz", "--attention", "bak\tV;PST", "--json").out
    assert len(json.loads(shown)["weights"][0]) == 5
    other = piped("bak\tPST;V;XX\n", "predict", "verbs.npz", "-")
    assert (other.code, other.out) == (0, "baked\n")
    assert "1 line with characters or symbols that the model does not know" in other.err
    refused = piped("bak\tPST;XX\n", "predict", "verbs.npz", "-", "--unknown", "error")
    assert refused.code == 2
    assert "standard input, line 1: not among the model's symbols: XX" in refused.err
    without = piped("back\n", "predict", "verbs.npz", "-")
    assert "line 1: has 0 TABs; a line is a source, a TAB and its features" in without.err
    known = piped("bak\tV;PST\n", "predict", "verbs.npz", "-")
    assert known.err == ""


def test_features_go_on(verbs: Run) -> None:
    """A run with features is resumed, and takes further ones with its further characters."""
    assert verbs("train", "--resume", "verbs.npz", "--steps", 260, "-q").code == 0
    Path("more.tsv").write_text("zap\tzapper\tN;AGT\nbak\tbaker\tN;AGT\n" * 4, encoding="utf-8")
    how = ("--init-from", "verbs.npz", "--steps", 20, "-q", "--val-fraction", 0)
    refused = verbs("train", "more.tsv", *how)
    assert refused.code == 2
    done = verbs("train", "more.tsv", *how, "--extend-vocab", "-o", "more.npz")
    assert done.code == 2  # targets have symbols of their own
    Path("more.tsv").write_text("zap\tsaps\tN;AGT\nbak\tbaks\tN;AGT\n" * 4, encoding="utf-8")
    assert verbs("train", "more.tsv", *how, "--extend-vocab", "-o", "more.npz").code == 0
    details = verbs("inspect", "more.npz", "--details", "--json").out
    assert json.loads(details)["symbols"][-2:] == ["AGT", "N"]


def test_tokens_to_read(run: Run, piped: Any) -> None:
    """Phones are read as they are written: from them the word."""
    words = [f"{a}{b}{c}" for a in "ptk" for b in "aiu" for c in "mns"]
    names = dict(zip("ptkaiumns", ["PH", "T", "KK", "AA", "I", "UW", "M", "N", "S"], strict=True))
    lines = [f"{' '.join(names[c] for c in word)}\t{word}\n" for word in words]
    Path("phones.tsv").write_text("".join(lines), encoding="utf-8")
    how = ("--learning-rate", 0.02, "--dropout", 0, "--steps", 200, "--val-fraction", 0)
    assert run("train", "phones.tsv", *QUICK, *how, "-o", "phones.npz").code == 0
    made = piped("PH AA  S\nKK I N\n", "predict", "phones.npz", "-")
    assert made.out == "pas\nkin\n"
    assert made.err == ""
    model = charrnn.load("phones.npz")
    assert len(model.vocabulary) == 9
    assert charrnn.rewrite(model, ["T UW M"])[0][0].text == "tum"


def test_a_strangers_symbols(verbs: Run) -> None:
    """Words without a private character each, twice the same, and symbols that run into each other are refused."""
    changes: list[tuple[dict[str, Any], str]] = [
        ({"words": ["\tV"]}, "one private character"),
        ({"words": ["\tV"] * 6}, "one private character"),
        ({"words": []}, "one private character"),
        ({"words": ["x" * 2000]}, "words"),
    ]
    with np.load("verbs.npz") as file:
        arrays = dict(file)
    meta = json.loads(arrays["meta"].tobytes())
    names = [*meta["labels"][:-1], "ab"]
    changes.append(({"labels": names}, "cannot be told apart"))
    for change, said in changes:
        text = json.dumps({**meta, **change}).encode()
        np.savez("bad.npz", **{**arrays, "meta": np.frombuffer(text, np.uint8)})
        refused = verbs("predict", "bad.npz", "verbs.tsv")
        assert refused.code == 1, change
        assert (said in refused.err, refused.err.count("\n")) == (True, 1), refused.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--features",), "columns, and not 3"),
        (("--features", "--columns", "1,2"), "three different numbers"),
        (("--columns", "1,2,3"), "two different numbers"),
        (("--source-symbols", "word"), "--source-symbols must be character or token"),
        (("--task", "classify", "--features"), "--features is for seq2seq"),
        (("--task", "classify", "--source-symbols", "token"), "--source-symbols is for seq2seq"),
    ],
)
def test_asked_wrongly(run: Run, options: tuple[str, ...], said: str) -> None:
    Path("pairs.tsv").write_text("a\tb\nc\td\n", encoding="utf-8")
    refused = run("train", "pairs.tsv", "--task", "seq2seq", *options)
    assert refused.code == 2
    assert said in refused.err


def test_a_page_of_a_model_with_features(verbs: Run) -> None:
    """Its pair is one of the table, in the model's symbols."""
    assert verbs("inspect", "verbs.npz", "--html", "verbs.html").code == 0
    page = Path("verbs.html").read_text(encoding="utf-8")
    assert "There is nothing to see here" not in page
    assert "What each symbol looked at" in page
