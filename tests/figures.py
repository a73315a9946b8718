"""A figure of every kind of block, with strings in it that a terminal, a page or a file could take for commands."""

from __future__ import annotations

import numpy as np

from charrnn.drawing.figure import (
    Axis,
    Bar,
    Block,
    Cell,
    Chart,
    Colouring,
    Column,
    Commands,
    Distribution,
    Distributions,
    Facts,
    Figure,
    Guesses,
    Heading,
    Histogram,
    Line,
    Map,
    Matrix,
    Panels,
    Passage,
    Pick,
    Place,
    Profile,
    Rule,
    Scatter,
    Strong,
    Symbols,
    Table,
    Words,
)

HOSTILE = "a\x1b]0;x\x07\x9b2J\r\u202e\u0301 <b>$x_{$ & [red]\ud800\U000e0041"
"""What would act on a terminal, on HTML, on matplotlib or on rich."""

CHARACTERS = "a\x1b\x07\x9b\n\t é\u0301漢"
SHARES = np.linspace(0, 1, len(CHARACTERS))


def _chart(name: str, *, log: bool = False) -> Chart:
    y = (0.5, 1e-9, 0.001, 7.0) if log else (3.0, 1.0, float("nan"), -2.0)
    lines = (
        Line(
            f"one {HOSTILE}",
            (0, 1, 2, 3),
            y,
            ([at - 1 for at in y], [at + 1 for at in y]),
            True,
            HOSTILE,
        ),
        Line("short", (1,), (1.0,)),
        Line("none", (), ()),
    )
    rules = (Rule((0, 1), (3, 1), HOSTILE),)
    axis = Axis(HOSTILE, log=log, low=1e-6 if log else None, high=10 if log else None)
    return Chart(name, HOSTILE, Axis("steps"), axis, HOSTILE, lines, rules, HOSTILE * log)


def _map() -> Map:
    places = [
        Place(Symbols(c, alone=True), n % 3, n // 3, n, HOSTILE) for n, c in enumerate(CHARACTERS)
    ]
    return Map("map", HOSTILE, Axis(bare=True), Axis(HOSTILE), HOSTILE, places, (HOSTILE,))


def blocks() -> list[Block]:
    """One of each kind, and of some kinds the different forms."""
    x, y = Axis(HOSTILE, low=0, high=1), Axis("y", low=0, high=1)
    scatter = Scatter(
        "points",
        HOSTILE,
        x,
        y,
        HOSTILE,
        (SHARES.tolist(), SHARES.tolist()),
        (Rule((0, 1), (1, 0), HOSTILE),),
    )
    histogram = Histogram(
        "many", HOSTILE, Axis("steps", log=True), Axis(), HOSTILE, (0.1, 1, 10), (3, 0), 3
    )
    guesses = Guesses(SHARES * 9, SHARES, ["ab"] * len(CHARACTERS), np.ones((len(CHARACTERS), 2)))
    amounts = Colouring(HOSTILE, SHARES * 8, 0, 8, unit="bits:", told=HOSTILE)
    held = Colouring("1:2", SHARES - 0.5, -0.5, 0.5, True, "holds", HOSTILE, slice(2, 9))
    shares = np.vstack([SHARES, SHARES[::-1]]) / SHARES.sum()
    mixed = (HOSTILE, Strong(HOSTILE), Symbols(CHARACTERS), Symbols(" ", True, 0.7), Pick(HOSTILE))
    columns = (
        Column(HOSTILE), Column("", figures=True), Column("r", whole=True, series=1),
        Column("spare", spare=True), Column("ends", whole=True, ends=True),
    )  # fmt: skip
    rows: list[list[Cell]] = [
        [
            mixed,
            f"{n}",
            Bar(n / 2, f"{n:g} {HOSTILE}", n == 1),
            Profile(SHARES.tolist()),
            Symbols("ab" * 90),
        ]
        for n in range(3)
    ]
    return [
        Words(mixed),
        Words(HOSTILE, whole=True),
        Heading(HOSTILE),
        Facts([(HOSTILE, mixed), ("b", "c")]),
        Facts([(HOSTILE, mixed)], title=HOSTILE),
        Commands([("go on", f"charrnn {HOSTILE}")]),
        Table(columns, rows),
        Table(columns, rows, HOSTILE, ["all", "3", "", "", ""], HOSTILE),
        _chart("line"),
        _chart("log", log=True),
        scatter,
        histogram,
        _map(),
        Matrix("taken", HOSTILE, x, y, HOSTILE, [HOSTILE, "b"], [[0.99, 0.01], [0.0, 0.5]]),
        Panels([scatter] * 4, 3),
        Panels([_chart("a"), _chart("b", log=True), histogram, _map()], narrow=True),
        Passage("text", CHARACTERS, [amounts], guesses=guesses, at=3),
        Passage("unit", CHARACTERS, [held, amounts, held, held]),
        Distributions(
            "next", CHARACTERS, (0.5, 1), [Distribution(mixed, shares, np.ones(2), SHARES)], 4
        ),
    ]  # fmt: skip


PICTURED = (Table, Chart, Scatter, Histogram, Map, Matrix, Panels, Passage, Distributions)


def figure(encoding: str = "utf-8") -> Figure:
    """All of them; those that can be are in the picture, too."""
    every = blocks()
    pictured = [block for block in every if isinstance(block, PICTURED)]
    title = (HOSTILE, Symbols(CHARACTERS))
    return Figure(title, every, {}, title, pictured, encoding=encoding)
