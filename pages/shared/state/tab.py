"""The session of this tab, and its widgets; only this file touches `st.session_state`.

Streamlit interrupts a callback where it reads or writes an item of `st.session_state`, if the
browser has sent another action by then; what the callback had still to do is lost. So a
callback reads with `widget_value`, which copies all items at once, and notes its changes in
the session; the next run applies them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pages.shared.state.address import NAME, text_in_address
from pages.shared.state.browser_tab import KeptIds, ask_for_ids, keep_id, may_have_ids, unasked_id
from pages.shared.state.services import (
    current_connection,
    current_settings,
    kept_drafts,
    kept_sessions,
)
from pages.shared.state.session import Session
from pages.shared.state.sign_in import current_user
from pages.shared.state.timing import Timing
from pages.shared.state.typed import EVERYTHING_QUERY, Typed
from pages.shared.state.views import Views

_SESSION, _ID, _MARK = "dispatch", "dispatch-id", "dispatch-mark"
_STAYED = "dispatch-stayed"
_START_OVER = "start over"


def begin_session() -> Session:
    """The session of this browser tab, after a reload the kept one; notes that it is shown.

    Ends the run until a returning browser has sent its ids.
    """
    if _SESSION not in st.session_state:
        if may_have_ids() and not _is_asked_for_a_fresh_one():
            _resume()
        else:
            _start(_fresh(current_user()))
    if _START_OVER in open_session().timing.asked:
        _start_over()
    name = st.session_state[_ID]
    kept_sessions().show(name, current_connection())
    session = open_session()
    if session.history.past or session.work.found or session.inputs.errors:
        session.keep_view(is_borrowed=False)
    keep_id(name, int(kept_drafts().seconds), is_own=not session.views.is_borrowed)
    session.keep_view(is_too_large=kept_drafts().is_too_large(name))
    return session


def keep_draft(session: Session) -> None:
    """Write what was typed and decided to the disk soon, if it changed.

    The first run of a tab that stayed open has taken what is in its editors; the next one
    makes them new, so that each shows what the session has.
    """
    kept_drafts().keep(st.session_state[_ID], session)
    if st.session_state.to_dict().get(_STAYED):
        st.session_state[_STAYED] = False
        session.reload_editors()
        st.rerun()


def _is_asked_for_a_fresh_one() -> bool:
    """Whether the user stopped waiting; the style sheet shows the button after 4 s."""
    return st.button("Restoring your session. Start a new one instead", key="start-afresh")


def _resume() -> None:
    """Go on with a session of this browser, and start the next run."""
    user, link = current_user(), text_in_address()
    ids = _ids_of_browser(user)
    kept = _kept(ids.own, user)
    is_own = kept is not None and (ids.is_open or kept.views.has_address(link, ids.is_reload))
    if link and not is_own:
        _start(_fresh(user))  # a link gets a session of its own; the kept ones stay
        st.rerun()
    if kept is not None and kept.views.is_borrowed and not (link or ids.is_open or ids.is_reload):
        ids, kept = replace(ids, own=""), None  # an address without a link is one's own work
    if kept is None:
        _restore(ids.recent, user)
    resumed = kept_sessions().resume(ids.own, ids.recent, current_connection(), user)
    if resumed is None:
        _start(_fresh(user))
        open_session().keep_view(begun="lost" if ids.own else "new")
    else:
        st.session_state[_ID], session = resumed
        st.session_state[_SESSION] = session
        st.session_state[_STAYED] = ids.is_open
        if not ids.is_open:
            session.reload_editors()
    st.rerun()


def _ids_of_browser(user: str) -> KeptIds:
    """The ids that the browser sent; ends the run until it does."""
    own = unasked_id()
    if _kept(own, user) is not None:
        return KeptIds(own, is_open=True)
    ids = ask_for_ids(_mark())
    if ids is None:
        st.stop()
    return ids


def _mark() -> str:
    """The mark of this session's question to the browser."""
    if _MARK not in st.session_state:
        st.session_state[_MARK] = secrets.token_hex(8)
    return str(st.session_state[_MARK])


def _kept(name: str, user: str) -> Session | None:
    """The kept session with this id, restored from the disk if the server has forgotten it."""
    _restore([name], user)
    return kept_sessions().look(name, user)


def _restore(names: Sequence[str], user: str) -> None:
    for name in names:
        if kept_sessions().look(name, user) is None:
            session = kept_drafts().restore(name, user)
            if session is not None:
                kept_sessions().restore(name, session)


def _fresh(owner: str) -> Session:
    """A new session: the example query on the demo, no condition on a real source."""
    typed = Typed() if current_settings().is_demo else Typed(query_text=EVERYTHING_QUERY)
    return Session(owner=owner, typed=typed, views=Views(is_borrowed=bool(text_in_address())))


def _start(session: Session) -> None:
    st.session_state[_ID] = kept_sessions().add(session, current_connection())
    st.session_state[_SESSION] = session


def start_over(session: Session) -> None:
    """Drop everything typed and found in this tab, in the next run; a running write continues."""
    session.ask(_START_OVER)


def _start_over() -> None:
    former = st.session_state[_ID]
    fresh = replace(_fresh(current_user()), timing=Timing(open_session().epoch + 1))
    fresh.keep_view(address="", is_borrowed=False)  # the address still has the former request
    _start(fresh)
    kept_sessions().forget(former)
    kept_drafts().forget(former, current_user())


def go_where_asked(session: Session) -> None:
    """Switch to the page that a callback chose, which cannot switch pages itself."""
    page = session.views.go_to
    if page:
        session.keep_view(go_to="")
        switch_page(session, page)


def switch_page(session: Session, page: str) -> None:
    """Go on with another page. Its address has the request, or it would be two steps of Back."""
    text = session.views.address
    st.switch_page(page, query_params={NAME: text} if text else None)


def kept_session() -> Session | None:
    """The session of this browser tab, if one has begun."""
    session: Session | None = st.session_state.get(_SESSION)
    return session


def open_session() -> Session:
    """The session of this browser tab, which `begin_session` made."""
    session: Session = st.session_state[_SESSION]
    return session


def noted(what: str, holds: bool) -> bool:
    """Whether `holds` is true now, or was in an earlier run since the browser opened the page."""
    key = f"noted {what}"
    if holds:
        st.session_state[key] = True
    return key in st.session_state


def widget_value(key: str) -> Any:
    """The current value of a widget: for its own callback, and before the widget is drawn."""
    return st.session_state.to_dict().get(key)


def apply_put(session: Session, key: str) -> bool:
    """Give the widget `key` the value that another widget put; whether there was one."""
    if key not in session.timing.puts:
        return False
    st.session_state[key] = session.timing.puts[key]
    session.applied(key)
    return True


def first_value(session: Session, key: str, value: str) -> str:
    """The default of a text input with this key; "" in the run that applies a put value.

    Streamlit warns about a default for a widget whose value was set. Every other run needs
    the default: if a click interrupted an earlier run, the browser did not receive it. Then
    the browser takes the value of the widget from the default, and sends it back as typed.
    """
    return "" if apply_put(session, key) else value
