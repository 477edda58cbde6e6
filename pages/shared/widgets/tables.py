"""Tables that are searched, sorted and paged on the server."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dispatch_core.text.spreadsheet import csv_file, safe_cell
from dispatch_core.views.table import Columns, TableView, alike, page_of, select_rows
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, open_session, widget_value
from pages.shared.widgets.download import kept_file

MOST_ROWS = 500
"""The most rows of a table that are sent to the browser at a time."""


SMALL = 10
"""Up to this many rows are shown without a search."""

Beside = Callable[[list[Any], Any], None]
"""Draws what the selection of a table offers, from the rows shown and the event."""


def paged_table(
    rows: Sequence[Any],
    columns: Columns,
    key: str,
    changes: Hashable = None,
    beside: Beside | None = None,
    note: str = "",
    **options: Any,
) -> tuple[list[Any], Any]:
    """A table of at most `MOST_ROWS` rows, searched and sorted on the server over all of them.

    `columns` maps a title to a function of a row, and `changes` is the other input of
    the cells. `beside` draws, above the table, what its selection offers. `note` says what
    all rows are. Returns (shown rows, event).
    """
    session = open_session()
    view = _table_view(session, rows, columns, key) if len(rows) > SMALL else TableView()
    cells_of = (tuple(columns), changes)
    picked = _picked(session, rows, columns, key, cells_of, view)
    above = f"above-{key}" if beside is not None else None
    line = st.container(horizontal=True, vertical_alignment="center", key=above)
    if len(rows) > SMALL:
        with line:
            view = _turn_pages(session, view, key, len(picked), len(rows), note)
    _, indices = page_of(picked, view, MOST_ROWS)
    table, version = session.memo.remember_of(
        f"{key} page", rows, (cells_of, view), lambda: _page(rows, columns, indices)
    )
    options = {"hide_index": True, "placeholder": "", **options}
    table_key = f"{key}-table-{version}"
    if len(rows) > SMALL:
        table_key = f"{key}-sorted-{version}-{view.sort}-{view.is_descending}"
        options |= _header_options(view, options)
        options["on_select"] = partial(_sort_by_header, session, view, key, table_key)
    event = st.dataframe(table, key=table_key, **options)
    shown = [rows[index] for index in indices]
    if beside is not None:
        with line:
            beside(shown, event)
    return shown, event


def widths(pixels: Mapping[str, int]) -> dict[str, Any]:
    """The configuration of columns with these widths; a column without one is as wide as a cell."""
    return {title: st.column_config.Column(width=width) for title, width in pixels.items()}


def _header_options(view: TableView, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by which a click on a header selects its column, so that the server can sort.

    The browser would sort only the rows that it has. The column of the order gets an arrow.
    """
    modes = options.get("selection_mode", [])
    config = dict(options.get("column_config", {}))
    if view.sort:
        arrow = "↓" if view.is_descending else "↑"
        config[view.sort] = {**config.get(view.sort, {}), "label": f"{view.sort} {arrow}"}
    return {
        "selection_mode": [*([modes] if isinstance(modes, str) else modes), "single-column"],
        "column_config": config,
    }


def _sort_by_header(session: Session, view: TableView, key: str, table_key: str) -> None:
    """Sort all rows by the clicked header: ascending, then descending, then as before."""
    event = widget_value(table_key)
    for title in event["selection"]["columns"]:
        order = (title, False)
        if view.sort == title:
            order = ("", False) if view.is_descending else (title, True)
        session.put(_sort_key(session, key), _order_label(*order))


def _sort_key(session: Session, key: str) -> str:
    return f"{key}-sort-{session.epoch}"


def _order_label(title: str, is_descending: bool) -> str:
    return f"{title}, {'descending' if is_descending else 'ascending'}" if title else _AS_IS


def rows_that_match(
    rows: Sequence[Any], columns: Columns, key: str, changes: Hashable = None
) -> list[Any]:
    """All rows that match the search of a `paged_table`, on every page; none without a search."""
    session = open_session()
    view = session.views.tables.get(key, TableView())
    if len(rows) <= SMALL or not view.search.strip():
        return []
    picked = _picked(session, rows, columns, key, (tuple(columns), changes), view)
    return [rows[index] for index in picked]


def _picked(
    session: Session,
    rows: Sequence[Any],
    columns: Columns,
    key: str,
    cells_of: Hashable,
    view: TableView,
) -> Sequence[int]:
    return session.memo.remember_of(
        f"{key} picked",
        rows,
        (cells_of, replace(view, page=0)),
        lambda: select_rows(rows, columns, view),
    )


def _page(
    rows: Sequence[Any], columns: Columns, indices: Sequence[int]
) -> tuple[pd.DataFrame, int]:
    """The cells of a page, and a number that identifies the page.

    A browser keeps a selection by position, so other rows need another widget.
    """
    cells = {
        title: alike([_cell(read(rows[index])) for index in indices])
        for title, read in columns.items()
    }
    return pd.DataFrame(cells, columns=list(columns)), hash(repr(cells))


def _cell(value: Any) -> Any:
    """A cell that is safe in a spreadsheet: users copy tables and save them as CSV."""
    return safe_cell(value) if isinstance(value, str) else value


_ANYWHERE, _AS_IS = "any column", "original order"


def _table_view(session: Session, rows: Sequence[Any], columns: Columns, key: str) -> TableView:
    """The search and the order of a table, which are kept across pages and reloads."""
    kept = session.views.tables.get(key, TableView())
    search, where, sort = st.columns([4, 3, 4], vertical_alignment="bottom")
    text = search.text_input(
        f"Filter all {len(rows):,} rows",
        kept.search,
        key=f"{key}-search-{session.epoch}",
        placeholder=f"Filter all {len(rows):,} rows",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    places = [_ANYWHERE, *columns]
    place = where.selectbox(
        "In",
        places,
        places.index(kept.column) if kept.column in places else 0,
        format_func=lambda name: f"in {name}",
        label_visibility="collapsed",
        key=f"{key}-where-{session.epoch}",
    )
    choices = [("", False), *((title, down) for title in columns for down in (False, True))]
    orders = {_order_label(*one): one for one in choices}
    now = _order_label(kept.sort if kept.sort in columns else "", kept.is_descending)
    is_put = apply_put(session, _sort_key(session, key))
    order = sort.selectbox(
        "Sort by",
        list(orders),
        0 if is_put else list(orders).index(now),
        format_func=lambda name: f"Sort by: {name}",
        label_visibility="collapsed",
        key=_sort_key(session, key),
    )
    by, is_descending = orders[order]
    view = TableView(text, "" if place == _ANYWHERE else place, by, is_descending)
    is_same = view == replace(kept, page=0)
    return _keep(session, key, kept if is_same else view)


def _keep(session: Session, key: str, view: TableView) -> TableView:
    session.keep_view(tables={**session.views.tables, key: view})
    return view


def _turn_pages(
    session: Session, view: TableView, key: str, picked: int, all_rows: int, note: str
) -> TableView:
    """The view with the chosen page; shows the choice if there are several, and the range."""
    pages = max(1, -(-picked // MOST_ROWS))
    if pages > 1:
        version = hash(replace(view, page=0))
        number = st.number_input(
            f"Page (of {pages:,})",
            1,
            pages,
            min(view.page + 1, pages),
            key=f"{key}-page-{pages}-{version}-{session.epoch}",
            width=150,
        )
        view = _keep(session, key, replace(view, page=int(number) - 1))
    first = view.page * MOST_ROWS
    last = min(first + MOST_ROWS, picked)
    of = f"{picked:,}" if picked == all_rows else f"{picked:,} that match, of {all_rows:,}"
    rows = f"Rows {first + bool(picked):,} to {last:,} of {of}"
    st.caption(f"{rows} ({note})" if note else rows, width="content")
    return view


def download_csv(label: str, make: Callable[[], str], name: str) -> None:
    """Show a button that makes the CSV on download."""
    st.download_button(
        label,
        kept_file(lambda: csv_file(make()), f"{name}.csv", "text/csv"),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"{name}-csv",
    )


def small_table(rows: Sequence[Mapping[str, Any]], **options: Any) -> None:
    """Show a few rows without search and pages; titles are those of the first row."""
    titles = rows[0] if rows else ()
    cells = {title: alike([_cell(row.get(title)) for row in rows]) for title in titles}
    st.dataframe(pd.DataFrame(cells), hide_index=True, placeholder="", **options)
