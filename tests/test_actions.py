"""Actions that follow each other at once: none is lost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
    ScriptRequestType,
)

from pages.shared.state import actions


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> ScriptRequests:
    """Return the requests of a script that runs the page "assets"."""
    monkeypatch.setattr(ScriptRequests, "_request_rerun_locked", actions._add_and_keep_page)
    requests = ScriptRequests()
    requests.request_rerun(RerunData(page_script_hash="assets"))
    assert requests.on_scriptrunner_ready().type == ScriptRequestType.RERUN
    return requests


def ask_as_script(requests: ScriptRequests, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a run of `page`, as `st.rerun` or `st.switch_page` of the page "assets"."""
    with monkeypatch.context() as patch:
        script = SimpleNamespace(page_script_hash="assets")
        patch.setattr(actions, "get_script_run_ctx", lambda suppress_warning: script)
        requests.request_rerun(RerunData(page_script_hash=page))


@pytest.mark.parametrize(
    ("clicked", "asked", "shown"),
    [
        ("files", "assets", "files"),  # the user went to another page before st.rerun
        ("files", "jobs", "files"),
        ("assets", "jobs", "jobs"),  # the user typed something before st.switch_page
        ("assets", "assets", "assets"),
    ],
)
def test_the_page_that_the_user_chose_stays(
    requests: ScriptRequests, monkeypatch: pytest.MonkeyPatch, clicked: str, asked: str, shown: str
) -> None:
    requests.request_rerun(RerunData(page_script_hash=clicked))
    ask_as_script(requests, asked, monkeypatch)

    request = requests.on_scriptrunner_yield()

    assert request is not None
    assert request.rerun_data.page_script_hash == shown
