"""Acting on a press only after the editor has sent what was typed before it.

Until then the run ends and starts again: a button that acted at once would use the
previous text, and an editor that was removed at once would lose its text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared.state.session import Session
from pages.shared.state.timing import Deferred
from pages.shared.state.typed import QUERY
from pages.shared.state.views import JSON


def settled(session: Session) -> dict[str, Any]:
    """The presses to act on, after the editor of the query has sent its text.

    A press remains until `Session.answer`, so its action must be safe to repeat.
    """
    if session.timing.asked and _has_editor(session):
        _wait(session)
    return {what: value for what, (_, value) in session.timing.asked.items()}


def is_late_text(session: Session) -> bool:
    """Whether a query that is new in this run was typed before Find was pressed.

    On a slow machine the editor sends its text after the press: it is what to find.
    """
    return _has_editor(session) and session.timing.may_find_late_text


def _has_editor(session: Session) -> bool:
    return session.typed.source == QUERY and session.views.query_view == JSON


def act(session: Session, is_settled: bool, action: Callable[..., None], *arguments: Any) -> None:
    """Do the `action` of a button; beside an editor, after the editor has sent its text."""
    if is_settled:
        action(session, *arguments)
    else:
        session.defer(Deferred(time.monotonic(), action, arguments))


def act_when_settled(session: Session) -> None:
    """Do the deferred action of a button, on the text of the editor at the click."""
    deferred = session.timing.deferred
    if deferred is None:
        return
    _wait(session)
    session.defer(None)
    deferred.action(session, *deferred.arguments)
    st.rerun()


def _wait(session: Session) -> None:
    """Restart the run until the last press is old enough."""
    seconds = session.timing.seconds_to_settle
    if seconds > 0:
        time.sleep(seconds)
        st.rerun()
