"""Compiling: a kernel that is called for the first time is compiled or found on disk, and stays in the process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from numba.core.errors import NumbaError
from numba.core.event import Listener, install_listener

from charrnn.nn.compiled import products, recurrences, steps, updates

MODULES = (products, recurrences, steps, updates)

Made = TypeVar("Made")
Call = Callable[[], object]


class _Watch(Listener):
    """Sees each function that is compiled, not what is found on disk."""

    def __init__(self, on_start: Call, between: Call) -> None:
        self._told, self._on_start, self._between = False, on_start, between

    def on_start(self, _event: Any) -> None:
        if not self._told:
            self._told = True
            self._on_start()
        self._between()

    def on_end(self, _event: Any) -> None:
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
    for function in (f for module in MODULES for f in vars(module).values()):
        if (cache := getattr(function, "_cache", None)) is not None:
            with suppress(OSError):
                cache.flush()
            cache.disable()
