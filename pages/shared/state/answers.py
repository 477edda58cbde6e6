"""Answers about the collection, shared by all sessions, within bounds.

Each answer is computed once, outside the script threads. An old answer is used until the new one
is there, so that a page that is open need not wait again. A failure expires sooner than an answer,
so that a source is soon retried.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Any, TypeVar, cast

from dispatch_core.types import Progress
from pages.shared.state.work import Work, start_work

T = TypeVar("T")


class Answers:
    """A bounded, thread-safe cache of works by their question; drops the least recently used.

    Parameters
    ----------
    most
        How many answers are kept.
    seconds, seconds_failed
        How long an answer is new, and how long a failure is kept. An older answer is used while
        the next one is computed, up to twice as old.
    """

    def __init__(
        self, executor: Executor, *, most: int, seconds: float, seconds_failed: float
    ) -> None:
        self._executor = executor
        self._most = most
        self._seconds = seconds
        self._seconds_failed = seconds_failed
        self._works: OrderedDict[Hashable, Work[Any]] = OrderedDict()
        self._next: dict[Hashable, Work[Any]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._works)

    def ask(self, key: Hashable, call: Callable[[Progress], T]) -> Work[T]:
        """The work on `key`: running, done, or started now with `call`."""
        with self._lock:
            work = self._works[key] = self._current(key, call)
            self._works.move_to_end(key)
            while len(self._works) > self._most:
                self._next.pop(self._works.popitem(last=False)[0], None)
        return cast("Work[T]", work)

    def _current(self, key: Hashable, call: Callable[[Progress], Any]) -> Work[Any]:
        work = self._works.get(key)
        if work is not None and not self._is_old(work):
            return work
        following = self._next.get(key)
        if following is None or self._is_old(following):
            following = self._next[key] = start_work(self._executor, key, call)
        if work is not None and self._is_usable(work) and following.result is None:
            return work
        return self._next.pop(key)

    def _is_old(self, work: Work[Any]) -> bool:
        limit = self._seconds_failed if work.is_done and work.error else self._seconds
        return work.is_done and _age(work) > limit

    def _is_usable(self, work: Work[Any]) -> bool:
        return work.error is None and _age(work) <= 2 * self._seconds


def _age(work: Work[Any]) -> float:
    """The seconds since it started."""
    return time.monotonic() - work.started
