"""Long work, outside Streamlit's script thread.

A rerun, a double click or a closed tab ends a script at any line. Work started here
continues, is started once for the same input, and can be cancelled. A page polls it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dispatch_core.errors import DispatchError, ServiceError
from dispatch_core.types import Progress
from pages.shared.state.time_left import TimeLeft

log = logging.getLogger(__name__)

T = TypeVar("T")


class CancelledError(DispatchError):
    """The user cancelled the work."""


@dataclass(eq=False)
class Work(Generic[T]):
    """One piece of work and its input (`key`), which tells whether its result is out of date."""

    key: Hashable
    future: Future[T]
    step: str = ""
    done: int = 0
    total: int = 0
    is_cancelled: bool = False
    started: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    time_left: TimeLeft = field(default_factory=TimeLeft)

    @property
    def is_done(self) -> bool:
        """Whether it ended, with a result or an error."""
        return self.future.done()

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return self.ended - self.started if self.ended else None

    @property
    def error(self) -> DispatchError | None:
        """Its error, with a message for a user, or None."""
        if not self.is_done:
            return None
        error = self.future.exception()
        if error is None or isinstance(error, DispatchError):
            return error
        log.error("work failed", exc_info=error)
        return ServiceError(f"Unexpected error ({type(error).__name__}); see the log")

    @property
    def result(self) -> T | None:
        """Its result, or None while it runs and if it failed."""
        return self.future.result() if self.is_done and self.error is None else None

    def wait(self, seconds: float) -> None:
        """Return when it ends, or after `seconds`."""
        wait_for([self.future], seconds)

    def cancel(self) -> None:
        """End the work at its next progress report."""
        self.is_cancelled = True

    @property
    def seconds_left(self) -> float | None:
        """The estimated seconds until the end of the step; None while they are a guess."""
        return self.time_left.seconds(time.monotonic())


def start_work(executor: Executor, key: Hashable, call: Callable[[Progress], T]) -> Work[T]:
    """Run `call` in `executor`; its progress argument raises once the work is cancelled."""
    work: Work[T] = Work(key, Future())

    def progress(step: str, done: int, total: int) -> None:
        if work.is_cancelled:
            raise CancelledError("Cancelled. Earlier results are kept")
        work.step, work.done, work.total = step, done, total
        work.time_left.note(time.monotonic(), step, done, total)

    def timed() -> T:
        work.started = time.monotonic()
        try:
            return call(progress)
        except DispatchError as error:
            # Its traceback would keep everything in memory that the work had made so far.
            error.__context__ = None
            raise error.with_traceback(None) from None
        finally:
            work.ended = time.monotonic()

    work.future = executor.submit(timed)
    return work


def result_of(work: Work[T] | None) -> T | None:
    """The result of `work`, or None without a result."""
    return work.result if work is not None else None
