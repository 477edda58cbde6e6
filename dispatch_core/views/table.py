"""Tables: which rows are shown, in which order, and the complete table as CSV.

A table may have 100,000 rows, of which a page shows some hundreds. Filter, order and
page are one value, and selecting rows is a function of the rows and that value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatch_core.text.spreadsheet import csv_text

Cell = str | int | float | bool | None
_MAX_EXACT = 2**53
"""The largest integer that a browser shows exactly."""

Columns = Mapping[str, Callable[[Any], Cell]]
"""Title -> cell of a row."""


@dataclass(frozen=True, slots=True)
class TableView:
    """Filter, order and page of a table.

    ``search`` is text that a row must contain, ignoring case, in the column with the
    title ``column``, or in any if that is "". ``sort`` is the title of a column; ""
    keeps the original order. ``page`` counts from 0.
    """

    search: str = ""
    column: str = ""
    sort: str = ""
    is_descending: bool = False
    page: int = 0


def select_rows(rows: Sequence[Any], columns: Columns, view: TableView) -> Sequence[int]:
    """The indices of all rows to show, in order, to be split into pages."""
    kept: Sequence[int] = range(len(rows))
    needle = view.search.strip().lower()
    if needle:
        looked_at = [columns[view.column]] if view.column in columns else list(columns.values())
        kept = [
            index
            for index in kept
            if any(needle in str(_shown(read(rows[index]))).lower() for read in looked_at)
        ]
    if view.sort not in columns:
        return kept
    read = columns[view.sort]
    filled: list[tuple[tuple[int, Any], int]] = []
    empty: list[tuple[tuple[int, Any], int]] = []
    for index in kept:
        cell = read(rows[index])
        (empty if cell is None or cell == "" else filled).append((_rank(cell), index))
    filled.sort(key=lambda pair: pair[0], reverse=view.is_descending)
    return [index for _, index in (*filled, *empty)]  # empty cells are last in both directions


def page_of(indices: Sequence[int], view: TableView, size: int) -> tuple[int, Sequence[int]]:
    """The page number, at most the last, and the indices of the rows on that page."""
    last = max(0, -(-len(indices) // size) - 1)
    page = min(max(view.page, 0), last)
    return page, indices[page * size : (page + 1) * size]


def table_text(rows: Iterable[Any], columns: Columns) -> str:
    """All rows as CSV, also those that are not shown."""
    return csv_text(list(columns), ([read(row) for read in columns.values()] for row in rows))


def alike(cells: Sequence[Cell]) -> Sequence[Cell]:
    """The cells of a column, as texts if no one type of a data frame holds them all."""
    kinds = {type(cell) for cell in cells if cell is not None}
    is_large = any(type(cell) is int and abs(cell) > _MAX_EXACT for cell in cells)
    if not is_large and (len(kinds) < 2 or kinds == {int, float}):
        return cells
    return [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]


def _rank(cell: Cell) -> tuple[int, Any]:
    """A sort key: numbers before texts, and texts ignoring case."""
    return (1, cell.lower()) if isinstance(cell, str) else (0, cell or 0)


def _shown(cell: Cell) -> Cell:
    return "" if cell is None else cell
