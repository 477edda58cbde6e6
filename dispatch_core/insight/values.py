"""The values of a field, and how many records have each: "ecephys (1,204)".

One ``$group`` in the source, with stages that DocumentDB supports (no ``$facet``, no
``$sortByCount``). Lists are unwound. A record counts once for a value, however often it
has the value, so that selecting a value finds exactly that number of records.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dispatch_core.errors import AnswerTooLarge
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import Filter, JsonValue, Pipeline

MOST_VALUES = 50


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value, and the number of records that have it."""

    value: JsonValue
    count: int

    def __str__(self) -> str:
        return f"{self.value} ({self.count:,})"


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The most common values of a field; ``more`` counts the further ones."""

    paths: tuple[str, ...]
    values: tuple[ValueCount, ...] = ()
    more: int = 0

    @property
    def note(self) -> str:
        """ "and 12 more", or ""."""
        return f"and {self.more:,} more" if self.more else ""

    def nearest(self, text: str, limit: int = 3) -> list[ValueCount]:
        """The text values of which `text` may be a misspelling, the nearest first."""
        by_text = {str(one.value).lower(): one for one in reversed(self.values)}
        near = difflib.get_close_matches(text.lower(), by_text, limit, 0.85)
        return [by_text[low] for low in near]


def count_values(
    source: MetadataSource,
    paths: str | Sequence[str],
    catalogue: FieldCatalogue,
    filter_query: Filter | None = None,
    *,
    search: str = "",
    start: int = 0,
    test: Filter | None = None,
    limit: int = MOST_VALUES,
) -> FieldValues:
    """The values of a field in the records that match, the most common first.

    Parameters
    ----------
    paths
        One path, or the v1 and v2 spellings of one field; a record counts by the first
        one that it has.
    search
        Only text values that contain this text, ignoring case.
    start
        Count values by this many leading characters (7: the months of dates); records
        with a value that is not a text are not counted.
    test
        Operators that a value must match to be counted.
    limit
        The most values; halved if the answer is too large.
    """
    paths = (paths,) if isinstance(paths, str) else tuple(paths)
    groups = _grouped(paths, catalogue, filter_query or {}, search, start, test or {})
    while True:
        try:
            rows = source.aggregate([*groups, *_most_common(limit + 1)])
            break
        except AnswerTooLarge:
            if limit <= 1:
                raise
            limit //= 2
    found = [ValueCount(row["_id"], int(row["count"])) for row in rows]
    kept = tuple(one for one in found[:limit] if not isinstance(one.value, dict | list))
    more = _distinct(source, groups) - limit if len(found) > limit else 0
    return FieldValues(paths, kept, max(more, 0))


def _most_common(limit: int) -> Pipeline:
    # equal counts are ordered by value, so that the order is deterministic
    return [{"$sort": {"count": -1, "_id": 1}}, {"$limit": limit}]


def _distinct(source: MetadataSource, groups: Pipeline) -> int:
    rows = source.aggregate([*groups, {"$count": "distinct"}])
    return int(rows[0]["distinct"]) if rows else 0


def _grouped(
    paths: tuple[str, ...],
    catalogue: FieldCatalogue,
    filter_query: Filter,
    search: str,
    start: int,
    test: Filter,
) -> Pipeline:
    """Stages that give (value, number of records) of all values, unordered."""
    wanted = _wanted(paths, search)
    head: Pipeline = [{"$match": _both(filter_query, wanted)}] if filter_query or wanted else []
    lists = [one for path in paths for one in catalogue.lists_along(path)]
    if len(paths) == 1:  # arrays inside arrays are unwound one by one
        unwound: Pipeline = [{"$unwind": f"${one}"} for one in lists]
        unwound.append({"$project": {"value": f"${paths[0]}"}})
    else:
        unwound = _unwound_alike(paths, catalogue)
    tail: Pipeline = [{"$match": {"value": _pattern(search)}}] if search else []
    # only a text has leading characters; a server fails for an object or a bool
    is_wanted: Filter = {"$type": "string"} if start else {"$ne": None}
    present: Pipeline = [{"$match": {"value": is_wanted | test}}]
    cut: Pipeline = [{"$project": {"value": {"$substrCP": ["$value", 0, start]}}}] if start else []
    return [*head, *unwound, *(tail or present), *cut, *_records_of(bool(lists))]


def _unwound_alike(paths: tuple[str, ...], catalogue: FieldCatalogue) -> Pipeline:
    """Stages that unwind the list of the first spelling that a record has.

    They unwind before following the path further, because databases differ in how an
    expression reads a path through a list.
    """
    lists = {path: next(iter(catalogue.lists_along(path)), path) for path in paths}
    tails = {path[len(at) + 1 :] for path, at in lists.items()}
    tail = tails.pop() if len(tails) == 1 else ""
    heads = tuple(lists.values()) if tail else paths
    unwound: Pipeline = [{"$project": {"value": _first_of(heads)}}, {"$unwind": "$value"}]
    return [*unwound, {"$project": {"value": f"$value.{tail}"}}] if tail else unwound


def _first_of(paths: tuple[str, ...]) -> Any:
    """The first of `paths` with a value; nested, as MongoDB before 5 limits ``$ifNull``."""
    value: Any = f"${paths[-1]}"
    for path in reversed(paths[:-1]):
        value = {"$ifNull": [f"${path}", value]}
    return value


def _records_of(has_lists: bool) -> Pipeline:
    if not has_lists:
        return [{"$group": {"_id": "$value", "count": {"$sum": 1}}}]
    return [
        {"$group": {"_id": {"value": "$value", "record": "$_id"}}},
        {"$group": {"_id": "$_id.value", "count": {"$sum": 1}}},
    ]


def _wanted(paths: tuple[str, ...], search: str) -> Filter:
    """A filter for the records that have such a value; it can use an index."""
    if not search:
        return {}
    tests: list[Filter] = [{path: _pattern(search)} for path in paths]
    return tests[0] if len(tests) == 1 else {"$or": tests}


def _pattern(search: str) -> dict[str, Any]:
    return {"$regex": re.escape(search), "$options": "i"}


def _both(one: Filter, other: Filter) -> Filter:
    if not one or not other:
        return one or other
    return {"$and": [one, other]}
