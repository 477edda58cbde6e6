"""Browse the collection: facets with counts, each choice a clause of the one query."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.insight.facets import FacetCounts, choose
from dispatch_core.insight.fields import FieldCatalogue
from dispatch_core.types import Filter, JsonValue
from pages.shared.assets.days import odd_dates
from pages.shared.assets.fields import await_answer, version_of
from pages.shared.state.edits import take_query
from pages.shared.state.services import ask_facets, ask_fields, ask_unread
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped

_COLUMNS = 3


def browse(session: Session, place: DeltaGenerator) -> None:
    """Show an expander with the facets of the query; nothing is counted while it is closed."""
    opened = place.expander(
        "Browse the collection", icon=":material/filter_alt:", on_change="rerun", key="browse"
    )
    if opened.open:
        with opened:
            _facets(session)


def _facets(session: Session) -> None:
    query = session.request.query
    if not isinstance(query, dict):
        st.caption("Facets change a filter; this query is an aggregation pipeline.")
        return
    fields = await_answer(ask_fields(), "Sampling the fields")
    if fields is None:
        return
    answer = await_answer(ask_facets(query, fields), "Counting")
    if answer is None:
        return
    count, facets = answer
    st.markdown(
        f"**{count:,}** records match. The number beside a value is the number of matches with it."
    )
    columns = itertools.cycle(st.columns(_COLUMNS))
    for facet in facets:
        with next(columns):
            chosen = _facet_input(facet)
            if facet.unread:
                _unread(query, fields, facet)
        if chosen is not None and tuple(chosen) != facet.chosen:
            _take(session, query, facet, chosen, fields)


def _take(
    session: Session,
    query: Filter,
    facet: FacetCounts,
    chosen: Sequence[JsonValue],
    fields: FieldCatalogue,
) -> None:
    take_query(session, choose(query, facet.facet, chosen, fields))
    st.rerun()


def _facet_input(facet: FacetCounts) -> list[JsonValue] | None:
    """The chosen values, or None if the facet has no counts."""
    name = facet.facet.name
    if facet.error:
        st.caption(f"{name}: no counts. {escaped(facet.error)}")
        return None
    counts = {one.value: one.count for one in facet.values}
    options = list(dict.fromkeys([*facet.chosen, *counts]))
    # a browser sends labels back, so new counts or another choice need a new widget
    version = version_of(facet.chosen, facet.values)
    return st.multiselect(
        name,
        options,
        default=list(facet.chosen),
        format_func=lambda value: f"{value} ({counts.get(value, 0):,})",
        max_selections=1 if facet.facet.clauses else None,
        placeholder=f"Any of {len(options) + facet.more:,}",
        accept_new_options=bool(facet.more),
        help=_more(facet),
        key=f"facet-{name}-{version}",
    )


def _more(facet: FacetCounts) -> str | None:
    if not facet.more:
        return None
    return f"The {len(facet.values):,} most common are listed; type any of {facet.more:,} others."


def _unread(query: Filter, fields: FieldCatalogue, facet: FacetCounts) -> None:
    """Name the records with a date that no month counts, once they are asked for."""
    opened = st.popover(
        f"{facet.unread:,} without a certain month",
        icon=":material/info:",
        type="tertiary",
        on_change="rerun",
        key=f"unread-{facet.facet.name}",
    )
    if opened.open:
        with opened:
            found = await_answer(ask_unread(query, fields, facet), "Reading")
            if found is not None:
                odd_dates(found, "unread-rows")
