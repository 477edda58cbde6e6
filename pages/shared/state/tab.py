"""The session of this tab, and its widgets; only this file touches `st.session_state`."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared.state.browser_tab import ask_for_ids, keep_id, may_have_ids
from pages.shared.state.services import KEPT_SECONDS, current_connection, kept_sessions
from pages.shared.state.session import Session
from pages.shared.state.sign_in import current_user
from pages.shared.state.timing import Timing

_SESSION, _ID = "dispatch", "dispatch-id"


def begin_session() -> Session:
    """The session of this browser tab, after a reload the kept one; notes that it is shown.

    Ends the run until a returning browser has sent its ids.
    """
    if _SESSION not in st.session_state:
        if may_have_ids() and not _is_asked_for_a_fresh_one():
            _resume()
        else:
            _start(Session(owner=current_user()))
    name = st.session_state[_ID]
    kept_sessions().show(name, current_connection())
    keep_id(name, KEPT_SECONDS)
    return open_session()


def _is_asked_for_a_fresh_one() -> bool:
    """Whether the user stopped waiting; the style sheet shows the button after 4 s."""
    return st.button("Restoring your session. Start a new one instead", key="start-afresh")


def _resume() -> None:
    ids = ask_for_ids()
    if ids is None:
        st.stop()
    user = current_user()
    resumed = kept_sessions().resume(ids.own, ids.recent, current_connection(), user)
    if resumed is None:
        _start(Session(owner=user))
    else:
        st.session_state[_ID], session = resumed
        st.session_state[_SESSION] = session
        session.reload_editors()
    st.rerun()


def _start(session: Session) -> None:
    st.session_state[_SESSION] = session
    st.session_state[_ID] = kept_sessions().add(session, current_connection())


def start_over() -> None:
    """Drop everything typed and found in this tab; a running write continues."""
    kept_sessions().forget(st.session_state[_ID])
    _start(Session(owner=current_user(), timing=Timing(open_session().epoch + 1)))


def open_session() -> Session:
    """The session of this browser tab, which `begin_session` made."""
    session: Session = st.session_state[_SESSION]
    return session


def widget_value(key: str) -> Any:
    """The current value of a widget, for its own callback."""
    return st.session_state.get(key)


def first_value(key: str, value: str) -> str:
    """The default of a text input with this key; "" in the run after `put_widget` set it.

    Streamlit warns about a default for a widget whose value was set. Every other run needs
    the default: if a click interrupted an earlier run, the browser did not receive it. Then
    the browser takes the value of the widget from the default, and sends it back as typed.
    """
    return "" if st.session_state.pop(f"{key}-put", False) else value


def put_widget(key: str, value: Any) -> None:
    """Set the value of a widget, from the callback of another one."""
    st.session_state[key] = value
    st.session_state[f"{key}-put"] = True
