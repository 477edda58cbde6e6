"""Work in the background: it can be cancelled at any time, and gives back its memory."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dispatch_core.errors import InvalidInput
from dispatch_core.request import DispatchRequest
from dispatch_core.sources.protocols import ListPage
from dispatch_core.steps import begin_steps
from dispatch_core.types import Filter, Pipeline, Progress, Record
from pages.shared.state.work import CancelledError, start_work
from tests.fakes import Records, record

PATIENCE = 30


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(1)
    yield pool
    pool.shutdown()


class Silent:
    """A source and a bucket whose answers never arrive before the end of the test."""

    label = "silent"

    def __init__(self) -> None:
        self.asked, self.ended = threading.Event(), threading.Event()

    def _wait(self) -> None:
        self.asked.set()
        self.ended.wait(PATIENCE)

    def find_page(self, query: Filter, projection: Mapping[str, Any], limit: int) -> list[Record]:
        self._wait()
        return []

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        return []

    def count(self, query: Filter) -> int:
        self.ended.wait(PATIENCE)
        return 0

    def list_page(self, bucket: str, prefix: str, **_: object) -> ListPage:
        self._wait()
        return ListPage([], [])


@pytest.fixture
def silent() -> Iterator[Silent]:
    source = Silent()
    yield source
    source.ended.set()


def cancelled(
    executor: ThreadPoolExecutor, silent: Silent, call: Callable[[Progress], object]
) -> bool:
    """Whether the work ends when it is cancelled while its source is silent."""
    work = start_work(executor, "key", call)
    silent.asked.wait(PATIENCE)
    work.cancel()
    work.wait(PATIENCE / 2)
    return isinstance(work.error, CancelledError)


def test_a_search_is_cancelled_while_the_source_is_silent(
    executor: ThreadPoolExecutor, silent: Silent
) -> None:
    steps = begin_steps(DispatchRequest(query={"name": {"$exists": True}}))

    assert cancelled(executor, silent, lambda progress: steps.find(silent, progress))


def test_a_listing_is_cancelled_while_the_bucket_is_silent(
    executor: ThreadPoolExecutor, silent: Silent
) -> None:
    steps = begin_steps(DispatchRequest(query={}, file_extension=".nwb"))
    steps = steps.with_found(steps.find(Records([record("a"), record("b")])))

    assert cancelled(executor, silent, lambda progress: steps.list_files(silent, progress))


class Results:
    """Results that are no longer needed once the work has ended without them."""


def test_the_memory_of_cancelled_work_is_given_back(executor: ThreadPoolExecutor) -> None:
    may_go_on, kept = threading.Event(), list[weakref.ref[Results]]()

    def call(progress: Progress) -> None:
        results = Results()
        kept.append(weakref.ref(results))
        may_go_on.wait(PATIENCE)
        progress("files", 1, 2)

    work = start_work(executor, "key", call)
    work.cancel()
    may_go_on.set()
    work.wait(PATIENCE)
    executor.submit(int).result()  # the thread has left the work

    assert isinstance(work.error, CancelledError)
    assert kept[0]() is None


def test_the_memory_of_failed_work_is_given_back(executor: ThreadPoolExecutor) -> None:
    kept = list[weakref.ref[Results]]()

    def call(progress: Progress) -> None:
        results = Results()
        kept.append(weakref.ref(results))
        try:
            raise ValueError("of a library")
        except ValueError as error:
            raise InvalidInput("the query is wrong") from error

    work = start_work(executor, "key", call)
    work.wait(PATIENCE)
    executor.submit(int).result()

    assert isinstance(work.error, InvalidInput)
    assert kept[0]() is None
