"""Acting on a press only after the editor has sent what was typed before it.

Until then the run ends and starts again: a button that acts at once would act on the text
before, and an editor that goes at once would take the text with it.
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
    """What was asked for, once the editor of the query has sent what was typed before.

    What is asked for stays until `Session.answer`, so it has to be safe to do twice.
    """
    has_editor = session.typed.source == QUERY and session.views.query_view == JSON
    if session.timing.asked and has_editor:
        _wait(session)
    return {what: value for what, (_, value) in session.timing.asked.items()}


def act(session: Session, is_settled: bool, action: Callable[..., None], *arguments: Any) -> None:
    """Do `action` of a button; beside an editor, once that has sent what was typed before."""
    if is_settled:
        action(session, *arguments)
    else:
        session.defer(Deferred(time.monotonic(), action, arguments))


def act_when_settled(session: Session) -> None:
    """Do what a button beside an editor asked for, on the text as it was at the click."""
    deferred = session.timing.deferred
    if deferred is None:
        return
    _wait(session)
    session.defer(None)
    deferred.action(session, *deferred.arguments)
    st.rerun()


def _wait(session: Session) -> None:
    """End the run while a press is too young, and start it again."""
    seconds = session.timing.seconds_to_settle
    if seconds > 0:
        time.sleep(seconds)
        st.rerun()
