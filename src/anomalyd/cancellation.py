"""Work that is done for a caller ends when the caller goes away or its deadline passes.

The surface says for whom a thread works; whatever can be interrupted, a long scan above all,
registers itself for as long as it runs. In between nothing has to hand the caller down: a use case
does not know whether somebody waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from anomalyd.errors import SourceUnavailable


class Cancellation:
    """Whether the work for a caller is still wanted. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._interrupts: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Interrupt what works for the caller, and refuse what would begin; twice is fine."""
        with self._lock:
            self._cancelled = True
            # under the lock, so that nothing is interrupted that has just ended
            for interrupt in self._interrupts:
                interrupt()

    @contextmanager
    def watching(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Have work interrupted when the caller goes.

        Args:
            interrupt: ends the work, from any thread, at once.

        Raises: SourceUnavailable when the caller has gone already.
        """
        with self._lock:
            if self._cancelled:
                raise SourceUnavailable("nobody waits for the answer any more")
            self._interrupts.append(interrupt)
        try:
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)


_caller: ContextVar[Cancellation] = ContextVar("caller")


@contextmanager
def working_for(cancellation: Cancellation) -> Iterator[None]:
    """Say that what this thread does inside is for this caller."""
    token = _caller.set(cancellation)
    try:
        yield
    finally:
        _caller.reset(token)


def cancellation() -> Cancellation:
    """Return that of the caller for whom this thread works; of nobody, one that never comes."""
    return _caller.get(Cancellation())
