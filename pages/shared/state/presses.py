"""A correction of Streamlit, which loses a press that another action follows at once.

A run first checks whether the browser has sent another action in the meantime, and only then
applies the press that started it (`SafeSessionState.on_script_will_rerun`). If there is
another action, which is common on a busy server, the run starts again without the press, and
its callback never runs.
"""

from __future__ import annotations

from typing import Any

from streamlit.runtime.state.safe_session_state import SafeSessionState


def keep_presses() -> None:
    """Apply each press before the check; other actions wait for the next element."""
    SafeSessionState.on_script_will_rerun = _apply_first  # type: ignore[assignment, method-assign]


def _apply_first(state: SafeSessionState, *widget_states: Any, **triggers: Any) -> None:
    with state._lock:
        state._state.on_script_will_rerun(*widget_states, **triggers)
