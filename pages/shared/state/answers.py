"""Answers about the collection, shared by all sessions, within bounds.

Each answer is computed once, outside the script threads. A failure expires sooner than an
answer, so that a source is soon retried.
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
        How long an answer is kept, and how long a failure.
    """

    def __init__(
        self, executor: Executor, *, most: int, seconds: float, seconds_failed: float
    ) -> None:
        self._executor = executor
        self._most = most
        self._seconds = seconds
        self._seconds_failed = seconds_failed
        self._works: OrderedDict[Hashable, Work[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._works)

    def ask(self, key: Hashable, call: Callable[[Progress], T]) -> Work[T]:
        """The work on `key`: running, done, or started now with `call`."""
        with self._lock:
            work = self._works.get(key)
            if work is None or self._is_old(work):
                work = self._works[key] = start_work(self._executor, key, call)
            self._works.move_to_end(key)
            while len(self._works) > self._most:
                self._works.popitem(last=False)
        return cast("Work[T]", work)

    def _is_old(self, work: Work[Any]) -> bool:
        if not work.is_done:
            return False
        limit = self._seconds_failed if work.error else self._seconds
        return time.monotonic() - work.started > limit
