"""The sets side by side, edited in the cells of one table; the text stays the one source."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dispatch_core.parameter_sets.compare import Comparison
from dispatch_core.parameter_sets.field_text import TableRow, edited_rows
from dispatch_core.parameter_sets.schema_form import FormField, required_sections
from dispatch_core.parameter_sets.set_cells import (
    CellColumn,
    cell_columns,
    place_of,
    read_cell,
    typed_in,
    write_cells,
)
from pages.shared.parameters import text as text_of
from pages.shared.state.session import Session
from pages.shared.state.settle import act
from pages.shared.state.tab import widget_value

MOST_EDITED = 100
"""Up to this many sets are edited in place."""

_ROWS = "set cells"


def set_cells(session: Session, compared: Comparison, more: Mapping[str, list[str]]) -> None:
    """Draw the table; `more` are the columns after the keys, which cannot be edited."""
    form = text_of.form_of(session)
    shown = cell_columns(compared, form if isinstance(form, FormField) else None)
    rows = write_cells(compared, shown, session.typed.drafts)
    key = _key(session, rows)
    began = session.typed.table_rows[key]
    titles = [column.title for column in shown]
    cells: dict[str, list[Any]] = {"Set": [one.number for one in compared.sets]}
    cells |= {title: [row.get(title) for row in began] for title in titles}
    table = pd.DataFrame({**cells, **more})
    table[titles] = table[titles].astype("string")
    st.data_editor(
        table,
        num_rows="fixed",
        hide_index=True,
        placeholder="",
        column_config={column.title: st.column_config.TextColumn(column.label) for column in shown},
        disabled=["Set", *more],
        on_change=_ask,
        args=(session, key, shown),
        key=key,
    )


def _key(session: Session, rows: list[TableRow]) -> str:
    """The key of the table; another one if the text changed in another place than the table.

    A table widget sends its edits relative to its initial rows.
    """
    began = session.typed.table_rows
    last = next((key for key in began if key.startswith(_ROWS)), None)
    if last is not None and edited_rows(began[last], widget_value(last) or {}) == rows:
        return last
    key = f"{_ROWS} {session.epoch} {zlib.crc32(repr(rows).encode())}"
    others = {name: kept for name, kept in began.items() if not name.startswith(_ROWS)}
    session.keep_typed(table_rows={**others, key: rows})
    return key


def _ask(session: Session, key: str, columns: tuple[CellColumn, ...]) -> None:
    act(session, text_of.shows_form(session), _take, key, columns)


def _take(session: Session, key: str, columns: tuple[CellColumn, ...]) -> None:
    """Put the edited cells into the text."""
    form, by_title = text_of.form_of(session), {column.title: column for column in columns}
    required = required_sections(form) if isinstance(form, FormField) else frozenset()
    for row, texts in (widget_value(key) or {}).get("edited_rows", {}).items():
        for title, text in texts.items():
            column, target = by_title[title], place_of(int(row) + 1)
            read = partial(read_cell, column, text)
            text_of.take_value(session, target, column.field.path, read, typed_in(text), required)
    if text_of.shows_form(session):
        session.keep_view(form_version=session.views.form_version + 1)
    else:
        session.reload_editors()
