"""Columns of the asset table: the value of a record at a path, as one cell.

The standard columns are read together with the assets. Any other path is read when the
user selects it, only that path and only for the assets found.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatch_core.find import IDS_A_QUERY
from dispatch_core.language.bson import MISSING
from dispatch_core.language.paths import outermost_paths, value_at
from dispatch_core.sources.protocols import MetadataSource
from dispatch_core.types import DataAsset, FileEntry, LocatedAsset, Progress, no_progress
from dispatch_core.views.table import Cell
from dispatch_core.walk import walk_records


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its paths in both schemas; the first path with a value counts."""

    title: str
    paths: tuple[str, ...]


PROJECT = Column("Project", ("data_description.project_name",))
SUBJECT = Column("Subject", ("subject.subject_id",))
MODALITY = Column(
    "Modality",
    ("data_description.modality.abbreviation", "data_description.modalities.abbreviation"),
)
LEVEL = Column("Level", ("data_description.data_level",))
ACQUIRED = Column(
    "Acquired",
    (
        "session.session_start_time",
        "acquisition.acquisition_start_time",
        "data_description.creation_time",
    ),
)
STANDARD = (PROJECT, SUBJECT, MODALITY, LEVEL, ACQUIRED)
STANDARD_PATHS = tuple(path for column in STANDARD for path in column.paths)

NO_VALUE = "none"
"""The label of the assets without a value in a count."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")


def values_of(fields: Mapping[str, Any], column: Column) -> tuple[Cell, ...]:
    """The distinct values of a record in a column: none, one, or those of a list."""
    for path in column.paths:
        values = _values(value_at(fields, path))
        if values:
            return values
    return ()


def cell_of(fields: Mapping[str, Any], column: Column) -> Cell:
    """The cell of a record's fields; None if no path of the column has a value."""
    return _joined(values_of(fields, column))


def cell_of_value(value: Any) -> Cell:
    """`value` as one cell: a list as its distinct items with commas, an object as JSON."""
    return _joined(_values(value))


def _joined(values: Sequence[Cell]) -> Cell:
    if len(values) > 1:
        return sys.intern(", ".join(map(str, values)))
    return values[0] if values else None


def _values(value: Any) -> tuple[Cell, ...]:
    if value is MISSING or value is None:
        return ()
    if isinstance(value, str):
        return (sys.intern(value),)
    if isinstance(value, list):
        return tuple(dict.fromkeys(one for item in value for one in _values(item)))
    if isinstance(value, dict):
        return (json.dumps(value, ensure_ascii=False),)
    return (value if isinstance(value, bool | int | float) else str(value),)


def read_columns(
    source: MetadataSource,
    record_ids: Sequence[str],
    paths: Iterable[str],
    progress: Progress = no_progress,
) -> dict[str, dict[str, Cell]]:
    """Path -> record id -> cell, for records that have a value there."""
    wanted = tuple(paths)
    cells: dict[str, dict[str, Cell]] = {path: {} for path in wanted}
    projection = dict.fromkeys(outermost_paths(wanted), 1)
    for start in range(0, len(record_ids), IDS_A_QUERY):
        progress("columns", start, len(record_ids))
        query = {"_id": {"$in": list(record_ids[start : start + IDS_A_QUERY])}}
        for record in walk_records(source, query, projection):
            for path in wanted:
                cell = cell_of_value(value_at(record, path))
                if cell is not None:
                    cells[path][str(record["_id"])] = cell
    progress("columns", len(record_ids), len(record_ids))
    return cells


def count_values(assets: Iterable[DataAsset], column: Column) -> list[tuple[str, int]]:
    """(value, number of assets), most frequent first; an asset counts in each of its values."""
    counts: Counter[str] = Counter()
    for asset in assets:
        counts.update(map(str, values_of(asset.fields, column) or (NO_VALUE,)))
    return counts.most_common()


def count_months(assets: Iterable[DataAsset]) -> list[tuple[str, int]]:
    """(``2025-06``, number of assets) by time, with the empty months in between.

    A gap of more than ten years is not filled: one wrong date would hide the others. Assets
    without a date are last.
    """
    counts: Counter[str] = Counter()
    for asset in assets:
        match = _MONTH.match(str(cell_of(asset.fields, ACQUIRED) or ""))
        counts[f"{match[1]}-{match[2]}" if match else NO_VALUE] += 1
    undated = counts.pop(NO_VALUE, 0)
    months = [(month, counts[month]) for month in _without_gaps(sorted(counts))]
    return [*months, (NO_VALUE, undated)] if undated else months


_LONGEST_GAP = 120  # months


def _without_gaps(months: Sequence[str]) -> Iterator[str]:
    """`months` and those between each two of them."""
    for month, following in itertools.zip_longest(months, months[1:]):
        yield month
        if following is not None and _number(following) - _number(month) <= _LONGEST_GAP:
            for number in range(_number(month) + 1, _number(following)):
                yield f"{number // 12:04}-{number % 12 + 1:02}"


def _number(month: str) -> int:
    """The number of months before `month` since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


_ENDING = re.compile(r"(\.[A-Za-z][A-Za-z0-9]*)+$")
_SIZES = (
    *("under 1 kB", "1-10 kB", "10-100 kB", "0.1-1 MB", "1-10 MB"),
    *("10-100 MB", "0.1-1 GB", "1-10 GB", "10-100 GB", "over 100 GB"),
)


def count_endings(files: Iterable[FileEntry]) -> list[tuple[str, int]]:
    """(whole ending such as ``.ome.zarr``, number of files), most frequent first."""
    found = (_ENDING.search(file.location.rpartition("/")[2]) for file in files)
    return Counter(match[0] if match else NO_VALUE for match in found).most_common()


def count_sizes(files: Iterable[FileEntry]) -> list[tuple[str, int]]:
    """(range of sizes, number of files) from small to large, with empty ranges in between.

    Directory stores, whose size is unknown, are last.
    """
    counts: Counter[int] = Counter()
    stores = 0
    for file in files:
        if file.size is None:
            stores += 1
        else:
            counts[min(max(len(str(file.size)) - 3, 0), len(_SIZES) - 1)] += 1
    shown = range(min(counts, default=0), max(counts, default=-1) + 1)
    ranges = [(_SIZES[index], counts[index]) for index in shown]
    return [*ranges, ("stores", stores)] if stores else ranges


def count_files(located: Iterable[LocatedAsset]) -> list[tuple[str, int]]:
    """(number of files, number of assets with that many files), ascending."""
    counts = Counter(len(one.files or ()) for one in located)
    return [(str(number), assets) for number, assets in sorted(counts.items())]
