"""The menu of saved queries, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared.state.browser_id import read_browser_id
from pages.shared.state.typed import EXAMPLE_QUERY, LIST
from pages.shared.state.views import JSON, SavedMenu
from tests.support.app import session_of

pytestmark = pytest.mark.usefixtures("embedded_demo", "fresh_clients")

ROOT = Path(__file__).resolve().parents[1]
OTHER = '{"name": "other"}'


def open_menu(browser: str = "b" * 43, user: str = "") -> AppTest:
    """The app with the open menu, in a browser that answered with its id."""
    app = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=30).run()
    session = session_of(app)
    session.owner = user
    session.keep_view(query_view=JSON, saved=SavedMenu(browser=browser))
    app.session_state["saved"] = True
    return app.run()


def save(app: AppTest, name: str) -> None:
    app.text_input(key="saved-name").set_value(name).run()
    app.button(key="saved-save").click().run()


def put_query(app: AppTest, text: str) -> None:
    session_of(app).keep_typed(query_text=text)
    session_of(app).reload_editors()
    app.run()


def saved_names(app: AppTest) -> list[str]:
    return list(app.selectbox(key="saved-choice").options)


def test_a_saved_query_is_used_in_one_step_of_undo() -> None:
    app = open_menu()
    save(app, "survey")
    put_query(app, OTHER)

    app.button(key="saved-use").click().run()

    assert session_of(app).typed.query_text == EXAMPLE_QUERY
    assert len(session_of(app).request.query or ()) == 2
    app.button(key="undo").click().run()
    assert session_of(app).request.query == {"name": "other"}


def test_a_saved_query_replaces_a_list_of_ids() -> None:
    app = open_menu()
    save(app, "survey")
    session_of(app).keep_typed(source=LIST, list_text="a")
    session_of(app).reload_editors()
    app.run()
    assert any("only a query can be saved" in one.value for one in app.caption)

    app.button(key="saved-use").click().run()

    assert session_of(app).request.asset_rows is None
    assert session_of(app).typed.list_text == "a"


def test_the_menu_asks_before_it_replaces_a_query() -> None:
    app = open_menu()
    save(app, "survey")
    put_query(app, OTHER)
    save(app, "Survey")

    assert "Replace the saved query" in app.warning[0].value
    app.button(key="saved-keep").click().run()
    app.button(key="saved-use").click().run()
    assert session_of(app).typed.query_text == EXAMPLE_QUERY

    put_query(app, OTHER)
    save(app, "Survey")
    app.button(key="saved-replace").click().run()
    put_query(app, "{}")
    app.button(key="saved-use").click().run()
    assert session_of(app).typed.query_text == OTHER
    assert saved_names(app) == ["Survey"]


def test_a_deleted_query_can_be_restored() -> None:
    app = open_menu()
    save(app, "one")
    save(app, "two")
    app.selectbox(key="saved-choice").select("one").run()
    app.button(key="saved-delete").click().run()
    assert saved_names(app) == ["two"]

    app.button(key="saved-restore").click().run()

    assert saved_names(app) == ["one", "two"]


def test_a_query_is_renamed_and_stays_chosen() -> None:
    app = open_menu()
    save(app, "one")
    save(app, "two")
    app.selectbox(key="saved-choice").select("one").run()
    app.text_input(key="saved-new-name").set_value("zero").run()

    app.button(key="saved-rename").click().run()

    assert saved_names(app) == ["two", "zero"]
    assert app.selectbox(key="saved-choice").value == "zero"


def test_each_fault_has_a_message_and_the_typed_name_stays() -> None:
    app = open_menu()
    app.button(key="saved-save").click().run()
    assert "the query has no name" in app.error[0].value

    put_query(app, '{"half": ')
    save(app, "half")
    assert any("too early" in one.value for one in app.error)
    assert app.text_input(key="saved-name").value == "half"

    put_query(app, EXAMPLE_QUERY)
    app.button(key="saved-save").click().run()
    assert saved_names(app) == ["half"]
    assert len(app.error) == 0


def is_empty(app: AppTest) -> bool:
    return any("No query is saved yet" in one.value for one in app.caption)


def test_without_sign_in_each_browser_has_its_own_queries() -> None:
    save(open_menu(), "mine")

    assert saved_names(open_menu()) == ["mine"]
    assert is_empty(open_menu("c" * 43))


def test_with_sign_in_a_user_has_the_same_queries_in_every_browser() -> None:
    save(open_menu(user="ada"), "hers")

    assert saved_names(open_menu("c" * 43, user="ada")) == ["hers"]
    assert is_empty(open_menu(user="grace"))
    assert is_empty(open_menu())


def test_a_browser_that_stores_nothing_has_another_way() -> None:
    assert any("This browser stores nothing" in one.value for one in open_menu("").caption)


def test_a_disk_that_fails_is_an_error_in_the_menu(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    app = open_menu()

    save(app, "mine")

    assert "cannot write" in app.error[0].value
    assert app.text_input(key="saved-name").value == "mine"


@pytest.mark.parametrize("sent", [None, 3, [], {}, {"id": 5}, {"id": "short"}, {"id": "a/" * 22}])
def test_an_id_that_a_browser_makes_up_is_none(sent: object) -> None:
    assert read_browser_id(sent) == ""
