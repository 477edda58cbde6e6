"""Facets: one button for each, whose values are counted under the other conditions.

A choice is a condition of the one query. The content of a facet is drawn, and counted, only
while it is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from dispatch_core.builder.query_form import FormRow, QueryForm, Spelling
from dispatch_core.insight.facet_form import (
    choose_in,
    chosen_in,
    days_of,
    replace_choice,
    rest_of,
)
from dispatch_core.insight.facets import FACETS, Facet, FacetCounts
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.insight.plain_names import name_of_paths
from dispatch_core.insight.values import ValueCount
from dispatch_core.text.words import counted
from dispatch_core.types import Filter, JsonValue
from pages.shared.assets.chips import add_condition
from pages.shared.assets.days import days_choice, odd_dates
from pages.shared.assets.fields import await_answer, kind_of, paths_input
from pages.shared.assets.form_text import change_form, form_of_text
from pages.shared.state.edits import ask_why
from pages.shared.state.services import ask_facet, ask_fields, ask_unread
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, widget_value
from pages.shared.widgets.messages import escaped, plain_label

_WIDTH = 330
_FEW = 8
"""Up to this many values are shown without a search."""


@dataclass(frozen=True)
class _Asked:
    """One open facet: the form that it changes, and the fields of the source."""

    session: Session
    form: QueryForm
    facet: Facet
    fields: FieldCatalogue

    @property
    def rest(self) -> Filter:
        """The query without the choice of this facet."""
        return rest_of(self.form, self.facet)


def facet_line(session: Session) -> None:
    """Show a button for each facet, and one for any other field."""
    with st.container(horizontal=True, gap="small", key="facets"):
        for facet in FACETS:
            _facet(session, facet)
        _any_field(session)


def _facet(session: Session, facet: Facet) -> None:
    apply_put(session, _popover_key(facet))
    opened = st.popover(facet.name, on_change="rerun", key=_popover_key(facet))
    if opened.open:
        with opened, st.container(width=_WIDTH):
            _content(session, facet)


def _any_field(session: Session) -> None:
    apply_put(session, "facet-any")
    opened = st.popover(
        "Any field", icon=":material/add:", on_change="rerun", type="tertiary", key="facet-any"
    )
    if not opened.open:
        return
    with opened, st.container(width=_WIDTH):
        paths = paths_input(session, "Field", session.views.facet_paths, f"any-{session.epoch}")
        session.keep_view(facet_paths=paths)
        if not any(paths):
            st.caption("Choose a field, or type its path.")
            return
        row = FormRow(paths[0], kind=kind_of(paths[0]), others=tuple(map(Spelling, paths[1:])))
        st.button(
            "Add a condition",
            icon=":material/add:",
            on_click=add_condition,
            args=(session, row),
            key="add-any",
        )
        _content(session, Facet(name_of_paths(paths), paths))


def _content(session: Session, facet: Facet) -> None:
    form = form_of_text(session)
    if form is None:
        st.caption("The text of the query does not parse: correct it under **JSON** first.")
        return
    fields = await_answer(ask_fields(), "Sampling the fields")
    if fields is None:
        return
    asked = _Asked(session, form, facet, fields)
    if facet.start:
        take = partial(_take_days, session, facet)
        days_choice(session, days_of(form, facet), facet.paths, take)
    search = session.views.facet_searches.get(facet.name, "")
    _values(asked, search)


def _take_days(session: Session, facet: Facet, row: FormRow) -> None:
    change_form(session, lambda form: replace_choice(form, facet, row))
    session.ask("at once")


def _values(asked: _Asked, search: str) -> None:
    """The values of the facet with their counts, and a search over the values."""
    facet, chosen = asked.facet, chosen_in(asked.form, asked.facet)
    counted = await_answer(ask_facet(asked.rest, asked.fields, facet, chosen), "Counting")
    if counted is None:
        return
    if counted.error:
        st.caption(f"No counts. {escaped(counted.error)}")
        return
    is_long = len(counted.values) + counted.more > _FEW
    found: FacetCounts | None = counted
    if is_long and not facet.start:
        _search_input(asked, search)
        found = _searched(asked, counted, search)
        if found is None:
            return
        _take_the_only_match(asked, found, search)
    assert found is not None
    _checkboxes(asked, counted, found, chosen, search if found is not counted else "")
    if facet.start and counted.unread:
        _unread(asked, counted)


def _search_input(asked: _Asked, search: str) -> None:
    session, key = asked.session, f"facet-search-{asked.facet.name}-{asked.session.epoch}"

    def note() -> None:
        text = str(widget_value(key) or "").strip()
        session.keep_view(facet_searches={**session.views.facet_searches, asked.facet.name: text})
        session.ask("take the only match", asked.facet.name)

    form = st.form(f"search-{asked.facet.name}", border=False)
    with form, st.container(horizontal=True, gap="xsmall"):
        st.text_input(
            f"Search {asked.facet.name}",
            search,
            placeholder="Part of a value, then Enter",
            label_visibility="collapsed",
            key=key,
        )
        st.form_submit_button(
            "Search the values",
            icon=":material/search:",
            on_click=note,
            key=f"search-now-{asked.facet.name}",
        )


def _searched(asked: _Asked, counted: FacetCounts, search: str) -> FacetCounts | None:
    """The values that contain `search`, also those beyond the first; None until they are known."""
    if not search:
        return counted
    if counted.more:
        work = ask_facet(asked.rest, asked.fields, asked.facet, counted.chosen, search)
        return await_answer(work, "Searching")
    values = [one for one in counted.values if search.lower() in str(one.value).lower()]
    return FacetCounts(counted.facet, counted.chosen, tuple(values))


def _take_the_only_match(asked: _Asked, found: FacetCounts, search: str) -> None:
    """After Enter: choose the value, if only one contains the text or one is exactly it."""
    session, name = asked.session, asked.facet.name
    if session.timing.asked.get("take the only match", ("", ""))[1] != name:
        return
    session.answer("take the only match")
    exact = [one for one in found.values if str(one.value) == search]
    match = exact or (found.values if len(found.values) == 1 and not found.more else [])
    if search and match:
        session.keep_view(facet_searches={**session.views.facet_searches, name: ""})
        chosen = chosen_in(asked.form, asked.facet)
        _take(session, asked.facet, asked.fields, [*chosen, match[0].value])
        # with new boxes: the browser still sends the former one as empty until it has this choice
        session.reload_editors()
        st.rerun()


def _take(
    session: Session, facet: Facet, fields: FieldCatalogue, values: Sequence[JsonValue]
) -> None:
    change_form(session, lambda form: choose_in(form, facet, values, fields))
    session.ask("at once")


def _checkboxes(
    asked: _Asked,
    counted: FacetCounts,
    found: FacetCounts,
    chosen: tuple[JsonValue, ...],
    search: str,
) -> None:
    """A box for each value: the chosen ones first, then the most common that contain `search`.

    What is looked for and not there can be explained in the drawer.
    """
    counts = {_key_of(one.value): one for one in (*counted.values, *found.values)}
    first = [counts.get(_key_of(value), ValueCount(value, 0)) for value in chosen]
    others = [one for one in found.values if one.value not in chosen]
    if not others and search:
        st.caption("No value contains this text.")
        _why_button(asked, search, "search")
    is_tall = len(first) + len(others) > _FEW
    with st.container(height=300 if is_tall else "content", border=False, gap="xxsmall"):
        for one in (*first, *others):
            _checkbox(asked, one, is_chosen=one.value in chosen)
            if not one.count:
                _why_button(asked, str(one.value), _key_of(one.value))
    if found.more:
        st.caption(f"{found.more:,} more: type to search.")


def _why_button(asked: _Asked, text: str, name: str) -> None:
    """Offer the drawer for what is not among the values; the facet closes for it."""
    session, key = asked.session, _popover_key(asked.facet)

    def ask() -> None:
        session.put(key, False)
        ask_why(session, text)

    st.button(
        f"Why is {escaped(text)} missing?",
        icon=":material/contact_support:",
        type="tertiary",
        on_click=ask,
        key=f"{key}-why-{name}",
    )


def _popover_key(facet: Facet) -> str:
    return f"facet-{facet.name if facet in FACETS else 'any'}"


def _key_of(value: JsonValue) -> str:
    return repr(value)


def _checkbox(asked: _Asked, one: ValueCount, *, is_chosen: bool) -> None:
    session, facet = asked.session, asked.facet
    key = f"facet-{facet.name}-{_key_of(one.value)}-{session.epoch}"

    def change() -> None:
        form = form_of_text(session)
        now = chosen_in(form, facet) if form is not None else ()
        others = [value for value in now if value != one.value]
        is_one_only = bool(facet.clauses)
        wanted = [one.value] if widget_value(key) else []
        _take(session, facet, asked.fields, wanted if is_one_only else [*others, *wanted])
        if is_one_only:
            session.reload_editors()

    label = f"{plain_label(str(one.value))} ({one.count:,})"
    st.checkbox(label, is_chosen, on_change=change, key=key)


def _unread(asked: _Asked, facet: FacetCounts) -> None:
    """Name the records with a date that no month counts, on request."""
    label = f"Show {counted(facet.unread, 'record')} whose month is not certain"
    if st.checkbox(label, key="unread-records"):
        found = await_answer(ask_unread(asked.rest, asked.fields, facet), "Reading")
        if found is not None:
            odd_dates(found, "unread-rows")
