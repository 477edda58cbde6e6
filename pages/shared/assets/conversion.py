"""What is wrong or unfinished in the query, and buttons that repair it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dispatch_core.builder import query_form as forms
from dispatch_core.builder.pasted import Conversion, convert
from dispatch_core.errors import InvalidInput
from dispatch_core.insight.chip_words import words_of
from dispatch_core.query import Query, parse_query
from dispatch_core.text.strict_json import readable_json
from dispatch_core.text.words import counted
from pages.shared.assets.fields import run_again_after
from pages.shared.state.edits import put_query_text
from pages.shared.state.services import ask_count
from pages.shared.state.session import Session
from pages.shared.state.tab import widget_value
from pages.shared.state.views import JSON, ROWS
from pages.shared.widgets.field_menu import soon
from pages.shared.widgets.messages import escaped, show_error, show_warnings


def query_state(session: Session, line: DeltaGenerator) -> bool:
    """Show errors, warnings and questions about the query; True if it can be run.

    What a condition still lacks is shown in `line`, beside Find, so that nothing moves.
    """
    if session.views.query_view == JSON:
        _offer_unfinished_form(session)
    try:
        query = parse_query(session.typed.query_text)
    except InvalidInput as error:
        session.refuse("query", error)
        show_error(error)
        _offer_conversion(session, error)
        return False
    lacking = _unfinished(session)
    if lacking is not None:
        session.refuse("query", lacking)
        _say_what_is_missing(lacking, line)
        return False
    session.accept("query")
    session.edit(query=query.value, asset_rows=None)
    if session.typed.conversion and session.typed.converted_text == session.typed.query_text:
        st.caption(escaped(". ".join(session.typed.conversion) + "."))
    show_warnings(query.warnings)
    _offer_repairs(session, query)
    if query.value:
        session.keep_view(means_all=False)
        return True
    return _is_whole_collection_meant(session)


def _say_what_is_missing(lacking: InvalidInput, line: DeltaGenerator) -> None:
    more = len(lacking.issues) - 1
    beside = f" (and {more:,} more)" if more else ""
    what = f":material/pending: {escaped(str(lacking.issues[0]))}{beside}"
    line.caption(what, width="content", help=escaped(str(lacking)) if more else None)


def _offer_repairs(session: Session, query: Query) -> None:
    """Offer each repair of the query as one button."""
    for number, repair in enumerate(query.repairs):
        st.button(
            escaped(repair.label),
            icon=":material/auto_fix_high:",
            on_click=put_query_text,
            args=(session, readable_json(repair.value)),
            key=f"query-repair-{number}",
        )


def _unfinished(session: Session) -> InvalidInput | None:
    """The unfinished parts of the form, each by its words; None if the text is edited.

    A condition in which nothing is chosen or typed yet does not count.
    """
    form = session.typed.query_form
    if form is None or session.typed.form_text != session.typed.query_text:
        return None
    lacking = forms.faults(form)
    issues = [
        replace(lacking[node.key], where=words_of(node) or "Group")
        for node, _ in forms.walk(form.root)
        if node.key in lacking and not forms.is_blank(node)
    ]
    return InvalidInput(issues) if issues else None


def _offer_unfinished_form(session: Session) -> None:
    """Warn that unfinished conditions are lost when the form is made from the edited text."""
    form = session.typed.query_form
    lacking = len(forms.faults(form)) if form is not None else 0
    if not lacking:
        return
    if session.typed.form_text == session.typed.query_text:
        st.caption(
            f"{counted(lacking, 'unfinished condition')} of the form, absent from this text: "
            "after an edit, the form is made from the text alone."
        )
        return
    line = st.container(horizontal=True, vertical_alignment="center")
    line.caption(
        f":material/warning: This edit removed {counted(lacking, 'unfinished condition')} of the "
        "form.",
        width="content",
    )
    line.button(
        "Restore the form",
        icon=":material/undo:",
        on_click=_restore_form,
        args=(session,),
        key="restore-form",
    )


def _restore_form(session: Session) -> None:
    session.keep_view(query_view=ROWS)
    put_query_text(session, session.typed.form_text)


def _offer_conversion(session: Session, error: InvalidInput) -> None:
    """Offer a button that converts the text to strict JSON, if that needs no guess."""
    found = session.memo.remember(
        "conversion", session.typed.query_text, lambda: _conversion(session.typed.query_text)
    )
    if isinstance(found, InvalidInput):
        if found.issues[0].what != error.issues[0].what:
            reason = str(found).partition("\n")[0]
            st.caption(escaped(f"It cannot be converted to JSON either: {reason}"))
    else:
        line = st.container(horizontal=True, vertical_alignment="center")
        line.button(
            "Convert to JSON",
            type="primary",
            icon=":material/auto_fix_high:",
            on_click=session.ask,
            args=("convert",),
            key="convert",
        )
        line.caption(escaped(". ".join(found.notes) + "."))


def _conversion(text: str) -> Conversion | InvalidInput:
    try:
        found = convert(text)
        parse_query(found.text)
    except InvalidInput as error:
        return error
    return found


def convert_text(session: Session) -> None:
    """Convert the text to strict JSON and keep notes on the changes; no change if that fails."""
    found = _conversion(session.typed.query_text)
    if isinstance(found, Conversion):
        put_query_text(session, found.text)
        session.keep_typed(converted_text=found.text, conversion=found.notes)


def _is_whole_collection_meant(session: Session) -> bool:
    """Whether the user confirms a query without a condition; its count may come later."""
    work = ask_count({})
    total, is_counted = soon(work), work.is_done
    if work.error is not None:
        reason = escaped(work.error.issues[0].what)
        st.caption(f":material/cloud_off: The records cannot be counted: {reason}.")
    every = "all" if total is None else f"all {total:,}"
    key = f"all-records-{session.epoch}"
    is_meant = st.checkbox(
        f"Select {every} records (no filter)",
        session.views.means_all,
        on_change=lambda: session.keep_view(means_all=bool(widget_value(key))),
        key=key,
    )
    if not is_counted:
        run_again_after(work)  # behind the checkbox, which stays at its place
    return is_meant
