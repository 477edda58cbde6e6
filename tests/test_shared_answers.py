"""Concurrent identical requests share one response, and never a different one."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dispatch_core.errors import ServiceError
from dispatch_core.sources.shared_answers import SharedAnswers
from dispatch_core.types import Filter, Record
from tests.fakes import Records, record

ALL = ({}, {"name": 1}, 10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counted(Records):
    """Records that count the calls of each method."""

    counts = 0
    pipelines = 0

    def count(self, filter_query: Filter) -> int:
        self.counts += 1
        return super().count(filter_query)

    def aggregate(self, pipeline: Any) -> list[Record]:
        self.pipelines += 1
        return super().aggregate(pipeline)


@pytest.fixture
def source() -> Counted:
    return Counted([record("a"), record("b")])


def test_identical_requests_reach_the_source_once(source: Counted) -> None:
    shared = SharedAnswers(source)

    pages = [shared.find_page(*ALL) for _ in range(3)]

    assert [one["name"] for one in pages[0]] == ["a", "b"]
    assert pages[0] == pages[1] == pages[2]
    assert source.pages == 1
    assert [shared.count({}), shared.count({}), source.counts] == [2, 2, 1]
    assert shared.aggregate([{"$limit": 1}]) == shared.aggregate([{"$limit": 1}])
    assert source.pipelines == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (({"n": 1}, {}, 10), ({"n": True}, {}, 10)),
        (({"n": 1}, {}, 10), ({"n": "1"}, {}, 10)),
        (({}, {}, 10), ({}, {"name": 1}, 10)),
        (({}, {}, 10), ({}, {}, 1)),
    ],
)
def test_different_requests_have_different_responses(source: Counted, one: Any, other: Any) -> None:
    shared = SharedAnswers(source)

    shared.find_page(*one), shared.find_page(*other)

    assert source.pages == 2


def test_two_sources_do_not_share_responses() -> None:
    here, there = (SharedAnswers(Records([record(name)])) for name in ("a", "b"))

    assert here.find_page(*ALL) != there.find_page(*ALL)


def test_an_expired_response_takes_no_memory(source: Counted) -> None:
    shared = SharedAnswers(source, seconds=0.05)

    shared.find_page(*ALL)
    assert shared.cached_bytes > 0
    end = time.monotonic() + 30
    while shared.cached_bytes and time.monotonic() < end:
        time.sleep(0.01)

    assert shared.cached_bytes == 0
    assert len(shared.find_page(*ALL)) == 2


def test_a_cached_response_expires(source: Counted) -> None:
    clock = Clock()
    shared = SharedAnswers(source, seconds=20, clock=clock)
    shared.count({})
    source.records.append(record("c"))

    clock.now = 19.9
    before = shared.count({})
    clock.now = 20.0

    assert (before, shared.count({})) == (2, 3)


def test_modifying_a_response_does_not_affect_other_callers(source: Counted) -> None:
    shared = SharedAnswers(source)

    shared.find_page(*ALL)[0]["name"] = "changed"

    assert shared.find_page(*ALL)[0]["name"] == "a"


def test_concurrent_callers_wait_for_one_response() -> None:
    arrived: list[float] = []
    all_are_here = threading.Event()

    def clock() -> float:  # each caller reads the clock first
        arrived.append(0.0)
        if len(arrived) == 5:
            all_are_here.set()
        return 0.0

    source = Records([record("a")], before_page=lambda page: all_are_here.wait(10))
    shared = SharedAnswers(source, seconds=0, clock=clock)
    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(shared.find_page, *ALL) for _ in range(5)]

    assert [one.result()[0]["name"] for one in answers] == ["a"] * 5
    assert source.pages == 1


def test_an_error_is_raised_for_waiting_callers_and_not_cached(source: Counted) -> None:
    class Failing(Counted):
        def count(self, filter_query: Filter) -> int:
            if super().count(filter_query) and self.counts == 1:
                raise ServiceError("it failed")
            return 7

    shared = SharedAnswers(Failing(source.records))

    with pytest.raises(ServiceError, match="it failed"):
        shared.count({})
    assert shared.count({}) == 7


def test_the_cache_stays_below_its_limit() -> None:
    source = Records([record(f"{number:04}") for number in range(500)])
    shared = SharedAnswers(source, max_bytes=100_000)

    for limit in range(1, 500, 7):
        shared.find_page({}, {"name": 1}, limit)

        assert 0 < shared.cached_bytes <= 100_000


def test_a_response_too_large_for_the_cache_is_still_returned() -> None:
    source = Records([record(f"{number:04}") for number in range(500)])
    shared = SharedAnswers(source, max_bytes=1_000)

    assert len(shared.find_page({}, {}, 500)) == 500
    assert shared.cached_bytes == 0
