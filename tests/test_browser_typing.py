"""What is typed or pressed counts, whatever the page does in that moment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-typing")]

LEAVE = """async (box, page) => {
  box.blur();
  await null;
  document.querySelector(`[data-testid="stSidebarNavLink"][href$="${page}"]`).click();
}"""
"""Leave a text and click on a page before any timer ends, as on a machine that is very busy."""


LATE_TIMERS = """() => {
  const timer = window.setTimeout, kept = [];
  window.setTimeout = (act, delay, ...rest) =>
    delay ? timer(act, delay, ...rest) : kept.push(act);
  const watch = new MutationObserver(() => {
    const chip = document.querySelector('[data-testid="stFileChip"]');
    if (!chip || chip.querySelector('[data-testid="stFileChipIconSpinner"]')) return;
    watch.disconnect();
    window.setTimeout = timer;
    for (const act of kept) act();
  });
  watch.observe(document.body, { childList: true, subtree: true });
}"""
"""Let a timer without a delay end when the file has arrived, and the page does not know it yet."""


def folder_name(tab: Tab) -> Locator:
    return tab.page.get_by_role("textbox", name="Name of the folder")


def see_page(tab: Tab, name: str) -> None:
    expect(tab.page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
    tab.settle()


def click_page(tab: Tab, name: str) -> None:
    """Click on a page at once, whatever the app is doing, and wait until it is there."""
    tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    see_page(tab, name)


def test_a_text_is_sent_before_the_visit_of_another_page(tab: Tab) -> None:
    tab.open()
    tab.go("Jobs")
    workers = tab.page.get_by_role("spinbutton", name="Workers")

    workers.fill("7")
    workers.evaluate(LEAVE, "files")

    see_page(tab, "Files")
    tab.go("Jobs")
    expect(workers).to_have_value("7")


def test_a_text_is_sent_before_a_step_back(tab: Tab) -> None:
    """Back by the keyboard leaves the focus in the text, so that nothing would send it."""
    tab.open()
    tab.go("Files")
    tab.go("Jobs")
    workers = tab.page.get_by_role("spinbutton", name="Workers")

    workers.fill("7")
    tab.page.evaluate("history.back()")

    see_page(tab, "Files")
    tab.page.evaluate("history.forward()")
    see_page(tab, "Jobs")
    expect(workers).to_have_value("7")


def test_a_step_forward_shows_the_text_that_was_typed_before_a_step_back(tab: Tab) -> None:
    """Each address has its request, once there are assets: the one before the text has its own."""
    tab.open()
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    tab.go("Files")
    tab.go("Jobs")
    workers = tab.page.get_by_role("spinbutton", name="Workers")
    tab.page.wait_for_url(re.compile("jobs.*request="))
    before = workers.input_value()

    workers.fill("7")
    tab.page.evaluate("history.back()")

    see_page(tab, "Files")
    tab.page.evaluate("history.forward()")
    see_page(tab, "Jobs")
    expect(workers.first).to_have_value("7")  # for a moment there are two
    tab.press("Undo")
    expect(workers.first).to_have_value(before)


@pytest.mark.parametrize("when", ["at_once", "when_it_has_arrived"])
def test_a_file_arrives_although_another_page_is_clicked(
    tab: Tab, tmp_path: Path, when: str
) -> None:
    listed = tmp_path / "ids.csv"
    listed.write_text("asset_id\n" + "".join(f"id-{number}\n" for number in range(200_000)))
    tab.open()
    tab.page.get_by_role("radio", name="List of ids").click()
    tab.see("or paste ids, names or locations")
    tab.settle()

    if when == "when_it_has_arrived":
        tab.page.evaluate(LATE_TIMERS)
    tab.page.locator("input[type=file]").set_input_files(listed)
    click_page(tab, "Files")
    click_page(tab, "Assets")

    tab.see("ids.csv")


@pytest.mark.parametrize("typed", [".nwb", ".mp4"], ids=["offered", "not_offered"])
def test_an_ending_is_taken_without_enter_when_another_page_is_clicked(
    tab: Tab, typed: str
) -> None:
    tab.open("files")
    menu = tab.page.get_by_role("combobox", name="Names end with")

    menu.fill(typed)
    tab.page.locator('[data-testid="stSidebarNavLink"][href$="/jobs"]').click()

    see_page(tab, "Jobs")
    tab.go("Files")
    expect(tab.page.get_by_test_id("stMultiSelect").first).to_contain_text(typed)


def test_enter_takes_an_ending_in_the_capital_letters_in_which_it_was_typed(tab: Tab) -> None:
    tab.open("files")
    menu = tab.page.get_by_role("combobox", name="Names end with")

    menu.fill(".NWB")
    expect(tab.page.get_by_role("option", name="Add: .NWB")).to_be_visible()
    tab.page.keyboard.press("Enter")

    expect(tab.page.get_by_test_id("stMultiSelect").first).to_contain_text(".NWB")
    tab.settle()
    expect(tab.page.get_by_test_id("stMultiSelect").first).not_to_contain_text(".nwb")


def test_a_text_that_searches_among_the_endings_is_not_taken(tab: Tab) -> None:
    tab.open("files")
    menu = tab.page.get_by_role("combobox", name="Names end with")

    menu.fill("nw")
    tab.page.keyboard.press("Tab")

    expect(menu).to_have_value("")
    tab.settle()
    expect(tab.page.get_by_test_id("stMultiSelect").first).not_to_contain_text("nw")


def press_down(tab: Tab, button: Locator) -> None:
    """Press the mouse on a button and keep it down."""
    expect(button).to_be_visible()
    tab.settle()
    box = button.bounding_box()
    assert box is not None
    tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.page.mouse.down()


def test_a_press_counts_although_its_button_is_drawn_anew_before_the_mouse_is_up(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    add = tab.page.get_by_role("button", name="Condition", exact=True)
    press_down(tab, add)
    pressed = add.element_handle()

    for view, shown in (("JSON", tab.page.get_by_text("Tab leaves the editor.")), ("Rows", add)):
        tab.page.get_by_role("radio", name=view, exact=True).evaluate("one => one.click()")
        expect(shown).to_be_visible()
        tab.settle()
    assert not pressed.evaluate("one => one.isConnected")
    tab.page.mouse.up()

    expect(tab.page.locator('[class*="st-key-row-"]')).to_have_count(3)


_DRAW_WORDS_ANEW = """
(button) => { for (const one of button.children) one.replaceWith(one.cloneNode(true)); }
"""


def test_a_press_counts_once_although_the_words_of_its_button_are_drawn_anew(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    add = tab.page.get_by_role("button", name="Condition", exact=True)

    for rows in (3, 4):
        press_down(tab, add)
        if rows == 3:
            add.evaluate(_DRAW_WORDS_ANEW)
        tab.page.mouse.up()

        expect(tab.page.locator('[class*="st-key-row-"]')).to_have_count(rows)
        tab.settle()


def test_a_press_counts_although_the_page_moves_before_the_mouse_is_up(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    add = tab.page.get_by_role("button", name="Condition", exact=True)
    press_down(tab, add)

    tab.page.get_by_test_id("stMainBlockContainer").evaluate("one => one.style.paddingTop = '20em'")
    tab.page.mouse.up()

    expect(tab.page.locator('[class*="st-key-row-"]')).to_have_count(3)


def test_a_press_is_taken_back_by_moving_the_mouse_away(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    press_down(tab, tab.page.get_by_role("button", name="Condition", exact=True))

    tab.page.mouse.move(5, 5)
    tab.page.mouse.up()

    tab.settle()
    expect(tab.page.locator('[class*="st-key-row-"]')).to_have_count(2)


@pytest.mark.main
def test_everything_typed_right_before_a_click_is_in_the_request(tab: Tab, tmp_path: Path) -> None:
    tab.open()
    tab.type_text('{"subject.subject_id": "900006"}')
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    tab.page.get_by_role("textbox", name="Value", exact=True).fill("900003")
    click_page(tab, "Files")
    tab.page.get_by_role("combobox", name="Names end with").fill(".nwb")
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Escape")
    click_page(tab, "Parameters")
    tab.type_text('{"analysis_parameter": {"cutoff": 0.05}}')
    click_page(tab, "Jobs")
    tab.page.get_by_role("spinbutton", name="Workers").fill("7")
    click_page(tab, "Deliver")
    tab.press("Update everything")
    folder_name(tab).fill("typed")
    click_page(tab, "Assets")
    click_page(tab, "Deliver")

    expect(folder_name(tab)).to_have_value("typed")
    request = json.loads(tab.download("Save the request", tmp_path / "request.json").read_text())
    assert request["query"] == {"subject.subject_id": "900003"}
    assert request["file_extension"] == ".nwb"
    assert request["parameters"] == {"analysis_parameter": {"cutoff": 0.05}}
    assert request["num_parallel_workers"] == 7
