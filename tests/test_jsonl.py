"""docs/jsonl.md is what ``charrnn sample --jsonl`` does with each key of a line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome, Run, Trained
from hypothesis import given
from hypothesis import strategies as st

from charrnn.cli.jsonl import ANSWERS, SETTINGS, Asking, passed_on
from charrnn.cli.sample import sample
from charrnn.cli.sample_options import MAX_LENGTH
from charrnn.cli.settings import option_names
from charrnn.errors import InputError
from charrnn.files.codec import NESTED

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "jsonl.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.DOTALL)
TEXT = "The cow ate hay.\nHay ate a cow, the hen said.\n" * 40
SHORT = ("-n", 12, "--seed", 1, "-q")


@pytest.fixture
def ask(run: Run, trained: Trained) -> Any:
    """Answers to lines, of objects or as they stand."""

    def answers(lines: list[Any], *options: object) -> tuple[list[Any], Outcome]:
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        Path("asked.jsonl").write_bytes(b"\n".join(raw))
        outcome = run("sample", trained(TEXT), "--prime-file", "asked.jsonl", "--jsonl", *options)
        found = outcome.out.split("\n")[:-1]  # a line of JSON may hold U+2028
        return [json.loads(line, parse_constant=pytest.fail) for line in found], outcome

    return answers


@pytest.mark.skipif(os.name != "posix", reason="the sessions are for a POSIX shell")
@pytest.mark.parametrize(("command", "shown"), SESSIONS, ids=map(str, range(len(SESSIONS))))
def test_sessions(command: str, shown: str, tmp_path: Path) -> None:
    """What the page shows is what is printed, standard error included."""
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", f"{{ {command}; }} 2>&1"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.stdout.decode() == shown


def test_the_page_names_every_setting() -> None:
    """Its table has the keys that are read, with all of their names and their options."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) ?\| [^|]* \| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(SETTINGS)
    names = option_names(sample)
    for key, others, default in rows:
        named = {key, *re.findall(r"`(\w+)`", others)}
        # One setting is the second number of another one's option.
        options_of = {n for n, parameter in names.items() if parameter == key and len(n) > 1}
        assert named == options_of or (named, options_of) == ({"final_temperature"}, set())
        options = [option.replace("-", "_") for option in re.findall(r"`--([\w-]+)`", default)]
        assert all(names[option] == key.removeprefix("final_") for option in options)
    assert f"{MAX_LENGTH:,} by default" in PAGE
    assert len(SESSIONS) == PAGE.count("```console")


@pytest.mark.parametrize(
    ("key", "value", "options"),
    [
        ("temp", 0, ("--temp", 0)),
        ("temperature", 0.5, ("--temp", 0.5)),
        ("top_k", 1, ("--top-k", 1)),
        ("top-p", 0.01, ("--top-p", 0.01)),
        ("stop", "e", ("--stop", "e")),
        ("stop", ["q", "a"], ("--stop", "q", "--stop", "a")),
        ("ban", "ahe ", ("--ban", "ahe ")),
        ("until-lines", 1, ("--until-lines", 1)),
        ("length", 3.0, ("--length", 3)),
        ("seed", 9, ("--seed", 9)),
        ("top_k", None, ()),
        ("stop", None, ()),
    ],
)
def test_a_key_is_its_option(
    ask: Any, run: Run, trained: Trained, key: str, value: Any, options: tuple[object, ...]
) -> None:
    """A line that sets something gets the text that the option alone gives."""
    (answer,), outcome = ask([{"prime": "The", key: value}], *SHORT)
    assert (outcome.code, outcome.err) == (0, "")
    alone = run("sample", trained(TEXT), "-p", "The", "--no-echo", *SHORT, *options)
    assert answer["text"] == alone.out
    assert answer["seed" if key == "seed" else key] == value


def test_a_setting_is_said_once(ask: Any) -> None:
    """Two names of one setting contradict each other, and so does a key that is there twice."""
    lines = [{"prime": "", "temp": 0, "temperature": 1}, b'{"prime": "", "seed": 1, "seed": 2}']
    answers, _ = ask(lines, *SHORT)
    assert answers[0]["error"] == "temp and temperature are the same setting"
    assert answers[1] == {"error": "not JSON: an entry is there twice", "line": 2}


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("max_length", '"length"'), ("maxLength", '"length"'), ("lenght", '"length"'),
        ("Temperature", '"temperature"'), ("temprature", '"temperature"'), ("topK", '"top_k"'),
        ("untilLines", '"until_lines"'), ("random_seed", '"seed"'), ("t", '"temperature"'),
        ("num_samples", "only the command"), ("separator", "only the command"),
        ("id", ""), ("text", ""), ("label", ""), ("can", ""), ("prime_id", ""), ("x", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_looks_like_a_setting_is_named(ask: Any, key: str, named: str) -> None:
    """Once, with what was meant; what does not is passed on in silence."""
    answers, outcome = ask([{"prime": "The", key: 3}] * 2, *SHORT)
    assert outcome.code == 0
    plain, _ = ask([{"prime": "The"}] * 2, *SHORT)
    assert [answer["text"] for answer in answers] == [answer["text"] for answer in plain]
    if named:
        (line,) = outcome.err.splitlines()
        assert line.startswith(f'asked.jsonl, line 1: "{key}" is passed on')
        assert named in line
    else:
        assert outcome.err == ""


def test_a_wrong_line_and_the_others(ask: Any) -> None:
    """Each has its answer in its place, with what was passed on; seeds are those of the lines."""
    lines = [
        {"id": 1, "prime": "The"},
        b"{",
        {"id": 3, "prime": "The", "temperature": "hot", "line": "mine", "text": "a"},
        b'{"prime": "The \xe9"}',
        {"id": 5, "prime": "☃"},
        {"id": 6, "prime": "The", "ban": TEXT},
        {"id": 7, "prime": "The"},
    ]
    answers, outcome = ask(lines, *SHORT)
    assert outcome.code == 1
    assert [answer.get("id") for answer in answers] == [1, None, 3, None, 5, 6, 7]
    assert [answer.get("line") for answer in answers] == [None, 2, 3, 4, 5, 6, None]
    assert [answer.get("seed") for answer in answers] == [1, *[None] * 5, 7]
    assert answers[2]["error"] == 'temperature must be a number, not "hot"'
    assert answers[2]["given"] == {"line": "mine", "text": "a"}
    assert answers[3] == {"error": "not UTF-8", "line": 4}
    assert answers[5]["error"] == "ban leaves no character to write"
    (line,) = outcome.err.splitlines()
    assert line.startswith("charrnn: 5 lines got an error for an answer; first line 2: not JSON: ")
    answers, outcome = ask(lines, *SHORT, "--strict")
    assert (outcome.code, len(answers)) == (2, 1)
    assert outcome.err.startswith("charrnn: asked.jsonl, line 2: not JSON: ")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("length", True, "length must be a whole number, not true"),
        ("length", 1.5, "length must be a whole number, not 1.5"),
        ("length", -1, "length must be a whole number from 0"),
        ("length", 2**60, "length 1,152,921,504,606,846,976 is more than --max-length 100,000"),
        ("length", 1e300, "length must be a whole number from 0"),
        ("temp", [1], "temp must be a number, not [1]"),
        ("temperature", 10**400, "temperature is too large: 1000"),
        ("seed", 2**64, "seed must be a whole number from 0 to 18446744073709551615"),
        ("seed", "1", 'seed must be a whole number, not "1"'),
        ("stop", [None], "stop must be a string, or a list of some, not [null]"),
        ("stop", "", "stop must be a string of at least one character"),
        ("ban", {"a": None}, 'ban must be a string, not {"a": null}'),
        ("stop", "\ud800", "stop has half of a surrogate pair"),
        ("top_p", 0, "top_p must be above 0"),
        ("prime", None, 'must be an object with a string "prime"'),
        ("ban", ["x" * 10**6], 'ban must be a string, not ["xxx'),
    ],
)
def test_wrong_values(ask: Any, key: str, value: Any, said: str) -> None:
    """They are told in the words of JSON, and long ones in short."""
    (answer,), _ = ask([{"prime": "The"} | {key: value}], *SHORT)
    assert answer["error"].startswith(said)
    assert len(answer["error"]) < 400


def test_no_line_blocks_the_others(ask: Any) -> None:
    """A length is bounded, also one that something else would have to end."""
    lines = [{"prime": "The", "length": 0, "stop": "☃"}, {"prime": "The"}]
    answers, outcome = ask(lines, *SHORT, "--max-length", 7)
    assert outcome.code == 0
    assert [len(answer["text"]) for answer in answers] == [7, 7]
    assert len(ask([{"prime": "The", "length": 12}], *SHORT)[0][0]["text"]) == 12


@pytest.mark.parametrize(
    ("line", "options", "length"),
    [
        ({"length": 0, "stop": "☃", "best_of": 4}, (), 15),
        ({"stop": "☃", "best_of": 4}, ("-n", 0), 15),
        ({"length": 0, "stop": "☃"}, ("--best-of", 4), 15),
        ({}, ("-n", 20, "--best-of", 4), 15),
        ({"length": 15, "best_of": 4}, (), 15),
        ({"length": 16, "best_of": 4}, (), "length 16 × best_of 4 is more than --max-length 60"),
        ({"best_of": 6}, (), "length 12 × best_of 6 is more than --max-length 60"),
        ({"length": 0, "stop": "a", "best_of": 61}, (), "length 1 × best_of 61 is more than"),
    ],
)
def test_the_best_of_texts_is_bounded(
    ask: Any, line: dict[str, Any], options: tuple[object, ...], length: int | str
) -> None:
    """All of them together have --max-length characters, also those that something else would have to end."""
    answers, _ = ask([{"prime": "The"} | line], *SHORT, *options, "--max-length", 60)
    if isinstance(length, str):
        assert answers[0]["error"].startswith(length)
    else:
        assert len(answers[0]["text"]) == length


def test_what_the_command_asks_for_is_allowed(ask: Any) -> None:
    """Where nobody says --max-length, a line may say what it gets where it says nothing."""
    line = {"prime": "The", "length": MAX_LENGTH, "stop": "e"}
    answers, _ = ask([line], *SHORT, "-n", MAX_LENGTH, "--best-of", 2)
    assert "text" in answers[0]
    answers, _ = ask([line], *SHORT, "--best-of", 2)
    assert answers[0]["error"].startswith("length 100,000 × best_of 2 is more than")


@pytest.mark.parametrize("best_of", [1, 3])
def test_after_the_last_seed_comes_the_first(run: Run, ask: Any, best_of: int) -> None:
    """No text is said to have one that cannot be given; each gives its text again."""
    last = (1 << 64) - 1
    lines = [{"prime": "The "}, {"prime": 3}, {"prime": "The ", "seed": last}]
    options = ("-n", 12, "-q", "--seed", last, "--num-samples", 3, "--best-of", best_of)
    found, _ = ask(lines, *options)
    texts = [answer for answer in found if "seed" in answer]
    assert len(texts) == 6
    assert [answer["text"] for answer in texts[:3]] == [answer["text"] for answer in texts[3:]]
    assert {answer["seed"] for answer in texts} - {last} <= set(range(9))
    for answer in texts:
        ((again,), _) = ask([{"prime": "The ", "seed": answer["seed"]}], *SHORT)
        assert again["text"] == answer["text"]
    for wrong in (last + 1, -1):
        assert run("sample", "--seed", wrong).code == 2


def test_a_wrong_line_takes_seeds(ask: Any) -> None:
    """Those of the others do not depend on it."""
    found, _ = ask([{"prime": "The "}, {"best_of": 5}, {"prime": "The "}], *SHORT, "--best-of", 2)
    right, _ = ask([{"prime": "The "}] * 3, *SHORT, "--best-of", 2)
    assert found[2] == right[2]


def test_what_is_passed_on_is_kept(ask: Any) -> None:
    """As it came, but for what an answer needs itself, which is in ``given``."""
    line = {"prime": "The", "text": "a", "given": 1, "error": None, "row": 1e300, "n2": 10**30}
    (answer,), _ = ask([line], *SHORT)
    assert answer["given"] == {"text": "a", "given": 1, "error": None}
    assert (answer["row"], answer["n2"]) == (1e300, 10**30)
    deep: Any = []
    for _ in range(NESTED):
        deep = [deep]
    lines = [{"prime": "The", "deep": deep[0][0]}, {"prime": "The", "deep": deep}]
    answers, _ = ask(lines, *SHORT)
    assert answers[0]["deep"] == deep[0][0]
    assert "more than 100 deep" in answers[1]["error"]
    for depth in (101, 990, 100_000):  # more than Python reads, too
        with pytest.raises(
            InputError, match=r"^has lists and objects in each other, more than 100 deep"
        ):
            Asking.parse(f'{{"prime": "The", "deep": {"[" * depth}{"]" * depth}}}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*SETTINGS, *ANSWERS, "temp", "id", "n", ""]), JSON))
def test_nothing_is_lost(given: dict[str, Any]) -> None:
    """All that a line holds is in its answer."""
    passed = passed_on(given)
    taken = passed.pop("given", {})
    assert set(taken) <= set(ANSWERS)
    assert {**passed, **taken} == given


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_an_object_or_refused(line: bytes) -> None:
    """Whatever it holds, no other error comes of it."""
    try:
        assert isinstance(Asking.parse(line.decode(errors="surrogateescape")), dict)
    except InputError as error:
        assert str(error)
