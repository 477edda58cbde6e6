"""Links and Undo, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dispatch_core.request import DispatchRequest
from dispatch_core.views.request_link import encode_request
from pages.shared.state.address import Opened, read_opened
from pages.shared.state.edits import load
from pages.shared.state.steps import current_find
from pages.shared.state.typed import EXAMPLE_QUERY
from pages.shared.state.views import JSON
from tests.support.app import open_app, session_of

pytestmark = pytest.mark.usefixtures("embedded_demo", "fresh_clients")

ROOT = Path(__file__).resolve().parents[1]


REQUEST = DispatchRequest(
    query={"subject.subject_id": "900003"},
    file_extension=".nwb",
    parameters={"analysis_parameter": {"a": 1}},
)


def test_a_link_shows_its_request_and_finds_nothing() -> None:
    app = open_app(encode_request(REQUEST) or "")

    assert session_of(app).request.to_json() == REQUEST.to_json()
    assert session_of(app).work.found is None


def test_an_address_that_the_user_goes_back_to_right_after_find_finds_nothing() -> None:
    app = open_app()
    session = session_of(app)
    session.keep_view(query_view=JSON)
    app.run()
    app.button(key="find").click().run()
    found = session.work.found

    load(session, REQUEST)
    app.run()

    assert session.work.found is found
    assert current_find(session) is None


def test_a_damaged_link_is_an_error_and_the_page_works() -> None:
    app = open_app("1.nonsense")

    assert "it is cut or changed" in app.error[0].value.replace("\\", "")
    app.button(key="find").click().run()
    assert session_of(app).work.found is not None


def test_the_link_that_is_offered_is_that_of_the_request() -> None:
    app = open_app()
    session_of(app).edit(num_parallel_workers=7)
    app.session_state["link"] = True
    app.run()

    link = next(one.value for one in app.code if "?request=" in one.value)
    assert link.partition("?request=")[2] == encode_request(session_of(app).request)


def test_the_menu_link_names_the_parameters_that_may_be_secrets() -> None:
    app = open_app()
    secrets = {"analysis_parameter": {"a": 1, "api_key": "x", "max_tokens": 5}}
    session_of(app).edit(parameters=secrets)
    app.session_state["link"] = True
    app.run()
    said = [one.value.replace("\\", "") for one in app.main.warning]

    session_of(app).edit(parameters={"analysis_parameter": {"a": 1}})
    app.session_state["link"] = True
    app.run()

    assert said == [
        "Everyone who has the link can read the value of api_key, which may be a secret."
    ]
    assert not app.main.warning


IDS = [f"{n * 7919 % 1_000_003:x}-{n * 104_729 % 999_983:x}" for n in range(900)]
LONG = DispatchRequest(query={"_id": {"$in": IDS}})


def open_menu(app: AppTest) -> str:
    """The link in the open menu."""
    app.session_state["link"] = True
    app.run()
    return next(one.value for one in app.code if "?request=" in one.value).partition("=")[2]


def test_a_request_too_long_for_an_address_gets_a_short_link_that_says_its_last_day() -> None:
    app = open_app()
    load(session_of(app), LONG)
    app.run()
    assert session_of(app).views.address == ""

    link = open_menu(app)

    assert re.fullmatch(r"id\.[A-Za-z0-9_-]{22}", link)
    assert any("the link works until" in one.value for one in app.caption)
    assert session_of(app).views.address == link
    opened = open_app(link)
    assert session_of(opened).request.to_json() == LONG.to_json()
    assert session_of(opened).views.address == link
    assert session_of(opened).work.found is None


def test_a_short_link_that_is_unknown_says_so_and_changes_nothing() -> None:
    app = open_app("id." + "A" * 22)

    assert "it has expired, or another server made it" in app.error[0].value
    assert session_of(app).typed.query_text == EXAMPLE_QUERY


@pytest.mark.more
def test_a_request_that_is_too_large_to_keep_is_an_error_in_the_menu() -> None:
    app = open_app()
    load(
        session_of(app), DispatchRequest(query={"name": {"$in": [str(n) for n in range(200_000)]}})
    )
    app.session_state["link"] = True
    app.run()

    assert "at most 1,000,000 are kept" in app.error[0].value.replace("\\", "")
    assert not [one for one in app.code if "?request=" in one.value]


@pytest.mark.parametrize(
    "sent", [None, 1, [], {}, {"text": 1, "at": 1}, {"text": "x"}, {"text": "x", "at": 2e300}]
)
def test_what_a_browser_makes_up_about_the_address_is_ignored(sent: object) -> None:
    assert read_opened(sent) is None


def test_an_address_that_the_user_went_back_to_is_read() -> None:
    assert read_opened({"text": "1.x", "at": 12}) == Opened("1.x", 12)


def test_undo_returns_to_the_request_before() -> None:
    app = open_app()
    assert app.button(key="undo").disabled
    session_of(app).keep_typed(query_text='{"name": "x"}')
    session_of(app).reload_editors()
    app.run()
    assert session_of(app).request.query == {"name": "x"}

    app.button(key="undo").click().run()

    assert len(session_of(app).request.query or ()) == 2
    assert not app.button(key="redo").disabled
    app.button(key="redo").click().run()
    assert session_of(app).request.query == {"name": "x"}
