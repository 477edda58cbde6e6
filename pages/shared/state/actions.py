"""Corrections of Streamlit, which loses an action that another one follows at once.

A press: a run first checks whether the browser has sent another action in the meantime, and
only then applies the press that started it (`SafeSessionState.on_script_will_rerun`). If there
is another action, which is common on a busy server, the run starts again without the press,
and its callback never runs.

A page: see `PageRequests`.

A place: a thread that has redrawn a part with a timer (`st.fragment`) goes on drawing inside that
part, if it is a page that follows. Streamlit starts another thread for each page, unless
`runner.fastReruns` is off, as here. The browser has no place for such a page, and stays blank.

The end of a page: the thread of a run that has ended is replaced by the next request, and what
that thread sent last may still be waiting to be handled. Streamlit ignores it (its issue 9921).
If the request is only a timer's, nothing draws the rest of the page again.

A choice: until the browser has a page that is drawn with new widgets, it sends the values of the
former ones with whatever the user does. Streamlit, which has removed them, takes each for a change
and calls its callback, so that an unticked box of a facet took back the value just chosen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.runtime import state as runtime_state
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner, ScriptRunnerEvent, script_runner
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequest,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import SessionState


def keep_actions() -> None:
    """Apply each press before the check, let a page take its values, and send all of a page."""
    SafeSessionState.on_script_will_rerun = _apply_first  # type: ignore[assignment, method-assign]
    script_runner.ScriptRequests = PageRequests  # type: ignore[attr-defined]
    AppSession._handle_scriptrunner_event_on_event_loop = handle_event  # type: ignore[assignment, method-assign]
    runtime_state.SessionState = WidgetValues  # type: ignore[assignment, misc]


def _apply_first(state: SafeSessionState, *widget_states: Any, **triggers: Any) -> None:
    with state._lock:
        state._state.on_script_will_rerun(*widget_states, **triggers)


_handle_of_current_thread = AppSession._handle_scriptrunner_event_on_event_loop


def handle_event(
    session: AppSession,
    sender: ScriptRunner | None,
    event: ScriptRunnerEvent,
    *facts: Any,
    **named_facts: Any,
) -> None:
    """Handle what a thread sent, also what one sent before it ended and was replaced.

    All of that comes before anything that the next thread sends.
    """
    current = session._scriptrunner
    requests = sender._requests if sender is not None else None
    has_ended = isinstance(requests, PageRequests) and requests.has_ended
    if has_ended and event != ScriptRunnerEvent.SHUTDOWN:
        session._scriptrunner = sender
    try:
        _handle_of_current_thread(session, sender, event, *facts, **named_facts)
    finally:
        if has_ended and event != ScriptRunnerEvent.SHUTDOWN:
            session._scriptrunner = current


class WidgetValues(SessionState):
    """The values of the widgets of a tab, with the last ones of those that a page removed."""

    MOST = 1_000
    """The most removed widgets whose values are kept."""

    def __init__(self) -> None:
        super().__init__()
        self._removed: dict[str, Any] = {}

    def _remove_stale_widgets(self, active_widget_ids: frozenset[str]) -> None:
        before = {one: self._new_widget_state.get(one) for one in self._new_widget_state}
        before = self._old_state | before
        super()._remove_stale_widgets(active_widget_ids)
        gone = before.keys() - self._old_state.keys() - set(self._new_widget_state)
        removed = self._removed | {one: before[one] for one in gone}
        self._removed = dict(list(removed.items())[-self.MOST :])

    def _widget_changed(self, widget_id: str) -> bool:
        """Whether the browser sent another value than the last one, also of a removed widget."""
        if widget_id in self._old_state or widget_id not in self._removed:
            return super()._widget_changed(widget_id)
        return bool(self._new_widget_state.get(widget_id) != self._removed[widget_id])


class PageRequests(ScriptRequests):
    """Requests to run a page; those for another page wait until the page that runs has ended.

    A browser sends the values of a page only with requests for that page, and Streamlit drops
    them where another page runs. So a text that was typed right before a click on another page
    is lost if that click ends the run that was about to read the text, or replaces a run that
    has not begun.

    What a script asks for (`st.rerun`, `st.switch_page`) does not replace a page that the user
    has chosen in the meantime, and `st.stop` does not drop what the browser has sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._page: str | None = None
        self._elsewhere = ScriptRequests()
        self._is_left = False
        self._is_stopped = False
        self.has_ended = False
        """Whether nothing was left to run; not if the thread was stopped from outside."""

    def request_stop(self) -> None:
        """Stop; a script that stops itself goes on with what waits."""
        with self._lock:
            self._is_stopped = self._is_stopped or not _is_script()
            self._is_left = _is_script() and self._waits_elsewhere
            is_waiting = _is_script() and self._state == ScriptRequestType.RERUN
        if not (self._is_left or is_waiting):
            super().request_stop()

    def _request_rerun_locked(self, new_data: RerunData) -> bool:
        page = self._page_that_takes()
        is_here = page is None or new_data.page_script_hash == page
        if self._is_of_a_page_that_is_left(new_data, is_here=is_here):
            return True
        if self._state == ScriptRequestType.STOP or is_here:
            return super()._request_rerun_locked(new_data)
        if _is_script():
            self._is_left = True
            new_data = self._with_chosen_page(new_data)
        return self._elsewhere.request_rerun(new_data)

    def _is_of_a_page_that_is_left(self, asked: RerunData, *, is_here: bool) -> bool:
        """Whether `asked` draws a part again of a page that the user has left.

        The page of another script has no place for it, and a timer, which has no values to take,
        could keep the page that was chosen waiting without end.
        """
        is_timer = asked.is_auto_rerun and self._waits_elsewhere
        return is_timer or (bool(asked.fragment_id) and not is_here)

    def _page_that_takes(self) -> str | None:
        """The page that runs; before the first run the page whose values wait, if any do."""
        waiting = self._rerun_data
        if self._page is None and waiting.widget_states and waiting.widget_states.widgets:
            return waiting.page_script_hash
        return self._page

    def _with_chosen_page(self, asked: RerunData) -> RerunData:
        if not self._waits_elsewhere:
            return asked
        chosen = self._elsewhere._rerun_data
        return replace(
            asked,
            page_script_hash=chosen.page_script_hash,
            page_name=chosen.page_name,
            query_string=chosen.query_string,
        )

    def on_scriptrunner_yield(self) -> ScriptRequest | None:
        """The request that ends the run now, if there is one."""
        request = super().on_scriptrunner_yield()
        if request is None and self._is_left:
            with self._lock:
                self._go_elsewhere()
            request = super().on_scriptrunner_yield()
        return request

    def on_scriptrunner_ready(self) -> ScriptRequest:
        """The request that follows a run that has ended; it draws from the top of the page."""
        context_dg_stack.set(get_default_dg_stack_value())
        with self._lock:
            if self._state == ScriptRequestType.CONTINUE:
                self._go_elsewhere()
            self._page = self._rerun_data.page_script_hash
        request = super().on_scriptrunner_ready()
        self.has_ended = request.type == ScriptRequestType.STOP and not self._is_stopped
        return request

    @property
    def _waits_elsewhere(self) -> bool:
        return self._elsewhere._state == ScriptRequestType.RERUN

    def _go_elsewhere(self) -> None:
        """Make the request for another page, if there is one, the request that is next."""
        self._is_left = False
        if self._waits_elsewhere:
            asked = self._elsewhere.on_scriptrunner_ready().rerun_data
            self._page = asked.page_script_hash
            super()._request_rerun_locked(asked)


def _is_script() -> bool:
    """Whether a script asks, rather than the browser."""
    return get_script_run_ctx(suppress_warning=True) is not None
