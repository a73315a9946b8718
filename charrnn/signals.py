"""Signals that wait: until work is done that must not be left half done, or that would swallow them.

It imports next to nothing: the command line begins with it.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

NAMES = ("SIGHUP", "SIGTERM", "SIGINT")  # the first one is not on every system
ENDING = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
"""Signals that ask a process to end."""


class HandledBy:
    """In a ``with`` block, let ``handler`` be told of :data:`ENDING`; ``signal.SIG_DFL`` lets them end the process.

    What nohup or a script's & has switched off stays so. A thread other than the main one is never
    interrupted, and changes nothing.

    Attributes:
        before: Who was told before, and is again afterwards.
    """

    def __init__(self, handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
        self._handler = handler
        self.before: dict[int, Any] = {}

    def __enter__(self) -> HandledBy:  # noqa: PYI034 (typing.Self is younger than Python 3.10)
        try:
            for number in ENDING:
                who = signal.getsignal(number)
                if who not in (signal.SIG_IGN, None):
                    signal.signal(number, self._handler)
                    self.before[number] = who
        except ValueError:  # of another thread
            pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for number, who in self.before.items():
            signal.signal(number, who)


class Held(HandledBy):
    """In a ``with`` block, let signals wait; at its end they are acted upon."""

    innermost: Held | None = None  # of the blocks that hold signals now

    def __init__(self) -> None:
        self._came: list[int] = []
        super().__init__(lambda number, _frame: self._came.append(number))

    def __enter__(self) -> Held:  # noqa: PYI034
        super().__enter__()
        self._outer = Held.innermost
        if self.before:  # not in another thread, which holds nothing
            Held.innermost = self
        return self

    def __exit__(self, *_: object) -> None:
        if self.before:
            Held.innermost = self._outer
        super().__exit__()
        came, self._came = self._came, []
        for number in came:
            signal.raise_signal(number)

    @property
    def came(self) -> bool:
        """Whether there was one."""
        return bool(self._came)

    def act(self) -> None:
        """Act upon those that came, in the middle of the block: at a moment when that does no harm."""
        if self._came:
            self.__exit__()
            self.__enter__()


def is_held() -> bool:
    """Whether a signal waits."""
    return Held.innermost is not None and Held.innermost.came


def act_on_held() -> None:
    """Act upon signals that wait, from within whatever block holds them: for a wait that may have no end."""
    if Held.innermost:
        Held.innermost.act()
