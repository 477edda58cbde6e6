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
    """The session of this browser tab, the kept one after a reload; notes that it is shown.

    Ends the run while a browser that was here before is asked for its ids.
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
    """Forget everything typed and found in this tab; what is being written goes on."""
    kept_sessions().forget(st.session_state[_ID])
    _start(Session(owner=current_user(), timing=Timing(open_session().epoch + 1)))


def open_session() -> Session:
    """The session of this browser tab, as the frame began it."""
    session: Session = st.session_state[_SESSION]
    return session


def widget_value(key: str) -> Any:
    """What a widget shows now, for its own callback."""
    return st.session_state.get(key)


def first_value(key: str, value: str) -> str:
    """What a text input with this key starts with; "" in the run in which `put_widget` set it.

    Streamlit objects to a default beside a value that was set. In every other run the default
    is needed: a browser that was not sent an earlier run, because a click cut that run short,
    takes the widget's value from it, and sends it back as if it had been typed.
    """
    return "" if st.session_state.pop(f"{key}-put", False) else value


def put_widget(key: str, value: Any) -> None:
    """Set what a widget shows, from the callback of another one."""
    st.session_state[key] = value
    st.session_state[f"{key}-put"] = True
