"""Compiling: a kernel that is called for the first time is compiled or found on disk, and stays in the process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Any, TypeVar

from numba.core.errors import NumbaError
from numba.core.event import Listener, install_listener

from charrnn.nn.compiled.vectors import COMPILED

Made = TypeVar("Made")
Call = Callable[[], object]


class _Watch(Listener):
    """Sees each function that is compiled, not what is found on disk; on this thread, though all are told of."""

    def __init__(self, on_start: Call, between: Call) -> None:
        self._told, self._on_start, self._between = False, on_start, between
        self._thread = get_ident()

    def on_start(self, _event: Any) -> None:
        if get_ident() == self._thread:
            if not self._told:
                self._told = True
                self._on_start()
            self._between()

    def on_end(self, _event: Any) -> None:
        if get_ident() == self._thread:
            self._between()


def compile_by(make: Callable[[], Made], on_start: Call, between: Call) -> Made:
    """What ``make`` returns, which calls kernels.

    Args:
        on_start: Called where something is to be compiled, before the first such.
        between: Called before and after each function, and may raise what ends it all.

    Raises:
        Exception: It cannot be compiled, of any kind that Numba, LLVM or Python raise.
    """
    with install_listener("numba:compile", _Watch(on_start, between)):
        try:
            return make()
        except NumbaError:
            raise
        except Exception:  # what is on disk is damaged, or nothing more can be written there
            _do_without_disk()
            return make()


def _do_without_disk() -> None:
    """Let this process neither read nor write what has been compiled, and the next one begin anew."""
    for function in COMPILED:
        with suppress(OSError):
            function._cache.flush()
        function._cache.disable()
