"""The menu of the queries that were saved by name."""

from __future__ import annotations

import streamlit as st

from dispatch_core.insight.chip_words import words_of_query
from dispatch_core.kept.saved_queries import LONGEST_NAME, Owner, SavedQuery
from pages.shared.state import saved
from pages.shared.state.session import Session
from pages.shared.state.tab import apply_put, widget_value
from pages.shared.state.typed import LIST
from pages.shared.widgets.messages import escaped, show_error

_WIDTH = 420
_CHOICE, _NAME, _NEW_NAME = "saved-choice", "saved-name", "saved-new-name"


def saved_menu(session: Session) -> None:
    """Show the menu: use a saved query, rename or delete it, save the current one."""
    opened = st.popover(
        "Saved", icon=":material/bookmark:", type="tertiary", on_change="rerun", key="saved"
    )
    if opened.open:
        with opened, st.container(width=_WIDTH, key="saved-menu"):
            _menu(session)


def _menu(session: Session) -> None:
    owner = saved.owner_of(session)
    if owner is None:
        st.caption("Reading your saved queries.")
        return
    if not owner.user and not owner.browser:
        st.caption("This browser stores nothing, so it has no saved queries. Sign in, or use Link.")
        return
    queries = saved.queries_of(owner)
    if queries:
        _choose(session, owner, queries)
    else:
        st.caption("No query is saved yet.")
    _say_what_happened(session, owner)
    _save(session, owner)
    whose = "you" if owner.user else "this browser"
    st.caption(f"Kept on the server for {whose}, for a year after the last change.")


def _choose(session: Session, owner: Owner, queries: tuple[SavedQuery, ...]) -> None:
    texts = {one.name: one.text for one in queries}
    if session.timing.puts.get(_CHOICE) in texts:
        apply_put(session, _CHOICE)
    name = st.selectbox("Saved query", list(texts), key=_CHOICE, filter_mode="contains")
    if name is None:
        return
    st.caption(escaped(words_of_query(texts[name])))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("Use", on_click=_use, args=(session, owner), key="saved-use")
        st.button("Delete", on_click=_delete, args=(session, owner), key="saved-delete")
        apply_put(session, _NEW_NAME)
        st.text_input("New name", max_chars=LONGEST_NAME, key=_NEW_NAME)
        st.button("Rename", on_click=_rename, args=(session, owner), key="saved-rename")


def _save(session: Session, owner: Owner) -> None:
    if session.typed.source == LIST:
        st.caption("A list of ids is chosen; only a query can be saved.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        apply_put(session, _NAME)
        st.text_input("Name of the current query", max_chars=LONGEST_NAME, key=_NAME)
        st.button("Save", on_click=_keep, args=(session, owner), key="saved-save")


def _say_what_happened(session: Session, owner: Owner) -> None:
    """Ask before something is replaced, offer to restore, show the last error."""
    state = session.views.saved
    show_error(state.error)
    if state.replacing:
        st.warning(f"Replace the saved query **{escaped(state.replacing)}**?")
        with st.container(horizontal=True):
            st.button("Replace", on_click=_replace, args=(session, owner), key="saved-replace")
            st.button("Keep it", on_click=saved.keep_before, args=(session,), key="saved-keep")
    if state.deleted is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Deleted **{escaped(state.deleted.name)}**.", width="content")
            st.button("Restore", on_click=saved.restore, args=(session, owner), key="saved-restore")


def _use(session: Session, owner: Owner) -> None:
    saved.use(session, owner, str(widget_value(_CHOICE)))


def _delete(session: Session, owner: Owner) -> None:
    saved.delete(session, owner, str(widget_value(_CHOICE)))


def _rename(session: Session, owner: Owner) -> None:
    saved.rename(session, owner, str(widget_value(_CHOICE)), str(widget_value(_NEW_NAME) or ""))


def _keep(session: Session, owner: Owner) -> None:
    saved.save(session, owner, str(widget_value(_NAME) or ""))


def _replace(session: Session, owner: Owner) -> None:
    saved.save(session, owner, session.views.saved.replacing, may_replace=True)
