"""Inputs of a date condition: days as text with a calendar, and what they leave uncompared."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import streamlit as st

from dispatch_core.builder import days as spans
from dispatch_core.builder.date_clauses import from_today
from dispatch_core.builder.query_form import FormRow, Spelling
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.chip_words import words_of_days
from dispatch_core.insight.date_fields import NotCompared
from dispatch_core.insight.fields import SCALARS
from dispatch_core.language.paths import is_below
from dispatch_core.text.date_layouts import today
from dispatch_core.text.words import counted
from dispatch_core.types import JsonValue
from pages.shared.assets.fields import run_again_after, version_of
from pages.shared.state.services import ask_date_layouts, ask_not_compared
from pages.shared.state.session import Session
from pages.shared.state.tab import first_value, widget_value
from pages.shared.widgets.field_menu import known_fields, soon
from pages.shared.widgets.messages import escaped
from pages.shared.widgets.tables import small_table

_FIRST, _LAST = date(1900, 1, 1), date(2200, 12, 31)
"""The days that the calendar offers; any other can be typed."""

_TABLE_WIDTH = 640


def layouts_of_dates(path: str, within: str) -> tuple[str, ...] | None:
    """The layouts in which `path` writes dates; None if it has none, or several in a record.

    `within` is the list that a row is about: only a list inside it can hold several dates.
    None also while the values are read; the page runs again at the end.
    """
    fields = known_fields()
    known = fields.get(path) if fields and path else None
    if fields is None or known is None or not SCALARS & set(known.types):
        return None
    if any(not is_below(within, one) for one in fields.lists_along(path)):
        return None
    work = ask_date_layouts(path)
    if not work.is_done:
        soon(work)
    if not work.is_done:
        run_again_after(work)
    return work.result


def days_input(session: Session, row: FormRow, key: str, put: Callable[[FormRow], None]) -> FormRow:
    """`row` with the days, or the number of days, as typed; `put` replaces a row in the form.

    The first day has the key of other values, so that a text stays which is typed while the
    row becomes a date.
    """
    if row.condition == "in the last":
        return _last_input(row, key, put)
    labels = ("First day", "Last day") if row.condition == "between" else ("Day",)
    before = (*row.texts, "", "")
    texts = tuple(
        _day_input(session, label, before[number], f"{key}-{number}" if number else key)
        for number, label in enumerate(labels)
    )
    return replace(row, texts=texts) if any(texts) or row.texts else row


def _day_input(session: Session, label: str, text: str, key: str) -> str:
    """A day as typed, with a calendar beside it; a wrong text stays as it was typed."""
    line = st.container(horizontal=True, gap="xxsmall", vertical_alignment="center")
    typed = line.text_input(
        label,
        first_value(session, key, text),
        placeholder=f"{label}, as in 2025-05-28",
        label_visibility="collapsed",
        key=key,
    )
    name = f"{key}-calendar-{version_of(typed)}"

    def take() -> None:
        chosen = widget_value(name)
        if chosen is not None:
            session.put(key, str(chosen))

    with line.popover(
        "Choose in a calendar",
        icon=":material/calendar_month:",
        type="tertiary",
        key=f"{key}-calendar-menu",
    ):
        st.date_input(
            label,
            _shown_in_calendar(typed or ""),
            min_value=_FIRST,
            max_value=_LAST,
            format="YYYY-MM-DD",
            on_change=take,
            key=name,
        )
    return (typed or "").strip()


def _shown_in_calendar(text: str) -> date | None:
    with suppress(InvalidInput):
        day = spans.parse_day(text)
        return day if _FIRST <= day <= _LAST else None
    return None


# The choice of a facet

_PRESETS = {"Last 30 days": ("30", "days"), "Last 6 months": ("6", "months")}


def days_choice(
    session: Session,
    chosen: FormRow | None,
    paths: Sequence[str],
    take: Callable[[FormRow], None],
) -> None:
    """Buttons for recent days, and inputs of two days; `take` gets the condition."""
    fields = known_fields()
    live = [path for path in paths if fields is not None and path in fields]
    layouts = {path: layouts_of_dates(path, "") for path in live}
    known = {path: names for path, names in layouts.items() if names}
    if not known:
        return
    day = today()
    blank = _blank_row(known)
    rows = {
        name: replace(blank, condition="in the last", texts=(*texts, str(day)))
        for name, texts in _PRESETS.items()
    }
    rows["This year"] = replace(blank, condition="on or after", texts=(f"{day.year}-01-01",))
    with st.container(horizontal=True, gap="xsmall"):
        for name, row in rows.items():
            is_chosen = chosen is not None and chosen == row
            kind: Literal["primary", "secondary"] = "primary" if is_chosen else "secondary"
            st.button(name, type=kind, on_click=take, args=(row,), key=f"days-{name}")
    _two_days(session, blank, chosen, take)


def _blank_row(layouts: Mapping[str, tuple[str, ...]]) -> FormRow:
    (path, names), *others = layouts.items()
    spelled = tuple(Spelling(one, of_one) for one, of_one in others)
    return FormRow(path, kind="date", layouts=names, others=spelled)


def _two_days(
    session: Session, blank: FormRow, chosen: FormRow | None, take: Callable[[FormRow], None]
) -> None:
    """Inputs of the first and the last day; both, as soon as they are days, are the condition."""
    is_range = chosen is not None and chosen.condition == "between"
    row = chosen if chosen and is_range else replace(blank, condition="between", texts=("", ""))
    st.caption("Between two days")
    typed = days_input(session, row, f"two-days-{version_of(row.texts)}", take)
    if not all(typed.texts) or typed == row:
        return
    try:
        spans.span_of("between", typed.texts)
    except InvalidInput as error:
        st.caption(f":material/pending: {escaped(str(error.issues[0]))}")
    else:
        take(typed)
        st.rerun()  # the chips above have the new days


# in the last 30 days


def unit_input(row: FormRow) -> FormRow:
    """`row` with the chosen unit; another unit counts from today."""
    number, unit, counted_from = row.texts
    chosen = st.selectbox(
        "Unit",
        spans.UNITS,
        index=spans.UNITS.index(unit),
        label_visibility="collapsed",
        key=f"unit-{row.key}",
    )
    start = counted_from if chosen == unit else str(today())
    return replace(row, texts=(number, chosen, start))


def _last_input(row: FormRow, key: str, put: Callable[[FormRow], None]) -> FormRow:
    number, unit, _ = row.texts
    typed = st.text_input("Number", number, label_visibility="collapsed", key=f"{key}-number")
    if (typed or "").strip() != number:
        row = replace(row, texts=((typed or "").strip(), unit, str(today())))
    with suppress(InvalidInput):
        start, end = spans.span_of("in the last", row.texts)
        if start and end:
            is_old = row != from_today(row)
            days = f"{start} to {end - timedelta(days=1)}"
            st.caption(f"{words_of_days(row)}, from {start}" if is_old else days)
    today_button("Count from today", row, put, key=f"today-{row.key}")
    return row


def today_button(label: str, row: FormRow, put: Callable[[FormRow], None], *, key: str) -> None:
    """Offer to count `row` from today, if it counts back from another day."""
    if row != from_today(row):
        st.button(
            label,
            icon=":material/update:",
            help=f"It counts from {row.texts[2]}, the day it was chosen.",
            on_click=put,
            args=(from_today(row),),
            type="tertiary",
            key=key,
        )


# Records that no date condition compares


def show_not_compared(path: str, within: str, row: FormRow) -> None:
    """Say how many records have a date that `row` does not compare, and name them on request."""
    work = ask_not_compared(path, row.layouts, within)
    found = soon(work)
    if not work.is_done:
        run_again_after(work)
    if not found or not found.count:
        return
    layout = "another layout" if row.layouts else "a layout without an order by day"
    label = f"Not compared: {counted(found.count, 'record')} with {layout} in {path}"
    with st.popover(escaped(label), icon=":material/info:", type="tertiary", key=f"odd-{row.key}"):
        odd_dates(found, f"odd-rows-{row.key}")


def odd_dates(found: NotCompared, key: str) -> None:
    """A table of the records whose date is not compared."""
    with st.container(width=_TABLE_WIDTH):
        small_table(
            [{"Value": _shown(one.value), "Asset": one.name} for one in found.named], key=key
        )
        if found.count > len(found.named):
            st.caption(f"The first {len(found.named)} of {found.count:,}.")


def _shown(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
