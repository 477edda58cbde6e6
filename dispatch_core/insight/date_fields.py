"""How a field writes its dates, and which records a date condition cannot compare.

Layouts are read from the field's own values, never assumed. A record that writes its date in
a layout without an order by day (``5/28/2025``), or in one that two days can have, is counted
and named: no date condition finds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from dispatch_core.insight.together import ask_together
from dispatch_core.language.bson import MISSING
from dispatch_core.language.paths import value_at
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.date_layouts import ISO, layouts_in, layouts_named
from dispatch_core.text.dates import flat, read
from dispatch_core.types import Filter, JsonValue, Record

_SAMPLED: Final = 50
MOST_ODD: Final = 2_000
"""The most records in other layouts than ISO 8601 that are read to learn their layouts."""

MOST_NAMED: Final = 50
_NAME_OF_A_TIME: Final = re.compile(
    "(?i)time|date|created|modified|(?:^|_)(?:at|born|birth|day|end|start|when)(?:_|$)"
)
_PRESENT: Filter = {"$exists": True, "$nin": [None, "", []]}


@dataclass(frozen=True, slots=True)
class OddDate:
    """A record whose date is not compared, and the date as it is written."""

    name: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class NotCompared:
    """The records with a value that no layout of a condition covers, the first ones by name."""

    count: int = 0
    named: tuple[OddDate, ...] = ()


def has_value(path: str) -> Filter:
    """A filter for the records that have a value at `path`."""
    return {path: dict(_PRESENT)}


def outside(path: str, layouts: Sequence[str]) -> Filter:
    """A filter for the records with a value at `path` in none of these layouts."""
    covered = [{path: one.operators((None, None))} for one in layouts_named(layouts)]
    return {**has_value(path), "$nor": covered} if covered else has_value(path)


def date_layouts(source: MetadataSource, path: str) -> tuple[str, ...] | None:
    """The layouts in which `path` can be compared by day; None if its values are not dates.

    One request for a field without dates, three for one with dates. It is empty if the
    field has dates, but only in layouts without an order by day.
    """
    sample = _values(source, path, has_value(path), _SAMPLED)
    if not _are_dates(path, sample):
        return None
    calls = [
        partial(_values, source, path, {path: _operators_of(ISO)}, 1),
        partial(_values, source, path, outside(path, [ISO]), MOST_ODD),
    ]
    found = [*sample, *(value for values in ask_together(calls) for value in values)]
    return layouts_in(found, read(found))


def _operators_of(layout: str) -> Filter:
    return layouts_named([layout])[0].operators((None, None))


def _values(source: MetadataSource, path: str, wanted: Filter, most: int) -> list[Any]:
    rows = source.aggregate([{"$match": wanted}, {"$limit": most}, {"$project": {path: 1}}])
    return list(flat(value_at(row, path) for row in rows))


def _are_dates(path: str, values: Sequence[Any]) -> bool:
    """Whether most values are dates; plain numbers only if the field is named as a time."""
    reader = read(values)
    dates = [value for value in values if reader.possible(value)]
    is_likely = reader.has_dates or _NAME_OF_A_TIME.search(path.rpartition(".")[2]) is not None
    return bool(dates) and is_likely and 2 * len(dates) >= len(values)


def not_compared(
    source: MetadataSource, path: str, layouts: Sequence[str], *, within: str = ""
) -> NotCompared:
    """The records with a value at `path` that a condition in these layouts does not compare.

    For a condition on the items of the list `within`, those with such an item.
    """
    if not within:
        return records_named(source, outside(path, layouts), [path])
    item = outside(path.removeprefix(f"{within}."), layouts)
    return records_named(source, {within: {"$elemMatch": item}}, [path])


def records_named(source: MetadataSource, wanted: Filter, paths: Sequence[str]) -> NotCompared:
    """The number of records that match `wanted`, and the first ones with their value at `paths`."""
    count = source.count(wanted)
    if not count:
        return NotCompared()
    shown = {"_id": 1, "name": 1, **dict.fromkeys(paths, 1)}
    rows = source.find_page(wanted, shown, MOST_NAMED)
    return NotCompared(count, tuple(_odd_date(row, paths) for row in rows))


def _odd_date(row: Record, paths: Sequence[str]) -> OddDate:
    values = (value_at(row, path) for path in paths)
    found = next((one for one in values if one not in (MISSING, None, "")), None)
    return OddDate(str(row.get("name", row["_id"])), found)
