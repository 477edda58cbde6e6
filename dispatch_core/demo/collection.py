"""An in-memory collection of records that is fast enough to replace a database.

Paging repeats the condition ``_id > last``: these bounds are removed from the filter
and located by bisection, and the rest of the filter is compiled once. Equality and
``$in`` on names, ids and locations use an index. Records found by an index are still
tested, so indexes affect only the time and never the result.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from dispatch_core.language.aggregate import compile_stages, run_pipeline, stream_pipeline
from dispatch_core.language.match import compile_filter
from dispatch_core.language.paths import value_at
from dispatch_core.sources.turns import TURN
from dispatch_core.types import Filter, Pipeline, Record

INDEXED_PATHS = (
    "_id",
    "name",
    "location",
    "external_links.Code Ocean",
    "other_identifiers.Code Ocean",
)

Sort = Mapping[str, Any]
_EVERYTHING: Record = {"$match": {}}
_ID = itemgetter("_id")


class RecordCollection:
    """Records with string ``_id``, in ascending order of it.

    `insert` and `remove` affect later calls only; an iterator in use continues over the
    records it started with.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._table = _Table(sorted(records, key=_ID))

    def __len__(self) -> int:
        return len(self._table.records)

    def insert(self, record: Record) -> None:
        """Add `record`."""
        records = list(self._table.records)
        insort(records, record, key=_ID)
        self._table = _Table(records)

    def remove(self, record_id: str) -> None:
        """Remove the record with this ``_id``, if it exists."""
        kept = [record for record in self._table.records if record["_id"] != record_id]
        self._table = _Table(kept)

    def find(self, filter_query: Filter, sort: Sort | None = None) -> Iterator[Record]:
        """The matching whole records, in order of `sort`, by default of ``_id``.

        A sort by ``_id`` is lazy: the first few records are found without the rest.
        """
        found = self._table.find(filter_query)
        if not sort or dict(sort) == {"_id": 1}:
            return found
        return iter(run_pipeline(list(found), [{"$sort": dict(sort)}]))

    def count(self, filter_query: Filter) -> int:
        """The number of matching records."""
        if not filter_query:
            return len(self)
        return sum(1 for _ in self.find(filter_query))

    def aggregate(self, pipeline: Pipeline) -> list[Record]:
        """The results of `pipeline`; a leading ``$match`` uses the indexes."""
        return list(self.stream(pipeline))

    def stream(self, pipeline: Pipeline) -> Iterator[Record]:
        """The results of `pipeline` one after another, so that they need not be kept."""
        compile_stages(pipeline)
        rest = list(pipeline)
        found: Iterator[Record] = iter(self._table.records)
        if rest and "$match" in rest[0]:
            found = self.find(rest[0]["$match"])
            # Replaced, not removed, so that an error still names the right stage number.
            rest[0] = _EVERYTHING
            if rest[1:] and rest[1] == {"$sort": {"_id": 1}}:
                rest[1] = _EVERYTHING
        return stream_pipeline(found, rest)


class _Table:
    """Sorted records with the indexes created so far."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self._lock = threading.Lock()
        self._indexes: dict[str, dict[str, list[int]]] = {}

    def find(self, filter_query: Filter) -> Iterator[Record]:
        floor, end, rest = split_bounds(filter_query)
        first = bisect_left(self.records, floor, key=_ID)
        last = len(self.records) if end is None else bisect_left(self.records, end, key=_ID)
        matches = _matcher(rest)
        positions = self._candidates(rest, range(first, last))
        return self._matching(positions, matches)

    def _matching(
        self, positions: Iterable[int], matches: Callable[[Record], bool]
    ) -> Iterator[Record]:
        for at in positions:
            TURN.give_way()
            if matches(self.records[at]):
                yield self.records[at]

    def _candidates(self, filter_query: Filter, within: range) -> Iterable[int]:
        """The positions within a range that can match, ascending."""
        for path, condition in _top_conditions(filter_query):
            texts = _exact_texts(condition) if path in INDEXED_PATHS else None
            if texts is not None:
                index = self._index(path)
                positions = {position for text in texts for position in index.get(text, ())}
                return sorted(position for position in positions if position in within)
        return within

    def _index(self, path: str) -> dict[str, list[int]]:
        with self._lock:
            if path not in self._indexes:
                index: dict[str, list[int]] = {}
                for position, record in enumerate(self.records):
                    for text in _texts(value_at(record, path)):
                        index.setdefault(text, []).append(position)
                self._indexes[path] = index
            return self._indexes[path]


def split_bounds(filter_query: Filter) -> tuple[str, str | None, Filter]:
    """(lower bound, upper bound, filter without them) of the condition on ``_id``.

    The lower bound is inclusive, the upper one exclusive; "" and None mean no bound.
    Recognizes ``$gt`` or ``$gte`` with a string, and ``$lt`` beside it, at the top of the
    filter or in a top-level ``$and``.
    """
    floor, end = _bounds(filter_query.get("_id"))
    if floor:
        return floor, end, {key: value for key, value in filter_query.items() if key != "_id"}
    members = filter_query.get("$and")
    for member in members if isinstance(members, list) else []:
        floor, end = _bounds(member["_id"]) if _is_about_id(member) else ("", None)
        if floor:
            return floor, end, _without(filter_query, member)
    return "", None, filter_query


def _is_about_id(member: object) -> bool:
    return isinstance(member, dict) and list(member) == ["_id"]


def _without(filter_query: Filter, member: object) -> Filter:
    """`filter_query` without one member of its ``$and``, which is removed if it is empty."""
    others = [other for other in filter_query["$and"] if other is not member]
    rest = {key: value for key, value in filter_query.items() if key != "$and"}
    return rest | ({"$and": others} if others else {})


def _bounds(condition: object) -> tuple[str, str | None]:
    """(inclusive lower bound, exclusive upper bound) of a condition; else ("", None)."""
    if not isinstance(condition, dict) or not all(isinstance(v, str) for v in condition.values()):
        return "", None
    if condition.keys() - {"$lt"} == {"$gt"}:
        return f"{condition['$gt']}\0", condition.get("$lt")
    if condition.keys() - {"$lt"} == {"$gte"}:
        return condition["$gte"], condition.get("$lt")
    return "", None


def _matcher(filter_query: Filter) -> Callable[[Record], bool]:
    """A test of records; one with a limit on its time or memory is made anew for each request."""
    text = json.dumps(filter_query)
    is_limited = '"$expr"' in text or '"$regex"' in text
    return compile_filter(filter_query) if is_limited else _compiled(text)


@lru_cache(maxsize=64)
def _compiled(text: str) -> Callable[[Record], bool]:
    return compile_filter(json.loads(text))


def _top_conditions(filter_query: Filter) -> Iterator[tuple[str, Any]]:
    """Every (path, condition) that a matching record must satisfy."""
    for key, value in filter_query.items():
        if key == "$and" and isinstance(value, list):
            for member in value:
                yield from _top_conditions(member) if isinstance(member, dict) else ()
        elif not key.startswith("$"):
            yield key, value


def _exact_texts(condition: object) -> list[str] | None:
    """The strings of which a field must equal one, or None for any other condition."""
    if isinstance(condition, str):
        return [condition]
    if not isinstance(condition, dict) or len(condition) != 1:
        return None
    wanted = condition.get("$in", [condition.get("$eq")])
    if isinstance(wanted, list) and all(isinstance(text, str) for text in wanted):
        return wanted
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
