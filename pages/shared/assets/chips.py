"""The query as chips: each condition in words, edited by a click, removed by another."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dispatch_core.builder import query_form as forms
from dispatch_core.builder.date_clauses import from_today, is_date_row
from dispatch_core.builder.query_form import FormRow, Locked, Node, QueryForm
from dispatch_core.insight.chip_words import words_of
from pages.shared.assets.days import today_button
from pages.shared.assets.form_text import change_form, form_of_text, keep_form
from pages.shared.assets.rows import Drawing, shown_form
from pages.shared.state.session import Session
from pages.shared.widgets.messages import escaped

_EDIT = "edit a chip"


def query_chips(session: Session) -> None:
    """Show a chip for each condition and stage, and below them the one that is edited."""
    form = shown_form(session)
    if form is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="chips"):
        if not form.root.members:
            st.caption("No condition yet: every record of the collection matches.", width="content")
        for node in form.root.members:
            _chip(session, node, is_edited=node.key == session.views.edited_chip)
        for stage in form.stages or ():
            _chip(session, stage, before="then ")
    _old_days(session, form)
    _edited(session, form)
    _show_what_was_asked(session)


def _chip(session: Session, node: Node, *, before: str = "", is_edited: bool = False) -> None:
    """A condition in words with two buttons: one edits it, one removes it."""
    words = f"{before}{words_of(node)}"
    with st.container(horizontal=True, gap=None, width="content", key=f"chip-{node.key}"):
        st.button(
            escaped(words),
            type="primary" if is_edited else "secondary",
            icon=":material/lock:" if isinstance(node, Locked) else None,
            on_click=_edit,
            args=(session, 0 if is_edited else node.key),
            key=f"chip-edit-{node.key}",
            width="content",
        )
        st.button(
            f"Remove {escaped(words)}",
            icon=":material/close:",
            on_click=_remove,
            args=(session, node.key),
            key=f"chip-remove-{node.key}",
        )


def _old_days(session: Session, form: QueryForm) -> None:
    """Offer to count from today each condition that counts back from another day."""
    rows = [one for one, _ in forms.walk(form.root) if is_date_row(one) and one != from_today(one)]
    if not rows:
        return
    with st.container(horizontal=True, gap="small", key="old-days"):
        for row in rows:
            label = f"Count from today: {escaped(words_of(row))}"
            put = partial(_put, session)
            today_button(label, row, put, key=f"chip-today-{row.key}")


def _put(session: Session, row: FormRow) -> None:
    change_form(session, partial(forms.put, node=row))
    session.ask("at once")


def _edit(session: Session, key: int) -> None:
    """Ask for the condition to edit, 0 for none; the same if a press is applied twice."""
    session.ask(_EDIT, key)


def _show_what_was_asked(session: Session) -> None:
    """Show another condition; what was typed into the one before it has arrived by now."""
    if _EDIT in session.timing.asked:
        session.keep_view(edited_chip=session.timing.asked[_EDIT][1])
        session.answer(_EDIT)
        st.rerun()


def _remove(session: Session, key: int) -> None:
    form = form_of_text(session)
    if form is not None and any(
        one.key == key for one in (*form.root.members, *(form.stages or ()))
    ):
        change_form(session, partial(forms.remove, key=key))
    session.ask("at once")


def add_condition(session: Session, row: FormRow) -> None:
    """Add a condition, and show it to be edited."""
    change_form(session, lambda form: forms.add(form, form.root.key, row))
    session.ask(_EDIT, row.key)


def _edited(session: Session, form: QueryForm) -> None:
    """Show the rows of the edited chip; without one, nothing."""
    wanted = session.views.edited_chip
    node = next((one for one in form.root.members if one.key == wanted), None)
    if node is None:
        return
    with st.container(border=True, key="query-form"):
        drawn = Drawing(session).node(node, form.root)
        st.button("Done", on_click=_edit, args=(session, 0), type="tertiary", key="chip-done")
    if drawn != node:
        now = form_of_text(session) or form
        if any(one.key == node.key for one in now.root.members):
            keep_form(session, forms.put(now, drawn))
        _show_what_was_asked(session)
        st.rerun()  # the chip above has other words now
