"""Reading records in parallel by ranges of their ids, each record once."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_core.errors import AnswerTooLarge, ServiceError
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, Record
from dispatch_core.walk import in_order, read_pages, walk_records
from tests.fakes import Records


def with_uuids(count: int) -> list[Record]:
    """Records whose ids are UUIDs, ascending, the same each time."""
    ids = sorted(str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))) for number in range(count))
    return [{"_id": one, "n": number} for number, one in enumerate(ids)]


def with_names(count: int) -> list[Record]:
    return [{"_id": f"name-{number:05}", "n": number} for number in range(count)]


def read(source: MetadataSource, query: Filter | None = None, page_size: int = 10) -> list[str]:
    """All ids in the order of their ranges."""
    ranges: dict[int, list[str]] = {}
    for number, page in read_pages(source, query or {}, {"n": 1}, page_size=page_size):
        ranges.setdefault(number, []).extend(one["_id"] for one in page)
    return [one for number in sorted(ranges) for one in ranges[number]]


@pytest.mark.parametrize("make", [with_uuids, with_names])
@pytest.mark.parametrize("count", [0, 1, 10, 11, 250])
def test_every_record_comes_once_and_ranges_ascend(make: Any, count: int) -> None:
    records = make(count)

    assert read(Records(records)) == [one["_id"] for one in records]


@pytest.mark.parametrize("make", [with_uuids, with_names])
def test_short_pages_are_not_taken_for_the_end(make: Any) -> None:
    records = make(250)

    assert read(Records(records, short=7)) == [one["_id"] for one in records]


def test_the_filter_applies_in_every_range() -> None:
    records = with_uuids(250)

    found = read(Records(records), {"n": {"$gte": 100}})

    assert found == [one["_id"] for one in records[100:]]


def test_one_page_costs_a_second_request_that_finds_its_end_and_no_more() -> None:
    source = Records(with_uuids(9))

    read(source)

    assert source.pages == 2


def test_ranges_cost_one_more_request_each_and_other_ids_than_uuids_none() -> None:
    apart, together = Records(with_uuids(400)), Records(with_names(400))

    read(apart, page_size=100), read(together, page_size=100)

    assert apart.pages <= 4 + 8 + 8
    assert together.pages == 5


def test_a_page_that_is_too_large_is_requested_at_half_the_size_in_every_range() -> None:
    source = Records(with_uuids(200), most=30)

    assert len(read(source, page_size=100)) == 200
    assert source.limits[:3] == [100, 50, 25]
    assert set(source.limits[3:]) == {25}


def test_one_record_that_is_too_large_is_an_error() -> None:
    with pytest.raises(AnswerTooLarge):
        read(Records(with_uuids(1), most=0))


@given(st.sets(st.text("0123456789abcdefg-", min_size=1, max_size=3)), st.integers(1, 5))
def test_cuts_lose_and_double_no_record_whatever_the_ids(ids: set[str], page_size: int) -> None:
    records: list[Record] = [*with_uuids(30), *({"_id": one} for one in ids)]

    found = read(Records(records), page_size=page_size)

    assert sorted(found) == found == sorted(one["_id"] for one in records)


@pytest.mark.parametrize("seed", range(5))
def test_records_inserted_and_deleted_between_pages_lose_and_double_none(seed: int) -> None:
    everything = with_uuids(400)
    stable, others = everything[::2], everything[1::2]
    source = Records(list(stable))
    lock, edits = threading.Lock(), itertools.count()

    def edit(_: int) -> None:
        with lock:  # two pages that are asked for at once have one number
            source.records = [*source.records, others[(next(edits) * 7 + seed) % 200]][-250:]
            source.records = [*stable, *source.records[200:]]

    source.before_page = edit
    found = read(source, page_size=9)

    assert set(found) >= {one["_id"] for one in stable}
    assert len(found) == len(set(found))


class Waiting:
    """A source of three pages, which says when each is asked for."""

    label = "waiting"

    def __init__(self) -> None:
        self.asked = [threading.Event() for _ in range(4)]

    def find_page(self, query: Filter, projection: Mapping[str, Any], limit: int) -> list[Record]:
        number = int(query["_id"]["$gt"]) + 1 if query else 0
        self.asked[number].set()
        return [{"_id": str(number)}] if number < 3 else []

    def aggregate(self, pipeline: Any) -> list[Record]:
        raise NotImplementedError

    def count(self, filter_query: Filter) -> int:
        raise NotImplementedError


def test_the_next_page_is_requested_before_this_one_is_used() -> None:
    source = Waiting()
    pages = read_pages(source, {}, {})

    for number in range(3):
        next(pages)

        assert source.asked[number + 1].wait(10)


class Meeting(Records):
    """A source that answers no range before four of them have asked."""

    def find_page(self, query: Filter, *ask: Any) -> list[Record]:
        if "$gte" in query.get("_id", {}):
            self.asked.append(query["_id"]["$gte"])
            if len(self.asked) == 4:
                self.have_met.set()
            assert self.have_met.wait(10)
        return super().find_page(query, *ask)


def test_ranges_are_requested_at_the_same_time() -> None:
    source = Meeting(with_uuids(40))
    source.asked, source.have_met = [], threading.Event()

    pages = read_pages(source, {}, {"n": 1}, page_size=10)

    assert sum(len(page) for _, page in pages) == 40
    assert len(source.asked) >= 4


def test_a_failing_range_is_an_error_and_not_a_smaller_answer() -> None:
    class Failing(Records):
        def find_page(self, query: Filter, *ask: Any) -> list[Record]:
            if "$gte" in query.get("_id", {}):
                raise ServiceError("it failed")
            return super().find_page(query, *ask)

    with pytest.raises(ServiceError, match="it failed"):
        read(Failing(with_uuids(100)))


def test_calls_return_in_order_and_none_is_made_far_ahead() -> None:
    made: list[int] = []

    def calls() -> Iterator[Any]:
        for number in range(100):
            made.append(number)
            yield lambda number=number: number

    answers = in_order(calls(), threads=2)

    assert [next(answers), next(answers)] == [0, 1]
    assert len(made) <= 6
    assert list(answers) == list(range(2, 100))


def test_a_call_that_fails_ends_the_answers_with_its_error() -> None:
    def fail() -> int:
        raise ServiceError("it failed")

    answers = in_order([lambda: 1, fail, lambda: 3])

    assert next(answers) == 1
    with pytest.raises(ServiceError):
        next(answers)


def test_a_walk_is_in_one_range() -> None:
    source = Records(with_uuids(30))

    assert [one["n"] for one in walk_records(source, {}, {"n": 1}, page_size=10)] == list(range(30))
    assert source.pages == 4
