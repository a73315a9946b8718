"""Labels and their numbers, tags and the spans that they make, and what is learnt where no file is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spans import spans_of

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text import embedded
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.source import Source
from charrnn.text.tagging import Scheme

IOB = ("B-PER", "I-PER", "B-LOC", "I-LOC", "O")
SCHEMES = {
    IOB: True,
    ("B", "I", "O"): True,
    ("I", "x", "B"): True,
    ("B-PER", "I-PER", "I-LOC", "B", "I"): True,
    ("B", "U", "."): False,
    ("I", "O"): False,
    ("Bar", "Ill", "B_x", "I-x"): False,
    ("lower", "upper"): False,
}
"""Names of tags, and whether they say where spans begin."""


def _told(names: Sequence[str], texts: Sequence[Sequence[str]]) -> set[tuple[int, int, str]]:
    """The spans of texts that stand one after the other, with borders between them."""
    scheme = Scheme(names)
    numbers = [n for text in texts for n in (*map(names.index, text), -1)]
    spans = scheme.spans(np.array(numbers, np.intp))
    assert spans.shape[1] == 3
    found = [(start, stop, scheme.kinds[kind]) for start, stop, kind in spans.tolist()]
    assert found == sorted(set(found))
    return set(found)


@pytest.mark.parametrize(("names", "iob"), SCHEMES.items())
def test_kinds(names: Sequence[str], iob: bool) -> None:
    """Each kind is told once, whichever tags begin it and go on with it."""
    scheme = Scheme(names)
    assert scheme.iob == iob
    kinds = {kind for name in names for _, _, kind in spans_of([name], iob=iob)}
    assert set(scheme.kinds) == kinds
    assert len(scheme.kinds) == len(kinds)


@given(
    st.sampled_from(list(SCHEMES)).flatmap(
        lambda names: st.tuples(
            st.just(names), st.lists(st.lists(st.sampled_from(names), max_size=12), max_size=4)
        )
    )
)
def test_spans(named: tuple[Sequence[str], list[list[str]]]) -> None:
    """They are as the definition says, of each text by itself; none goes over a border."""
    names, texts = named
    expected, place = set(), 0
    for text in texts:
        found = spans_of(text, iob=SCHEMES[tuple(names)])
        expected |= {(start + place, stop + place, kind) for start, stop, kind in found}
        place += len(text) + 1
    assert _told(names, texts) == expected


def test_spans_in_numbers() -> None:
    """An I that goes on with nothing, or with another kind, begins a span; two B are two spans."""
    text = ["O", "I-PER", "I-PER", "B-PER", "I-LOC", "O", "B-LOC", "B-LOC", "I-LOC"]
    assert _told(IOB, [text]) == {
        *((1, 3, "PER"), (3, 4, "PER"), (4, 5, "LOC"), (6, 7, "LOC"), (7, 9, "LOC"))
    }
    assert _told((".", "U"), ["UU..U", "U"]) == {
        *((0, 2, "U"), (2, 4, "."), (4, 5, "U"), (6, 7, "U"))
    }


def test_spans_of_nothing() -> None:
    """No tag, no span."""
    assert Scheme(IOB).spans(np.empty(0, np.intp)).shape == (0, 3)


def test_a_kind_called_i() -> None:
    """Kinds are called anything: B-I begins another kind of span than B-B."""
    names = ("B-I", "I-I", "B-B", "I-B", "O")
    assert _told(names, [["B-B", "I-I", "O", "B-I", "I-B"]]) == {
        *((0, 1, "B"), (1, 2, "I"), (3, 4, "I"), (4, 5, "B"))
    }


# ------------------------------------------------------------------------------------------ labels


def test_labels() -> None:
    """A label's number is its place; -1 stands for one that is not known."""
    labels = Labels(["spam", "ham", "e\u0301"])
    assert len(labels) == 3
    assert [labels.number(name) for name in labels.names] == [0, 1, 2]
    assert labels.encode(["ham", "\xe9", "spam", "Ham", "e\u0301"]).tolist() == [1, -1, 0, -1, 2]
    assert labels.encode([]).tolist() == []
    assert labels.encode([]).dtype == np.intp
    assert "ham" in labels
    assert "Ham" not in labels
    assert not len(NO_LABELS)


def test_equal_labels() -> None:
    """They are in their order, and with what stands between."""
    assert Labels("ab") == Labels(["a", "b"])
    assert hash(Labels("ab")) == hash(Labels(["a", "b"]))
    assert Labels("ab") != Labels("ba")
    assert Labels("ab") != Labels("ab", " ")
    assert Labels("ab") != ("a", "b")


def test_labels_that_cannot_be() -> None:
    """Two labels of one name could not be told apart."""
    with pytest.raises(InputError, match="each label has one name, which no other has"):
        Labels(["a", "b", "a"])


@pytest.mark.parametrize("names", [["New York", "B"], ["", "B"]])
def test_names_that_do_not_fit_the_blanks(names: list[str]) -> None:
    """With blanks between tags there is none within one: what is joined could not be divided."""
    with pytest.raises(InputError):
        Labels(names, " ")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("Spam", "; did you mean spam or ham?"),
        ("hma", "; did you mean ham?"),
        ("zzz", "; did you mean ham or eggs or spam?"),
        ("EGGS", "; did you mean eggs?"),
    ],
)
def test_a_label_that_is_not_known(name: str, advice: str) -> None:
    """The nearest ones are told, or else the first."""
    with pytest.raises(InputError) as error:
        Labels(["ham", "eggs", "spam", "toast"]).number(name)
    assert str(error.value) == f"{name}: the model knows no such label{advice}"


def test_a_label_of_none() -> None:
    """Nothing can be meant where there are no labels."""
    with pytest.raises(InputError, match=r"^x: the model knows no such label$"):
        NO_LABELS.number("x")


@given(
    st.sampled_from(["", " "]).flatmap(
        lambda between: st.tuples(
            st.just(between),
            st.lists(st.sampled_from(("N", "V", ".") if not between else ("N", "Verb", "P.p"))),
        )
    )
)
def test_tags_there_and_back(given_tags: tuple[str, list[str]]) -> None:
    """What is joined is divided again, also where there are no tags at all."""
    between, tags = given_tags
    labels = Labels(sorted({*tags}), between)
    joined = labels.joined(labels.encode(tags))
    assert joined == between.join(tags)
    assert [*labels.divided(joined)] == tags


# ---------------------------------------------------------------------------------------- embedded


def test_time_zones() -> None:
    """Cities with their continents, each a line; nothing else that is called a zone."""
    if not _zones():
        pytest.skip("no time zones here")
    lines = embedded.time_zones().split("\n")
    assert lines.pop() == ""
    pairs = [line.split("\t") for line in lines]
    assert all(len(pair) == 2 and all(pair) for pair in pairs)
    assert {continent for _, continent in pairs} <= embedded.CONTINENTS
    assert ["Zurich", "Europe"] in pairs
    assert ["New York", "America"] in pairs
    assert ["Buenos Aires", "America"] in pairs  # America/Argentina/Buenos_Aires
    cities = {city for city, _ in pairs}
    assert not any("_" in city or "/" in city for city in cities)
    assert not cities & {
        "UTC",
        "GMT+1",
        "EST5EDT",
        "Eastern",
    }  # Etc/, US/ and what has no continent
    assert len(lines) > 400


def _zones() -> bool:
    from zoneinfo import available_timezones

    return bool(available_timezones())


def test_no_time_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system may have none; the message says what brings some."""
    monkeypatch.setattr("zoneinfo.available_timezones", lambda: {"UTC", "Etc/GMT", "EST5EDT"})
    with pytest.raises(InputError, match="pip install tzdata brings some"):
        embedded.time_zones()


def test_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags tell which characters were capitals; a line that lower case makes longer is left out."""
    text = "Ab  C\n\n \tx\u00c4\u03a3\n\u0130stanbul\nno"
    monkeypatch.setattr(embedded, "default_text", lambda: text)
    assert embedded.cases() == "ab c\tU..U\nx\u00e4\u03c2\t.UU\nno\t..\n"


def test_cases_of_the_reference() -> None:
    """Tags turn each line back into what is in the reference."""
    reference = {" ".join(line.split()) for line in embedded.default_text().splitlines()}
    lines = embedded.cases().split("\n")
    assert lines.pop() == ""
    back = set()
    for line in lines:
        lower, tags = line.split("\t")
        assert {*tags} <= {embedded.UPPER, embedded.OTHER}
        pairs = zip(lower, tags, strict=True)
        back.add("".join(c.upper() if tag == embedded.UPPER else c for c, tag in pairs))
    assert back == reference - {""}


@pytest.mark.parametrize("source", embedded.STEMS)
def test_embedded_sources(source: str) -> None:
    """Each can be read by its name, is the source of a task, and comes in the same order again."""
    if source == embedded.TIME_ZONES and not _zones():
        pytest.skip("no time zones here")
    pieces = Source(source).pieces(TextConfig(normalize="none"))
    assert "".join(pieces) == embedded.embedded_text(source) == embedded.embedded_text(source)
    assert source in embedded.DEFAULTS.values()
