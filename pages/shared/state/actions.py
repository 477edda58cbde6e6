"""Corrections of Streamlit, which loses an action that another one follows at once.

A press: a run first checks whether the browser has sent another action in the meantime, and
only then applies the press that started it (`SafeSessionState.on_script_will_rerun`). If there
is another action, which is common on a busy server, the run starts again without the press,
and its callback never runs.

A page: a run that a script asks for (`st.rerun`) is for the page of that script. It also
replaces the page that the user has chosen in the meantime (`ScriptRequests`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.runtime.state.safe_session_state import SafeSessionState

_add_request = ScriptRequests._request_rerun_locked


def keep_actions() -> None:
    """Apply each press before the check, and keep the page that the user chose last."""
    SafeSessionState.on_script_will_rerun = _apply_first  # type: ignore[assignment, method-assign]
    ScriptRequests._request_rerun_locked = _add_and_keep_page  # type: ignore[assignment, method-assign]


def _apply_first(state: SafeSessionState, *widget_states: Any, **triggers: Any) -> None:
    with state._lock:
        state._state.on_script_will_rerun(*widget_states, **triggers)


def _add_and_keep_page(requests: ScriptRequests, asked: RerunData) -> bool:
    script, waiting = get_script_run_ctx(suppress_warning=True), requests._rerun_data
    is_waiting = requests._state == ScriptRequestType.RERUN
    if script is not None and is_waiting and waiting.page_script_hash != script.page_script_hash:
        asked = replace(
            asked,
            page_script_hash=waiting.page_script_hash,
            page_name=waiting.page_name,
            query_string=waiting.query_string,
        )
    return _add_request(requests, asked)
