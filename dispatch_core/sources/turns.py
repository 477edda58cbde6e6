"""Turns: of the threads that work in the background, one computes at a time.

Python runs one thread at a time, and a thread that wants to run waits for a slice of each
that computes. Where sixteen compute, a page of the app takes a hundred times as long as
alone. So a thread that may compute for long takes the turn, gives it up while it waits for a
service, and gives way to the next one after a slice.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

SLICE = 0.02
"""Seconds after which a thread gives way to the next one."""


class Turn:
    """The right to compute: one thread has it, and passes it on in the order of the requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        self._owner = 0
        self._since = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Compute inside, and at the end pass the turn on; a thread that has it keeps it."""
        if self._is_mine:
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._pass_on()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Wait for something inside; the turn comes back afterwards, if this thread had it."""
        if not self._is_mine:
            yield
            return
        self._pass_on()
        try:
            yield
        finally:
            self._take()

    def give_way(self) -> None:
        """Let the next thread compute, if this one has done so for a slice."""
        if self._is_mine and self._waiting and time.monotonic() - self._since > SLICE:
            self._pass_on()
            self._take()

    @property
    def _is_mine(self) -> bool:
        return self._owner == threading.get_ident()

    def _take(self) -> None:
        me, called = threading.get_ident(), threading.Lock()
        called.acquire()
        with self._lock:
            is_free = not self._owner
            if is_free:
                self._owner = me
            else:
                self._waiting.append((me, called))
        if not is_free:
            called.acquire()
        self._since = time.monotonic()

    def _pass_on(self) -> None:
        with self._lock:
            self._owner, called = self._waiting.popleft() if self._waiting else (0, None)
        if called is not None:
            called.release()


TURN = Turn()
"""The turn of this process."""
