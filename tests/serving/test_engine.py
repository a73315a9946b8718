"""The batch that texts join and leave: each is its own, and none is forgotten."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from served import (
    _by_numpy,  # noqa: F401 (each test has it)
    growing_model,
    labelled_model,
    text_model,
)

from charrnn.config import SamplingConfig
from charrnn.errors import CharrnnError, CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.serving import engine as engine_module
from charrnn.serving.engine import Engine, News, Order
from charrnn.serving.refusing import RequestError
from charrnn.writing import writer
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Piece, Prompt

MODEL = text_model()


class _Desk:
    """Takes what is delivered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.texts: dict[Order, dict[int, str]] = {}
        self.left: dict[Order, int] = {}
        self.errors: dict[Order, CharrnnError] = {}
        self.together = 0  # texts that came at once, at most

    def order(self, *prompts: Prompt, model: CharacterModel = MODEL) -> Order:
        order = Order(model, prompts, lambda _: None)
        self.texts[order], self.left[order] = defaultdict(str), len(prompts)
        return order

    def deliver(self, news: Mapping[Order, list[News]]) -> None:
        with self._changed:
            self.together = max(self.together, sum(map(len, news.values())))
            for order, pieces in news.items():
                for piece in pieces:
                    if isinstance(piece, Piece):
                        self.texts[order][piece.number] += piece.text
                        self.left[order] -= piece.last
                    else:
                        self.errors[order] = piece
            self._changed.notify_all()

    def wait(self, *orders: Order) -> None:
        """Until all of them are done, or have failed."""

        def done() -> bool:
            return all(not self.left[order] or order in self.errors for order in orders)

        with self._changed:
            assert self._changed.wait_for(done, 20)

    def wait_for_text(self, order: Order) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.texts[order], 20)


@contextmanager
def _running(desk: _Desk, model: CharacterModel = MODEL, **options: Any) -> Iterator[Engine]:
    engine = Engine(model, desk.deliver, **{"texts": 8, "waiting": 100, **options})
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def _prompt(seed: int, length: int | None = 50, **settings: Any) -> Prompt:
    return Prompt("fed"[: seed % 4], seed, SamplingConfig(length=length, **settings))


def _alone(prompt: Prompt, model: CharacterModel = MODEL) -> str:
    return "".join(piece.text for piece in generate_batch(model, [prompt]))


@pytest.mark.parametrize("texts", [1, 3, 40])
def test_texts_are_those_of_sample(texts: int) -> None:
    """However many are written at once, whatever the others are, and on as many threads as there are."""
    desk = _Desk()
    settings: list[dict[str, Any]] = [
        {},
        {"temperature": 0.5, "top_k": 3},
        {"dry": 1.0},
        {"stop": ("a",)},
    ]
    prompts = [_prompt(n, 20 + n, **settings[n % 4]) for n in range(48)]
    with _running(desk, texts=texts) as engine:
        orders = [desk.order(*prompts[n : n + 4]) for n in range(0, 48, 4)]
        for order in orders:
            engine.submit(order)
        desk.wait(*orders)
        assert engine.load == (0, 0)
    found = [text for order in orders for _, text in sorted(desk.texts[order].items())]
    assert found == list(map(_alone, prompts))
    assert 1 <= desk.together <= texts


def test_what_comes_later_joins() -> None:
    """A text that never ends does not keep others waiting, and loses nothing by them."""
    desk = _Desk()
    with _running(desk) as engine:
        endless = desk.order(_prompt(1, None))
        engine.submit(endless)
        desk.wait_for_text(endless)
        later = desk.order(_prompt(2), _prompt(3))
        engine.submit(later)
        desk.wait(later)
        assert engine.load == (1, 0)
        engine.withdraw(endless)
        assert engine.load == (0, 0)
    assert desk.texts[later] == {0: _alone(_prompt(2)), 1: _alone(_prompt(3))}
    begun = desk.texts[endless][0]
    assert begun == _alone(_prompt(1, len(begun)))
    assert endless not in desk.errors


def test_whose_turn_it_is() -> None:
    """Texts beyond the first few wait, many more are refused, and who leaves makes room."""
    desk = _Desk()
    with _running(desk, texts=2, waiting=2) as engine:
        endless = desk.order(_prompt(1, None), _prompt(2, None))
        engine.submit(endless)
        desk.wait_for_text(endless)
        waiting = desk.order(_prompt(3), _prompt(4))
        engine.submit(waiting)
        with pytest.raises(RequestError, match="busy") as refused:
            engine.submit(desk.order(_prompt(5)))
        assert refused.value.status == 429
        assert engine.load == (2, 2)
        engine.withdraw(endless)
        desk.wait(waiting)
        again = desk.order(_prompt(5))
        engine.submit(again)
        engine.withdraw(again)
    assert desk.texts[waiting] == {0: _alone(_prompt(3)), 1: _alone(_prompt(4))}


def test_labels_in_one_batch() -> None:
    """Models that write for labels have their parameters in common."""
    model, desk = labelled_model(), _Desk()
    each = [model.writing({name: 1.0}) for name in model.labels.names]
    with _running(desk, model) as engine:
        orders = [desk.order(_prompt(4, 30), model=one) for one in each]
        for order in orders:
            engine.submit(order)
        desk.wait(*orders)
    texts = [desk.texts[order][0] for order in orders]
    assert texts == [_alone(_prompt(4, 30), one) for one in each]
    assert texts[0] != texts[1]


def test_the_end() -> None:
    """Who waits, and whose text is written, is told; who comes later, too."""
    desk = _Desk()
    with _running(desk, texts=1) as engine:
        endless, waiting = desk.order(_prompt(1, None)), desk.order(_prompt(2))
        engine.submit(endless)
        desk.wait_for_text(endless)
        engine.submit(waiting)
    desk.wait(endless, waiting)
    assert "shutting down" in str(desk.errors[waiting])
    with pytest.raises(RequestError, match="shutting down"):
        engine.submit(desk.order(_prompt(3)))


def test_numbers_that_overflow() -> None:
    broken, desk = text_model(), _Desk()
    broken.parameters["c"][0] = np.inf
    with _running(desk, broken) as engine:
        order = desk.order(_prompt(1), model=broken)
        engine.submit(order)
        desk.wait(order)
    assert isinstance(desk.errors[order], CheckpointError)


def test_numbers_of_one_text_overflow() -> None:
    """Those of a net whose state grows with what it reads; the texts beside it are written to their ends."""
    model, desk = growing_model(), _Desk()
    fine = [Prompt("", seed, SamplingConfig(length=3000, ban="a")) for seed in range(3)]
    wanted = [_alone(prompt, model) for prompt in fine]
    with _running(desk, model) as engine:
        good = desk.order(*fine, model=model)
        engine.submit(good)
        desk.wait_for_text(good)
        bad = [desk.order(Prompt("a" * n, 1), model=model) for n in (500, 60)]
        for order in bad:
            engine.submit(order)
        desk.wait(good, *bad)
    assert all(isinstance(desk.errors[order], CheckpointError) for order in bad)
    assert good not in desk.errors
    assert [desk.texts[good][place] for place in range(3)] == wanted


def test_what_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose texts are written hear of it, and the next ones are written."""
    desk, told = _Desk(), list[str]()
    with _running(desk, tell=told.append) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(writer.Writer, "write", lambda _: 1 / 0)
            order = desk.order(_prompt(1))
            engine.submit(order)
            desk.wait(order)
        assert str(desk.errors[order]) == "the server failed"
        assert told == ["writing failed: ZeroDivisionError('division by zero')"]
        later = desk.order(_prompt(2))
        engine.submit(later)
        desk.wait(later)
    assert desk.texts[later][0] == _alone(_prompt(2))


def test_the_thread_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it ends by: nobody waits for ever, and it is told."""
    desk, told = _Desk(), list[str]()

    def fail(*_: object) -> None:
        raise SystemExit(3)

    with _running(desk, texts=1, tell=told.append) as engine:
        monkeypatch.setattr(writer.Writer, "write", fail)
        orders = desk.order(_prompt(1)), desk.order(_prompt(2))
        with engine._changed:
            for order in orders:
                engine.submit(order)
        desk.wait(*orders)
        with pytest.raises(RequestError, match="shutting down"):
            engine.submit(desk.order(_prompt(3)))
        assert engine.load == (0, 0)
    assert {str(error) for error in desk.errors.values()} == {"the server is shutting down"}
    assert told == ["no more is written: SystemExit(3)"]


def test_the_end_does_not_wait_for_a_long_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "GRACE", 0.05)
    desk, reading, go_on = _Desk(), threading.Event(), threading.Event()

    def read(*_: object) -> None:
        reading.set()
        go_on.wait(20)

    with _running(desk) as engine:
        monkeypatch.setattr(Engine, "_read", read)
        order = desk.order(_prompt(1))
        engine.submit(order)
        assert reading.wait(20)
        engine.close()
        assert "shutting down" in str(desk.errors[order])
        go_on.set()
        engine._thread.join(20)
        assert not engine._thread.is_alive()
