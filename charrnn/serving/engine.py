"""Who writes: one thread, with all texts that are asked for as rows of one batch, which they join and leave as they come and go."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from threading import Condition, Thread
from typing import NamedTuple

import numpy as np

from charrnn.errors import CharrnnError, SamplingError
from charrnn.models.character_model import CharacterModel
from charrnn.models.stepper import form
from charrnn.nn.parallel import MIN_STREAMS, Shards, default_shards, single_threaded_blas
from charrnn.nn.workspace import Workspace
from charrnn.serving.refusing import busy, ending
from charrnn.writing.writer import OverflowingError, Piece, Prompt, Writer

READ_AT_ONCE = 2000  # characters of prompts that are read while others wait for their next ones, unless one has more

GRACE = 2.0  # seconds in which the thread is to end

News = Piece | CharrnnError
"""More of a text, by its place in the order; or why there will be no more of any."""


@dataclass(frozen=True, eq=False)
class Order:
    """Texts that are asked for together.

    Attributes:
        take: Is given what there is of them.
    """

    model: CharacterModel
    texts: Sequence[Prompt]
    take: Callable[[Sequence[News]], None]


class _Text(NamedTuple):
    order: Order
    place: int  # in the order

    @property
    def prompt(self) -> Prompt:
        return self.order.texts[self.place]


class Engine:
    """Writes what is ordered, as long as it is started.

    Texts are those that their prompts give alone, as :func:`charrnn.writing.batch.generate_batch` says it. All models of orders
    have the parameters of ``model``.

    Args:
        deliver: Called by the thread that writes, with what there is for each order.
        texts: Written at a time, at most.
        waiting: That may wait for their turn, at most.
        tell: Told in a line of what nobody foresaw.
        on_start: As for :func:`charrnn.nn.compiled.compile_stepper`.

    Attributes:
        closed: No more is written.
        failed: It is closed because its thread has ended, by what nobody foresaw.
    """

    def __init__(
        self,
        model: CharacterModel,
        deliver: Callable[[Mapping[Order, list[News]]], object],
        *,
        texts: int,
        waiting: int,
        tell: Callable[[str], object] = lambda _: None,
        on_start: Callable[[], object] | None = None,
    ) -> None:
        self._deliver, self._tell = deliver, tell
        self._most, self._most_waiting = texts, waiting
        self._begin = form(model.networks, max(2, texts), math.inf, on_start)
        self._shards = Shards(default_shards(texts))
        self._writers: list[Writer | None] = [None] * self._shards.count
        self._changed, self.closed, self.failed = Condition(), False, False
        self._waiting = deque[_Text]()
        self._running, self._numbers = dict[int, _Text](), count()
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def load(self) -> tuple[int, int]:
        """Texts that are written, and those that wait."""
        return len(self._running), len(self._waiting)

    def require_open(self) -> None:
        """Raise a RequestError if no more texts are written."""
        if self.closed:
            raise ending()

    def submit(self, order: Order) -> None:
        """Let the texts of an order wait for their turn, which is soon where few are written.

        Raises:
            RequestError: Too many wait already, or no more are written.
        """
        texts = [_Text(order, place) for place in range(len(order.texts))]
        with self._changed:
            self.require_open()
            free = self._most - len(self._running)
            if len(self._waiting) + len(texts) > free + self._most_waiting:
                raise busy()
            self._waiting.extend(texts)
            self._changed.notify()

    def withdraw(self, order: Order) -> None:
        """Write no more of an order, which is given nothing more than what was on its way."""
        with self._changed:
            self._waiting = deque(text for text in self._waiting if text.order is not order)
            for number in [n for n, text in self._running.items() if text.order is order]:
                del self._running[number]

    def close(self) -> None:
        """Write no more; orders that are not finished are told so. A thread that reads a long prompt is not waited for."""
        with self._changed:
            self.closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(GRACE)
        self._give_up()

    def _run(self) -> None:
        try:
            with np.errstate(all="ignore"), single_threaded_blas():  # what overflows is an error
                while self._turn():
                    pass
        except BaseException as error:  # else who waits would do so for ever
            self.failed = True
            self._tell(f"no more is written: {error!r}")
        finally:
            self.closed = True
            self._give_up()

    def _give_up(self) -> None:
        """Tell all who wait that nothing comes any more."""
        with self._changed:
            orders = {text.order for text in (*self._waiting, *self._running.values())}
            self._waiting.clear()
            self._running.clear()
        self._deliver({order: [ending()] for order in orders})

    def _turn(self) -> bool:
        """Some characters of each text; whether there is to be another turn."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._waiting or self._running)
            if self.closed:
                return False
            arrived = self._arrived()
        try:
            self._read(arrived)
            pieces = [piece for found in self._write() for piece in found]
        except Exception as error:  # whatever it is: who waits has to hear of it, and others come
            self._fail(error)
            return True
        news = defaultdict[Order, list[News]](list)
        with self._changed:
            for piece in pieces:
                text = self._running.get(piece.number)
                if text:
                    news[text.order].append(piece._replace(number=text.place))
                    if piece.last:
                        del self._running[piece.number]
        self._deliver(news)
        return True

    def _arrived(self) -> dict[int, _Text]:
        """Texts whose turn it is, by numbers of their own."""
        arrived, characters = dict[int, _Text](), 0
        while self._waiting and len(self._running) < self._most:
            characters += len(self._waiting[0].prompt.prime)
            if arrived and characters > READ_AT_ONCE:
                break
            number = next(self._numbers)
            self._running[number] = arrived[number] = self._waiting.popleft()
        return arrived

    def _read(self, arrived: Mapping[int, _Text]) -> None:
        """Let texts join those that are written, after their prompts have been read."""
        sizes = [len(writer.going_on) if writer else 0 for writer in self._writers]
        groups = defaultdict[tuple[int, int], list[int]](list)
        for number, text in arrived.items():
            # A thread has few texts only as long as there are few in all.
            roomy = [shard for shard, size in enumerate(sizes) if size < MIN_STREAMS]
            shard = roomy[0] if roomy else sizes.index(min(sizes))
            sizes[shard] += 1
            groups[shard, id(text.order.model)].append(number)
        for (shard, _), numbers in groups.items():
            texts = [arrived[number] for number in numbers]
            prompts = [text.prompt for text in texts]
            model = texts[0].order.model
            further = Writer(model, numbers, prompts, scored=False, begin=self._begin)
            writer = self._writers[shard]
            self._writers[shard] = writer.joined_by(further) if writer else further

    def _write(self) -> list[list[Piece]]:
        with self._changed:
            running = set(self._running)
        overflowing = list[OverflowingError]()

        def write(index: int, _columns: slice, _workspace: Workspace) -> list[Piece]:
            writer = self._writers[index]
            if writer is None:
                return []
            writer.keep_only(running)
            try:
                return writer.write()
            except OverflowingError as error:  # the others go on
                overflowing.append(error)
                return []

        pieces = self._shards.map(write, len(self._writers))
        for error in overflowing:
            with self._changed:
                orders = {text.order for n, text in self._running.items() if n in error.numbers}
            self._drop(error, orders)
        return pieces

    def _fail(self, error: Exception) -> None:
        """Tell all whose texts are written that nothing comes of them."""
        told = error if isinstance(error, CharrnnError) else SamplingError("the server failed")
        if told is not error:
            self._tell(f"writing failed: {error!r}")
        self._writers = [None] * self._shards.count
        with self._changed:
            orders = {text.order for text in self._running.values()}
        self._drop(told, orders)

    def _drop(self, error: CharrnnError, orders: Collection[Order]) -> None:
        """Tell some that nothing comes of what they ordered."""
        with self._changed:
            self._waiting = deque(text for text in self._waiting if text.order not in orders)
            kept = {n: text for n, text in self._running.items() if text.order not in orders}
            self._running = kept
        self._deliver({order: [error] for order in orders})
