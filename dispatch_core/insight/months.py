"""The months of a field's dates, as clauses that match exactly the records that they count.

Most records write ISO 8601, where a month is a prefix. For other layouts that the field
has, and in which each of its values has one meaning, a month is a range of numbers or a
pattern: ``^0?5/[0-9]{1,2}/2025`` if the values of the field put the month first. What is
left belongs to no month, and is counted and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from typing import Any, Final

from dispatch_core.insight.date_fields import MOST_ODD, has_value
from dispatch_core.insight.month_layouts import (
    ISO_MONTH,
    MONTH_LAYOUTS,
    certain_layouts,
    is_iso,
    is_number,
)
from dispatch_core.language.paths import value_at
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.text.dates import DateReader, flat, read
from dispatch_core.types import Filter, JsonValue, Record

Layouts = tuple[tuple[str, str], ...]
"""(path, name of a layout) of each layout besides ISO 8601 that the dates of a field have."""


# Months <-> a clause


def month_clause(paths: Sequence[str], months: Sequence[str], layouts: Layouts) -> Filter:
    """The clause of `months` for the spellings `paths` of one field."""
    starts = "|".join(months)
    iso = f"^{starts}" if len(months) == 1 else f"^(?:{starts})"
    branches: list[Filter] = [{path: {"$regex": f"{iso}(?![0-9])"}} for path in paths]
    branches += [
        {path: MONTH_LAYOUTS[name].operators(month)}
        for path, name in layouts
        if path in paths
        for month in filter(_is_month, months)
    ]
    return branches[0] if len(branches) == 1 else {"$or": branches}


_ISO_PREFIX: Final = re.compile(r"\^(?:\(\?:)?([-\d|]+)\)?(?:\(\?!\[0-9]\))?")


def months_of_clause(clause: Filter, paths: Sequence[str]) -> tuple[str, ...]:
    """The months of a clause that `month_clause` may have made; empty for any other."""
    branches = clause.get("$or") if list(clause) == ["$or"] else [clause]
    if not isinstance(branches, list) or not branches:
        return ()
    found = {months for one in branches if (months := _iso_months(one, paths))}
    if len(found) != 1:
        return ()
    months = found.pop()
    others = [one for one in branches if not _iso_months(one, paths)]
    known = list(_other_branches(paths, months)) if others else []
    return months if all(one in known for one in others) else ()


def _iso_months(branch: JsonValue, paths: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(branch, dict) or len(branch) != 1:
        return ()
    ((path, operand),) = branch.items()
    is_regex = path in paths and isinstance(operand, dict) and list(operand) == ["$regex"]
    found = _ISO_PREFIX.fullmatch(str(operand["$regex"])) if is_regex else None
    return tuple(found[1].split("|")) if found else ()


def _other_branches(paths: Sequence[str], months: Sequence[str]) -> Iterator[Filter]:
    complete = [month for month in months if _is_month(month)]
    for layout in MONTH_LAYOUTS.values():
        for month in complete:
            operators = layout.operators(month)
            yield from ({path: operators} for path in paths)


def _is_month(text: str) -> bool:
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    return found is not None and 0 < int(found[1]) < MAXYEAR


# Layouts and months of a source


@dataclass(frozen=True, slots=True)
class OddMonths:
    """What a field has besides ISO 8601: its certain layouts, and the months of such values.

    ``months`` also has those of records with a value in both spellings, which one of them
    would count once and their clause finds twice.
    """

    layouts: Layouts = ()
    months: tuple[str, ...] = ()


def odd_months(source: MetadataSource, paths: Sequence[str], *, most: int = MOST_ODD) -> OddMonths:
    """The layouts and months of the dates at `paths` that are not ISO 8601.

    One request if there are at most `most` such records. If there are more, only numbers are
    read, by their least and greatest, because one text more could contradict the others.
    """
    rows = _odd_rows(source, paths, most + 1)
    found = [_odd_months_at(source, path, rows, is_complete=len(rows) <= most) for path in paths]
    months = {month for one in found for month in one.months}
    return OddMonths(tuple(one for each in found for one in each.layouts), tuple(sorted(months)))


def _odd_rows(source: MetadataSource, paths: Sequence[str], most: int) -> list[Record]:
    """Records with a date that is not ISO 8601, or with a date in both spellings."""
    odd: list[Filter] = [{**has_value(path), "$nor": [{path: ISO_MONTH}]} for path in paths]
    if len(paths) > 1:
        odd.append({"$and": [has_value(path) for path in paths]})
    shown = dict.fromkeys(paths, 1)
    return source.aggregate([{"$match": {"$or": odd}}, {"$limit": most}, {"$project": shown}])


def _odd_months_at(
    source: MetadataSource, path: str, rows: Sequence[Record], *, is_complete: bool
) -> OddMonths:
    values = list(flat(value_at(row, path) for row in rows))
    reader = read(values)
    names = certain_layouts(values, reader)
    months: set[str] = set()
    if not is_complete:
        names = [name for name in names if is_number(name)]
        months = {month for name in names for month in _all_months(source, path, name)}
    months |= _months_of(values, reader, names)
    return OddMonths(tuple((path, name) for name in names), tuple(months))


def _months_of(values: Iterable[Any], reader: DateReader, names: Sequence[str]) -> set[str]:
    """The months of the values in these layouts or in ISO 8601."""
    layouts = [MONTH_LAYOUTS[name] for name in names]
    moments = (
        reader.moment(value)
        for value in values
        if is_iso(value) or any(one.fits(value) for one in layouts)
    )
    days = [one.at.date() for one in moments if one is not None]
    # 24:00 is read as the next day, and written on the day before
    before = [day - timedelta(days=1) for day in days if day > date.min]
    return {day.isoformat()[:7] for day in (*days, *before) if day.year < MAXYEAR}


def _all_months(source: MetadataSource, path: str, name: str) -> Iterator[str]:
    """Every month from the least number of this layout to the greatest."""
    ends = [
        moment.at.date()
        for order in (1, -1)
        for row in source.aggregate(
            [
                {"$match": {path: MONTH_LAYOUTS[name].operators()}},
                {"$sort": {path: order}},
                {"$limit": 1},
                {"$project": {path: 1}},
            ]
        )
        for value in flat([value_at(row, path)])
        if MONTH_LAYOUTS[name].fits(value) and (moment := read([value]).moment(value))
    ]
    month = min(ends, default=date.max)
    while month <= max(ends, default=date.min):
        yield month.isoformat()[:7]
        month = (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def without_month(paths: Sequence[str], layouts: Layouts) -> Filter:
    """A filter for the records with a value at `paths` that belongs to no month."""
    counted: list[Filter] = [{path: ISO_MONTH} for path in paths]
    counted += [{path: MONTH_LAYOUTS[name].operators()} for path, name in layouts if path in paths]
    return {"$and": [{"$or": [has_value(path) for path in paths]}, {"$nor": counted}]}
