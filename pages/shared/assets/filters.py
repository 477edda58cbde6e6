"""Filters from what is shown: a cell of the table or a bar of a chart becomes a condition."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import streamlit as st

from dispatch_core.insight.facet_form import choose_in, exclude_in
from dispatch_core.insight.facets import FACETS, Facet
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.types import DataAsset, JsonValue
from dispatch_core.views.columns import LEVEL, MODALITY, PROJECT, SUBJECT, Column, values_of
from pages.shared.assets.form_text import change_form, form_of_text
from pages.shared.state.session import Session
from pages.shared.state.typed import QUERY
from pages.shared.widgets.field_menu import known_fields
from pages.shared.widgets.messages import escaped

_MOST = 3
"""The most values that get buttons: a cell may have several."""

Chosen = tuple[str, JsonValue]
"""The title of a column, and one of its values."""

_COLUMNS: dict[str, Column] = {one.title: one for one in (PROJECT, SUBJECT, MODALITY, LEVEL)}
_FACETS = {facet.name: facet for facet in FACETS if facet.name in _COLUMNS}


def chosen_in_cell(asset: DataAsset, title: str) -> list[Chosen]:
    """The values of a cell that can be a condition."""
    column = _COLUMNS.get(title)
    return [] if column is None else [(title, one) for one in values_of(asset.fields, column)]


def offer_filters(session: Session, chosen: Iterable[Chosen], hint: str) -> None:
    """Show a button for only these and one for not these, for each value; else the hint."""
    fields = known_fields()
    if session.typed.source != QUERY or fields is None or form_of_text(session) is None:
        return
    values = [one for one in chosen if one[1] is not None][:_MOST]
    for number, (title, value) in enumerate(values):
        _buttons(session, _FACETS[title], value, fields, number)
    if hint and not values:
        st.caption(hint, width="content")


def _buttons(
    session: Session, facet: Facet, value: JsonValue, fields: FieldCatalogue, number: int
) -> None:
    st.button(
        f"Only {escaped(str(value))}",
        icon=":material/filter_alt:",
        on_click=_only,
        args=(session, facet, value, fields),
        help=f"Add the condition: {facet.name} is {escaped(str(value))}",
        key=f"only-{number}",
    )
    st.button(
        f"Not {escaped(str(value))}",
        icon=":material/filter_alt_off:",
        on_click=_not,
        args=(session, facet, value, fields),
        help=f"Add the condition: {facet.name} is not {escaped(str(value))}",
        key=f"not-{number}",
    )


def _only(session: Session, facet: Facet, value: JsonValue, fields: FieldCatalogue) -> None:
    change_form(session, partial(choose_in, facet=facet, values=(value,), catalogue=fields))
    _find(session)


def _not(session: Session, facet: Facet, value: JsonValue, fields: FieldCatalogue) -> None:
    change_form(session, partial(exclude_in, facet=facet, value=value, catalogue=fields))
    _find(session)


def _find(session: Session) -> None:
    session.reload_editors()
    session.ask("at once")
