"""Parallel requests to one source, limited so as not to overload it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from dispatch_core.types import Progress, no_progress

AT_A_TIME = 4

T = TypeVar("T")


def ask_together(
    calls: Sequence[Callable[[], T]], step: str = "asking", progress: Progress = no_progress
) -> list[T]:
    """The results of `calls`, in their order; the first error is raised.

    `progress` is called after each result, in the thread of the caller, and may raise
    to cancel the calls that have not started.
    """
    progress(step, 0, len(calls))
    pool = ThreadPoolExecutor(max_workers=AT_A_TIME, thread_name_prefix="ask")
    try:
        futures = [pool.submit(call) for call in calls]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            progress(step, done, len(calls))
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
