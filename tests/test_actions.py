"""Actions that follow each other at once: none is lost."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.delta_generator_singletons import (
    context_dg_stack,
    get_default_dg_stack_value,
    get_dg_singleton_instance,
)
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner import ScriptRunnerEvent
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequest,
    ScriptRequestType,
)

from pages.shared.state import actions
from pages.shared.state.actions import PageRequests, WidgetValues, handle_event
from tests.support.coroutines import result_of


@pytest.fixture
def requests() -> PageRequests:
    """Return the requests of a script that runs the page "assets"."""
    requests = PageRequests()
    requests.request_rerun(RerunData(page_script_hash="assets"))
    assert requests.on_scriptrunner_ready().type == ScriptRequestType.RERUN
    return requests


def ask(requests: PageRequests, page: str, *texts: str) -> None:
    """Ask for a run of `page` with these texts, as the browser."""
    states = WidgetStates()
    for text in texts:
        states.widgets.add(id=text, string_value=text)
    requests.request_rerun(RerunData(page_script_hash=page, widget_states=states))


def ask_as_script(
    requests: PageRequests, page: str, monkeypatch: pytest.MonkeyPatch
) -> ScriptRequest | None:
    """Ask for a run of `page`, as `st.rerun` or `st.switch_page`; the request that ends the run."""
    with monkeypatch.context() as patch:
        patch.setattr(actions, "_is_script", lambda: True)
        requests.request_rerun(RerunData(page_script_hash=page))
    return requests.on_scriptrunner_yield()


def stop_as_script(requests: PageRequests, monkeypatch: pytest.MonkeyPatch) -> ScriptRequest | None:
    """Ask for the end of the run, as `st.stop`."""
    with monkeypatch.context() as patch:
        patch.setattr(actions, "_is_script", lambda: True)
        requests.request_stop()
    return requests.on_scriptrunner_yield()


def timer_of(page: str) -> RerunData:
    """What a browser sends to draw a part of `page` again."""
    return RerunData(page_script_hash=page, fragment_id="progress", is_auto_rerun=True)


def press_in_part_of(page: str) -> RerunData:
    """What a browser sends for a button in such a part."""
    return RerunData(page_script_hash=page, fragment_id="progress")


def page_of(request: ScriptRequest | None) -> str:
    return request.rerun_data.page_script_hash if request else "none"


def pages_after(requests: PageRequests) -> list[str]:
    """The pages that run after the current run has ended."""
    found = []
    while (request := requests.on_scriptrunner_ready()).type == ScriptRequestType.RERUN:
        found.append(page_of(request))
    return found


def test_a_page_takes_a_text_before_the_page_that_was_clicked_next(requests: PageRequests) -> None:
    ask(requests, "assets", "900003")
    ask(requests, "files")

    request = requests.on_scriptrunner_yield()

    assert request is not None
    assert page_of(request) == "assets"
    assert request.rerun_data.widget_states is not None
    assert [one.string_value for one in request.rerun_data.widget_states.widgets] == ["900003"]
    assert pages_after(requests) == ["files"]


def test_a_text_is_taken_first_although_its_run_has_not_begun() -> None:
    requests = PageRequests()
    ask(requests, "assets", "900003")
    ask(requests, "files")

    assert pages_after(requests) == ["assets", "files"]


def test_a_visit_that_has_not_begun_is_replaced_by_the_next_one() -> None:
    requests = PageRequests()
    ask(requests, "assets")
    ask(requests, "files")

    assert pages_after(requests) == ["files"]


def test_the_run_that_takes_a_text_is_not_ended_by_another_page(requests: PageRequests) -> None:
    ask(requests, "files")

    assert requests.on_scriptrunner_yield() is None
    assert pages_after(requests) == ["files"]


def test_a_text_that_follows_at_once_ends_the_run(requests: PageRequests) -> None:
    ask(requests, "assets", "900003")

    assert page_of(requests.on_scriptrunner_yield()) == "assets"
    assert pages_after(requests) == []


def test_of_several_pages_only_the_last_one_runs(requests: PageRequests) -> None:
    for page in ("files", "jobs", "deliver"):
        ask(requests, page)

    assert pages_after(requests) == ["deliver"]


def test_a_timer_does_not_keep_the_page_that_was_chosen_waiting(requests: PageRequests) -> None:
    ask(requests, "files")
    requests.request_rerun(timer_of("assets"))

    assert pages_after(requests) == ["files"]


@pytest.mark.parametrize("part", [timer_of, press_in_part_of])
def test_a_part_of_a_page_that_was_left_draws_nothing(
    requests: PageRequests, part: Callable[[str], RerunData]
) -> None:
    ask(requests, "files")
    assert page_of(requests.on_scriptrunner_ready()) == "files"

    requests.request_rerun(part("assets"))

    assert pages_after(requests) == []


def test_a_press_in_a_part_is_followed_before_the_page_that_was_clicked_next(
    requests: PageRequests,
) -> None:
    ask(requests, "files")

    requests.request_rerun(press_in_part_of("assets"))

    assert pages_after(requests) == ["assets", "files"]


def test_a_page_begins_at_its_top_although_a_part_was_drawn_before(requests: PageRequests) -> None:
    context_dg_stack.set((get_dg_singleton_instance().sidebar_dg,))
    ask(requests, "files")

    assert pages_after(requests) == ["files"]
    assert context_dg_stack.get() == get_default_dg_stack_value()


def test_a_timer_of_the_page_that_runs_is_followed(requests: PageRequests) -> None:
    requests.request_rerun(timer_of("assets"))

    assert pages_after(requests) == ["assets"]


@pytest.mark.parametrize(
    ("clicked", "asked", "shown"),
    [
        ("files", "assets", ["assets", "files"]),  # the user went to another page before st.rerun
        ("files", "jobs", ["files"]),
        ("assets", "jobs", ["assets", "jobs"]),  # the user typed before st.switch_page
        ("assets", "assets", ["assets"]),
    ],
)
def test_the_page_that_the_user_chose_stays(
    requests: PageRequests,
    monkeypatch: pytest.MonkeyPatch,
    clicked: str,
    asked: str,
    shown: list[str],
) -> None:
    ask(requests, clicked)

    request = ask_as_script(requests, asked, monkeypatch)

    assert [page_of(request), *pages_after(requests)] == shown


@pytest.mark.parametrize("page", ["assets", "files"])
def test_what_the_browser_sent_is_kept_when_a_script_stops(
    requests: PageRequests, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    ask(requests, page)

    request = stop_as_script(requests, monkeypatch)

    assert [page_of(request), *pages_after(requests)] == [page]


def test_a_script_stops_and_a_closed_tab_ends_what_waits(
    requests: PageRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = PageRequests()
    ask(other, "assets")
    other.on_scriptrunner_ready()
    request = stop_as_script(other, monkeypatch)
    assert request is not None
    assert request.type == ScriptRequestType.STOP

    ask(requests, "files")
    requests.request_stop()

    assert pages_after(requests) == []


def left_to_send(requests: PageRequests) -> list[str]:
    """What the browser gets of a thread with these requests, once another thread has begun."""

    async def deltas() -> list[str]:
        files = MemoryUploadedFileManager("/files")
        session = AppSession(ScriptData("app.py", is_hello=False), files, ScriptCache(), None, {})
        ended: Any = SimpleNamespace(_requests=requests)
        begun: Any = SimpleNamespace(_requests=PageRequests())
        session._scriptrunner = begun
        message = ForwardMsg()
        message.delta.new_element.text.body = "the end"
        sent = ScriptRunnerEvent.ENQUEUE_FORWARD_MSG
        handle_event(session, ended, sent, message)
        handle_event(session, ended, ScriptRunnerEvent.SHUTDOWN, client_state=ClientState())
        assert session._scriptrunner is begun
        return [one.delta.new_element.text.body for one in session.flush_browser_queue()]

    return result_of(deltas())


def test_the_end_of_a_page_is_sent_although_a_timer_has_begun_another_thread(
    requests: PageRequests,
) -> None:
    assert pages_after(requests) == []

    assert left_to_send(requests) == ["the end"]


def test_what_a_stopped_thread_sends_is_dropped(requests: PageRequests) -> None:
    requests.request_stop()
    assert pages_after(requests) == []

    assert left_to_send(requests) == []


def test_a_removed_widget_has_changed_only_with_another_value_than_its_last_one() -> None:
    """The browser sends it until it has the new page; `test_browser_fields` does it for real."""
    values = WidgetValues()
    values._removed = {"box": False}

    values._new_widget_state.set_from_value("box", False)
    same = values._widget_changed("box")
    values._new_widget_state.set_from_value("box", True)
    other = values._widget_changed("box")

    assert (same, other) == (False, True)
