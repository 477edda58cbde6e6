"""The query of the page Assets: as facets and chips, as rows, or as JSON."""

from __future__ import annotations

import streamlit as st

from dispatch_core.views.report import snippet_of
from pages.shared.assets.chips import query_chips
from pages.shared.assets.facets import facet_line
from pages.shared.assets.form_text import value_of_text
from pages.shared.assets.rows import query_rows
from pages.shared.state.edits import put_query_text
from pages.shared.state.services import current_settings
from pages.shared.state.session import Session
from pages.shared.state.tab import widget_value
from pages.shared.state.typed import EXAMPLE_QUERY, LIST
from pages.shared.state.views import FACETS, JSON, ROWS
from pages.shared.widgets.editor import json_editor

EXAMPLES = {
    "Derived assets of a project": EXAMPLE_QUERY,
    "Some subjects": '{"subject.subject_id": {"$in": ["900003", "900005"]}}',
    "By name, without processed ones": (
        '{"name": {"$regex": "^ecephys_", "$not": {"$regex": "processed"}}}'
    ),
    "One modality, either schema": (
        '{\n  "$or": [\n    {"data_description.modality.abbreviation": "fib"},\n'
        '    {"data_description.modalities.abbreviation": "fib"}\n  ]\n}'
    ),
    "Aggregation pipeline": (
        '[\n  {"$match": {"data_description.data_level": "raw"}},\n'
        '  {"$sort": {"name": 1}},\n  {"$limit": 25}\n]'
    ),
}


def choice_line(session: Session) -> bool:
    """Show how assets are chosen, and what acts on the whole query; whether there is a query."""
    with st.container(horizontal=True, vertical_alignment="center", key="choice"):
        is_query = _choose_view(session) != LIST
        st.space("stretch")
        if is_query:
            _examples(session)
    return is_query


def _choose_view(session: Session) -> str:
    """Show how assets are chosen: by facets, rows, JSON or a list; every text is kept."""
    key = f"view-{session.epoch}"
    shown = LIST if session.typed.source == LIST else session.views.query_view
    st.segmented_control(
        "Choose assets by",
        [FACETS, ROWS, JSON, LIST],
        default=shown,
        required=True,
        on_change=lambda: session.ask("view", widget_value(key)),
        label_visibility="collapsed",
        key=key,
    )
    return shown


def _examples(session: Session) -> None:
    """Show queries to start from."""
    with st.popover("Examples", icon=":material/lightbulb:", key=f"examples-{session.epoch}"):
        for name, text in EXAMPLES.items():
            st.button(
                name,
                on_click=_use_example,
                args=(session, text),
                key=f"example-{name}",
                width="stretch",
            )


def _use_example(session: Session, text: str) -> None:
    put_query_text(session, text)
    if session.views.query_view == FACETS:
        session.ask("at once")


def query_builder(session: Session) -> None:
    """Show the query in the chosen view; what is typed or chosen becomes the query."""
    if session.views.query_view == JSON:
        text = json_editor(session, "query", session.typed.query_text, lines=8, most=12)
        session.keep_typed(query_text=text)
    elif session.views.query_view == ROWS and not session.views.is_folded:
        query_rows(session)
    elif session.views.query_view == ROWS:
        _folded_rows(session)
    else:
        facet_line(session)
        query_chips(session)


def _folded_rows(session: Session) -> None:
    """Show the rows as chips, which leave room for the result."""
    st.button(
        "Edit the rows",
        icon=":material/unfold_more:",
        type="tertiary",
        on_click=lambda: session.keep_view(is_folded=False),
        key="unfold",
    )
    query_chips(session)


def same_in_other_words(session: Session) -> None:
    """Show the query as JSON, beside facets and rows, and as Python for the gateway's client."""
    if session.typed.source == LIST:
        return
    is_text = session.views.query_view == JSON
    title = "In Python" if is_text else "As JSON and Python"
    with st.popover(title, icon=":material/data_object:", type="tertiary", key="same"):
        value = value_of_text(session)
        if not is_text:
            st.code(session.typed.query_text, language="json", wrap_lines=True)
        if value is None:
            st.caption("Correct the text first.")
        else:
            st.code(snippet_of(value, current_settings()), language="python")
