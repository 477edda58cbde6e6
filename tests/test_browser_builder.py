"""The query builder in a real browser: pasting, building by hand, locked clauses, fast clicks."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from dispatch_core import plan
from tests.support.browser import Tab, tree_of_zip, wait_until
from tests.support.tier import amount

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-builder")]

PASTED = """# what a colleague sent
filter_query = {
    'data_description.project_name': 'Thalamic Ephys Survey',  # the survey
    'data_description.data_level': "derived",
    'name': {'$regex': r'^ecephys_', },
}
"""


def count(query: Any) -> int:
    """How many assets of the query are not excluded, without the page."""
    return plan(query=query).equation.assets


def see_assets(tab: Tab, query: Any) -> None:
    tab.see_heading(f"{count(query):,} assets")


def form(tab: Tab) -> Locator:
    return tab.page.locator(".st-key-query-form")


def rows(tab: Tab) -> Locator:
    return tab.page.locator('[class*="st-key-row-"]')


def test_a_click_before_the_page_is_whole_takes_no_value_out_of_the_form(tab: Tab) -> None:
    for _ in range(amount(2, 10)):  # the click cuts short the run that draws the values
        tab.page.context.clear_cookies()
        tab.page.goto(tab.base)
        tab.page.get_by_role("radio", name="Rows", exact=True).click()
        tab.button("Find assets").first.click()
        tab.press("Edit the rows")
        values = tab.page.get_by_role("textbox", name="Value")
        expect(values).to_have_count(2)

        assert [one.input_value() for one in values.all()] == ["Thalamic Ephys Survey", "derived"]

    tab.press("Find assets")
    tab.see_heading("357 assets")


def choose(tab: Tab, box: Locator, text: str, *, is_answered: bool = True) -> None:
    """Choose, or type, an entry of a select box, and wait for the page's answer."""
    box.click()
    box.fill(text)
    tab.page.get_by_role("option").filter(has_text=text).first.click()
    if is_answered:
        tab.settle()


def fill_row(tab: Tab, row: Locator, field: str, value: str) -> None:
    choose(tab, row.get_by_role("combobox", name="Field"), field)
    write_value(tab, row, value)


def write_value(tab: Tab, row: Locator, value: str) -> None:
    box = row.get_by_label("Value").last
    box.click()
    box.fill(value)
    box.press("Enter")
    tab.settle()


def use_menu(tab: Tab, button: Locator, item: str) -> None:
    """Choose from a menu of a page at rest: an answer may draw the menu anew, closed."""
    tab.settle()
    button.click()
    tab.page.get_by_role("menuitem", name=item).click()


def text_of_query(tab: Tab) -> Any:
    """The query as the page shows it beside the form."""
    tab.settle()
    button = tab.page.get_by_role("button", name="As JSON and Python")
    button.click()
    code = tab.page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first.locator("code")
    query = json.loads(code.text_content() or "")
    button.click()
    return query


def paste(tab: Tab, text: str) -> None:
    """Replace the text of the editor in one step."""
    tab.enter_editor()
    tab.page.keyboard.press("ControlOrMeta+A")
    tab.page.keyboard.insert_text(text)


def show_form(tab: Tab) -> None:
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    expect(form(tab)).to_be_visible()
    tab.settle()


@pytest.mark.main
def test_a_messy_python_dict_is_pasted_converted_and_dispatched(tab: Tab, tmp_path: Path) -> None:
    tab.open()
    paste(tab, PASTED)
    tab.see("comments are not JSON")
    tab.keep_picture("builder-1-pasted")

    tab.press("Convert to JSON")
    tab.see("Took the value of filter")
    tab.press("Find assets")
    query = {
        "data_description.project_name": "Thalamic Ephys Survey",
        "data_description.data_level": "derived",
        "name": {"$regex": "^ecephys_"},
    }
    see_assets(tab, query)
    show_form(tab)
    assert text_of_query(tab) == query
    tab.keep_picture("builder-2-converted")

    tab.go("Deliver")
    zipped = tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))
    assert len(zipped) == count(query)
    assert json.loads(json.loads(next(iter(zipped.values())))["query"]) == query


def test_either_spelling_of_a_field_is_built_by_hand(tab: Tab) -> None:
    tab.open()
    show_form(tab)
    known_values = tab.page.locator('[class*="st-key-value-"][class*="-known"]')
    expect(known_values).to_have_count(2)  # a late answer may close an open menu
    for left in (1, 0):
        tools = tab.page.locator('[class*="st-key-tools-"]').first
        use_menu(tab, tools.get_by_role("button"), "Remove")
        expect(rows(tab)).to_have_count(left)
    tab.see("No condition yet")

    use_menu(tab, form(tab).get_by_role("button", name="Group"), "any of")
    tab.settle()
    fill_row(tab, rows(tab).first, "data_description.modality.abbreviation", "fib")
    form(tab).get_by_role("button", name="Condition").first.click()
    tab.settle()
    fill_row(tab, rows(tab).nth(1), "data_description.modalities.abbreviation", "fib")
    tab.keep_picture("builder-3-either")

    query = {
        "$or": [
            {"data_description.modality.abbreviation": "fib"},
            {"data_description.modalities.abbreviation": "fib"},
        ]
    }
    assert text_of_query(tab) == query
    tab.press("Find assets")
    see_assets(tab, query)


def test_the_menu_of_a_nested_row_is_on_the_line_of_its_field(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"$or": [{"$and": [{"name": "a"}, {"name": "b"}]}, {"name": "c"}]}')
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    expect(rows(tab)).to_have_count(3)
    tab.settle()

    for width in (1281, 1360, 1439):
        tab.page.set_viewport_size({"width": width, "height": 900})
        for row in rows(tab).all():
            parts = row.get_by_test_id("stColumn")

            def is_beside(parts: Locator = parts) -> bool:
                field, menu = parts.first.bounding_box(), parts.last.bounding_box()
                assert field is not None
                assert menu is not None
                return menu["y"] == field["y"] and menu["x"] > field["x"]

            wait_until(is_beside)  # the page takes a moment to follow the width of its window


def test_a_field_is_taken_without_enter_when_tab_is_pressed(tab: Tab) -> None:
    tab.open()
    show_form(tab)
    form(tab).get_by_role("button", name="Condition").last.click()
    expect(rows(tab)).to_have_count(3)
    tab.settle()
    field = rows(tab).last.get_by_role("combobox", name="Field")

    field.fill("session.rig_of_ours")
    tab.page.keyboard.press("Tab")

    expect(field).to_have_value("session.rig_of_ours")


@pytest.mark.main
def test_a_value_typed_before_the_page_answers_to_the_field_is_kept(tab: Tab) -> None:
    typed = {"subject.subject_id": "900006", "session.stimulus_epochs.trials_total": "3"}
    tab.open()
    show_form(tab)

    for number, (field, value) in enumerate(typed.items(), 2):
        form(tab).get_by_role("button", name="Condition").last.click()
        row = rows(tab).nth(number)
        choose(tab, row.get_by_role("combobox", name="Field"), field, is_answered=False)
        write_value(tab, row, value)

    boxes = tab.page.get_by_role("textbox", name="Value")
    expect(boxes.nth(2)).to_have_value("900006")
    expect(boxes.nth(3)).to_have_value("3")
    query = text_of_query(tab)
    assert query["subject.subject_id"] == "900006"
    assert query["session.stimulus_epochs.trials_total"] == 3  # a number, as the field has


@pytest.mark.parametrize(
    "delay", [0, 200, *(pytest.param(other, marks=pytest.mark.long) for other in (100, 400, 600))]
)
def test_a_value_that_is_typed_while_the_row_gets_another_field_is_kept(
    tab: Tab, delay: int
) -> None:
    """The row gets a new input, because its value was for the field before.

    On a slow connection, the menu of the field takes the focus back when its new options come.
    """
    tab.slow_down(delay)
    tab.open()
    show_form(tab)
    row = rows(tab).first
    value = row.get_by_role("textbox", name="Value").first  # for a moment there are two
    expect(value).to_have_value("Thalamic Ephys Survey")

    field = row.get_by_role("combobox", name="Field")
    choose(tab, field, "subject.subject_id", is_answered=False)
    tab.page.wait_for_timeout(200)  # a hand is slower than the menu, which returns the focus
    value.click()
    tab.page.keyboard.press("ControlOrMeta+A")
    tab.page.keyboard.type("900120", delay=150)
    tab.page.keyboard.press("Tab")

    expect(value).to_have_value("900120")
    wait_until(lambda: text_of_query(tab).get("subject.subject_id") == "900120")


@pytest.mark.parametrize("delay", [200, pytest.param(500, marks=pytest.mark.long)])
def test_a_menu_that_was_left_takes_no_focus_from_the_next_one(tab: Tab, delay: int) -> None:
    """The answer of the page gives the first menu new options while the next one is typed into."""
    tab.slow_down(delay)
    tab.open()
    show_form(tab)
    fields = rows(tab).locator("input[aria-label=Field]")  # an open menu hides what is behind it
    expect(fields).to_have_count(2)
    first, second = fields.first, fields.last

    choose(tab, first, "subject.subject_id", is_answered=False)
    rows(tab).first.get_by_role("textbox", name="Value").first.click()
    second.click()
    tab.page.keyboard.type("modality.abbreviation", delay=100)
    expect(first).to_have_value("Subject · subject_id")
    expect(second).to_have_value("modality.abbreviation")
    tab.page.get_by_role("option").filter(has_text="data_description.modality").click()

    tab.settle()
    expect(first).to_have_value("Subject · subject_id")
    expect(second).to_have_value("data_description.modality.abbreviation")


def test_a_value_that_is_typed_and_left_before_the_page_has_the_answer_is_kept(tab: Tab) -> None:
    """The server replaced the input before the value reached it."""
    held: list[str | bytes] = []
    is_slow = False
    connections = []

    def connect(to_page: WebSocketRoute) -> None:
        def pass_on(message: str | bytes) -> None:
            held.append(message) if is_slow else to_page.send(message)

        connections.append(to_page)
        to_page.connect_to_server().on_message(pass_on)

    def is_drawn() -> bool:
        count = len(held)
        tab.page.wait_for_timeout(500)
        return 0 < count == len(held)

    tab.page.route_web_socket("**/_stcore/stream", connect)
    tab.open()
    show_form(tab)
    row = rows(tab).first
    is_slow = True
    choose(tab, row.get_by_role("combobox", name="Field"), "subject.subject_id", is_answered=False)
    wait_until(is_drawn)
    row.get_by_role("textbox", name="Value").fill("900120")
    tab.page.keyboard.press("Tab")
    tab.page.wait_for_timeout(500)
    is_slow = False
    for message in held:
        connections[-1].send(message)

    expect(row.get_by_role("textbox", name="Value").first).to_have_value("900120")
    assert text_of_query(tab)["subject.subject_id"] == "900120"


def test_a_locked_clause_survives_editing_around_it(tab: Tab) -> None:
    locked = {"$expr": {"$gt": [{"$strLenCP": "$name"}, 30]}}
    tab.open()
    paste(tab, json.dumps({"subject.subject_id": "900003", **locked, "name": {"$regex": "_90000"}}))
    show_form(tab)
    tab.see("Locked: it computes from several fields")

    write_value(tab, rows(tab).first, "900005")
    locked_box = tab.page.locator('[class*="st-key-locked-"]')
    use_menu(tab, locked_box.locator('[class*="st-key-tools-"]').get_by_role("button"), "Move up")
    tab.settle()
    tab.keep_picture("builder-4-locked")

    query = {**locked, "subject.subject_id": "900005", "name": {"$regex": "_90000"}}
    assert list(text_of_query(tab).items()) == list(query.items())
    tab.press("Find assets")
    see_assets(tab, query)


@pytest.mark.parametrize(
    "milliseconds",
    [60, *(pytest.param(other, marks=pytest.mark.long) for other in (0, 120, 160, 200, 240))],
)
def test_find_clicked_right_after_a_text_became_valid_acts_on_it(
    tab: Tab, milliseconds: int
) -> None:
    # the editor sends 200 ms after the last key; a user holds a button down for about 80 ms
    query = {"subject.subject_id": "900007"}
    tab.open()
    paste(tab, '{"subject.subject_id": ')
    tab.see("the text ends too early")
    tab.settle()
    tab.editor().locator(".ace_content").click()
    tab.page.keyboard.press("ControlOrMeta+A")
    box = tab.button("Find assets").bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + 20, box["y"] + 10)

    tab.page.keyboard.insert_text(json.dumps(query))
    time.sleep(milliseconds / 1000)
    tab.page.mouse.down()
    time.sleep(0.08)
    tab.page.mouse.up()

    see_assets(tab, query)


def widget_states(sent: bytes) -> str:
    """Return the values of all widgets in a message of the browser."""
    message = BackMsg()
    message.ParseFromString(sent)
    return str(message.rerun_script.widget_states)


@pytest.mark.parametrize("name", ["Rows", pytest.param("List of ids", marks=pytest.mark.long)])
def test_a_text_typed_right_before_the_view_is_left_is_kept(tab: Tab, name: str) -> None:
    sent: list[bytes | str] = []

    def keep(frame: bytes | str) -> None:
        sent.append(frame)

    tab.page.on("websocket", lambda socket: socket.on("framesent", keep))
    tab.open()
    tab.open_editor()
    tab.editor().locator(".ace_content").click()
    expect(tab.page.locator("iframe[data-notes-keys]")).to_have_count(1)
    tab.page.keyboard.press("ControlOrMeta+A")
    tab.settle()
    sent.clear()
    tab.page.keyboard.insert_text('{"subject.subject_id": "900006"}')
    tab.page.get_by_role("radio", name=name, exact=True).click()
    expect(tab.page.locator('iframe[title="streamlit_ace.streamlit_ace"]')).to_have_count(0)
    tab.settle()

    if name == "List of ids":
        tab.page.get_by_role("radio", name="Facets", exact=True).click()
    else:
        tab.open_editor()

    expect(tab.editor().locator(".ace_content")).to_contain_text("900006")
    states = [widget_states(one) for one in sent if isinstance(one, bytes)]
    with_text = next(at for at, state in enumerate(states) if "900006" in state)
    with_click = next(at for at, state in enumerate(states) if f'data: "{name}"' in state)
    assert with_text < with_click


def test_a_value_typed_right_before_find_is_the_one_that_is_looked_for(tab: Tab) -> None:
    query = {"subject.subject_id": "900005"}
    tab.open()
    paste(tab, '{"subject.subject_id": "900003"}')
    show_form(tab)
    box = rows(tab).first.get_by_label("Value").last
    box.click()
    box.fill("900005")

    tab.press("Find assets")

    see_assets(tab, query)


@pytest.mark.long
def test_a_text_that_does_not_parse_is_kept_and_the_form_says_so(tab: Tab) -> None:
    tab.open()
    paste(tab, '{"name": [1, }')
    tab.see("line 1, column 12")
    expect(tab.editor().locator(".ace_gutter-cell.ace_error")).to_have_count(1)

    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    tab.see(re.compile("correct it under"))
    tab.open_editor()

    expect(tab.editor().locator(".ace_content")).to_contain_text('{"name": [1, }')


def test_a_day_is_typed_or_chosen_in_a_calendar_and_the_last_one_counts_to_its_end(
    tab: Tab,
) -> None:
    tab.open()
    paste(tab, '{"created": {"$exists": true}}')
    show_form(tab)
    row = rows(tab).first

    choose(tab, row.get_by_role("combobox", name="Condition"), "between")
    first, last = (row.get_by_role("textbox", name=one) for one in ("First day", "Last day"))
    first.fill("05/01/2025")
    first.press("Enter")
    tab.see("'05/01/2025' can mean 2025-01-05 or 2025-05-01. Write the one that you mean")
    last.fill("2025-05-27")
    last.press("Enter")
    tab.settle()
    row.get_by_test_id("stPopover").nth(1).get_by_role("button").click()
    tab.page.get_by_test_id("stPopoverBody").get_by_role("spinbutton").last.click()
    tab.page.get_by_role("button", name="May 28, 2025").click()
    expect(last).to_have_value("2025-05-28")
    first.fill("2025-05-01")
    first.press("Enter")
    tab.settle()
    tab.page.get_by_text("Not compared: 1 record").click()
    expect(tab.page.get_by_test_id("stPopoverBody").get_by_test_id("stDataFrame")).to_be_visible()
    tab.keep_picture("builder-5-dates")
    tab.page.keyboard.press("Escape")

    query = text_of_query(tab)
    tab.press("Find assets")
    assert (query["created"]["$gte"], query["created"]["$lt"]) == ("2025-05-01", "2025-05-29")
    see_assets(tab, query)


def test_a_new_condition_on_a_typed_name_shows_its_field_and_starts_as_a_date(tab: Tab) -> None:
    tab.open()
    show_form(tab)
    form(tab).get_by_role("button", name="Condition").last.click()
    row = rows(tab).nth(2)

    field = row.get_by_role("combobox", name="Field")
    field.click()
    tab.page.keyboard.type("Acquired")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Tab")
    box = row.get_by_role("textbox").first  # before the page answers
    box.fill("2025-05-28")
    box.press("Enter")
    tab.settle()

    expect(row.get_by_role("textbox", name="Day")).to_have_value("2025-05-28")
    expect(row.get_by_role("combobox", name="Condition")).to_have_value("on")
    expect(field).to_have_value("Acquired · session_start_time")
    assert "2025-05-28" in json.dumps(text_of_query(tab))
