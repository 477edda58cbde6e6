"""The keyboard alone: from the first screen to the zip, and where the focus stays."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Tab, tree_of_zip

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-keyboard")]

_NAME = """
() => {
  const one = document.activeElement;
  const lines = one.innerText?.split("\\n").filter((line) => line && !line.startsWith("expand_"));
  return one.getAttribute("aria-label") || lines?.at(-1) || one.tagName;
}
"""
"""The name of the focused control; names of icons are in lines of their own."""

_MOST = 80
"""The most presses of Tab from one control to another; a page has about 60 controls."""


def reach(tab: Tab, *names: str, key: str = "Tab") -> None:
    """Press Tab until a control with one of these names has the focus."""
    tab.settle()
    passed: list[str] = []
    for _ in range(_MOST):
        tab.page.keyboard.press(key)
        passed.append(tab.page.evaluate(_NAME))
        if passed[-1] in names:
            return
    raise AssertionError(f"{names[0]} is not reached by the keyboard, but {passed}")


def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        tab.page.keyboard.press(key)


def button(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("button", name=name, exact=True)


def see_focused(tab: Tab, name: str) -> None:
    """See that the button has the focus; while a run draws, there may be two for a moment."""
    expect(button(tab, name).and_(tab.page.locator(":focus"))).to_be_visible()


def see_page(tab: Tab, name: str) -> None:
    expect(tab.page.get_by_role("heading", level=1, name=name)).to_be_visible()


def choose_subject(tab: Tab) -> None:
    """Instead of the project, choose a subject among the facets, and find."""
    reach(tab, "Remove Project: Thalamic Ephys Survey")
    press(tab, "Enter")
    see_focused(tab, "Remove Level: derived")
    reach(tab, "Subject", key="Shift+Tab")
    press(tab, "Enter")
    expect(tab.page.get_by_role("textbox", name="Search Subject")).to_be_visible()
    reach(tab, "Search Subject")
    tab.page.keyboard.type("900120")
    press(tab, "Enter")
    expect(button(tab, "Subject: 900120")).to_be_visible()
    press(tab, "Escape")
    expect(tab.page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(tab.page.locator(".st-key-facet-Subject button")).to_be_focused()
    reach(tab, "Find assets", "Find 8 assets")  # the second where the source is slow
    press(tab, "Enter")
    tab.see_heading("8 assets")


def choose_files(tab: Tab) -> None:
    reach(tab, "Names end with")
    tab.page.keyboard.type(".nwb")
    press(tab, "Enter", "Escape")
    reach(tab, "Locate files")
    press(tab, "Enter")
    tab.see_heading("7 files in 7 assets")


def fill_form(tab: Tab) -> None:
    """Fill in a field and a table of the form, and go through the JSON of it."""
    reach(tab, "Examples")
    press(tab, "Enter")
    reach(tab, "A form, from an example schema")
    press(tab, "Enter")
    cutoff = tab.page.get_by_role("textbox", name="isi_violations_cutoff")
    expect(cutoff).to_have_value("0.05")
    reach(tab, "isi_violations_cutoff *")
    press(tab, "ControlOrMeta+A")
    tab.page.keyboard.type("0.25")
    press(tab, "Tab")
    reach(tab, "CANVAS")  # the table of a dictionary
    press(tab, "ArrowDown", "Enter")
    cell = tab.page.locator(".gdg-input")
    expect(cell).to_be_focused()
    tab.page.keyboard.type("G_0")
    press(tab, "Tab")
    tab.see("G_0 has no value. The previous value is kept")
    tab.page.keyboard.type("not this")
    press(tab, "Escape")
    expect(cell).to_have_count(0)
    tab.page.keyboard.type("NAcc: DA")
    press(tab, "Enter")
    expect(tab.page.get_by_text("G_0 has no value")).to_have_count(0)
    reach(tab, "JSON", "Form", key="Shift+Tab")  # the group remembers which one had the focus
    if tab.page.evaluate(_NAME) == "Form":
        press(tab, "ArrowRight")
    press(tab, "Enter")
    expect(tab.editor().locator(".ace_content")).to_contain_text('"G_0": "NAcc: DA"')
    reach(tab, "JSON editor")


def test_the_keyboard_alone_goes_from_the_first_screen_to_the_zip(tab: Tab, tmp_path: Path) -> None:
    tab.open()
    choose_subject(tab)
    reach(tab, "Next: files")
    press(tab, "Enter")
    see_page(tab, "Files")
    choose_files(tab)
    reach(tab, "Next: parameters")
    press(tab, "Enter")
    see_page(tab, "Parameters")
    fill_form(tab)
    reach(tab, "Next: jobs")
    press(tab, "Enter")
    see_page(tab, "Jobs")
    tab.see(re.compile(r"^Jobs \(\d+\)$"))
    see_focused(tab, "Next: deliver")
    press(tab, "Enter")
    see_page(tab, "Deliver")
    reach(tab, "Download the zip")

    with tab.page.expect_download() as waiting:
        press(tab, "Enter")
    waiting.value.save_as(tmp_path / "jobs.zip")

    jobs = [json.loads(data) for data in tree_of_zip(tmp_path / "jobs.zip").values()]
    assert jobs
    assert all("900120" in job["asset_name"][0] for job in jobs)
    (values,) = jobs[0]["distributed_parameters"]
    assert values["isi_violations_cutoff"] == 0.25
    assert values["channels"] == {"G_0": "NAcc: DA"}


def test_the_focus_stays_near_a_control_that_goes(tab: Tab) -> None:
    tab.open()

    button(tab, "Remove Level: derived").focus()
    press(tab, "Enter")
    see_focused(tab, "Remove Project: Thalamic Ephys Survey")
    tab.page.get_by_role("button", name="Undo").focus()
    press(tab, "Enter")
    expect(button(tab, "Level: derived")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Redo")).to_be_focused()
    tab.settle()
    for name in ("Level: derived", "Project: Thalamic Ephys Survey"):
        button(tab, f"Remove {name}").focus()
        press(tab, "Enter")
        expect(button(tab, name)).to_have_count(0)
        tab.settle()
    expect(tab.page.locator(".st-key-facet-any button")).to_be_focused()


def remove_row(tab: Tab) -> None:
    """Choose Remove in the menu whose button has the focus."""
    press(tab, "Enter")
    expect(tab.page.locator('[role="menu"]:focus-within')).to_be_visible()
    press(tab, "End")
    expect(tab.page.get_by_role("menuitem", name="Remove")).to_be_focused()
    press(tab, "Enter")


_COUNT_FADING = """
() => {
  window.fading = 0;
  document.body.addEventListener("transitionrun", (event) => {
    if (event.target.matches('[data-testid="stElementContainer"], summary > span')) window.fading++;
  });
}
"""


def test_what_is_drawn_anew_keeps_no_menu_waiting_for_the_focus(tab: Tab) -> None:
    """A menu that is opened with a key takes the focus when all transitions have ended."""
    tab.open()
    tab.page.evaluate(_COUNT_FADING)

    tab.page.get_by_role("radio", name="Rows").click()
    expect(tab.page.locator('[class*="st-key-tools-"] button')).to_have_count(2)
    tab.settle()
    tab.page.locator('[class*="st-key-tools-"] button').first.focus()
    press(tab, "Enter")

    expect(tab.page.locator('[role="menu"]:focus-within')).to_be_visible()
    assert tab.page.evaluate("window.fading") == 0


def test_the_focus_stays_near_a_row_and_a_set_that_are_removed(tab: Tab) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="Rows").click()
    menus = tab.page.locator('[class*="st-key-tools-"] button')
    expect(menus).to_have_count(2)
    tab.settle()

    menus.first.focus()
    remove_row(tab)
    expect(menus).to_have_count(1)
    expect(menus.first).to_be_focused()  # while a run draws, there may be two for a moment
    remove_row(tab)
    expect(menus).to_have_count(0)
    see_focused(tab, "Condition")

    tab.go("Parameters")
    tab.press("Examples")
    tab.press("A form, from an example schema")
    tab.page.get_by_role("radio", name="Several sets").click()
    button(tab, "Copy").click()
    remove = button(tab, "Remove")
    expect(remove).to_be_enabled()
    tab.settle()
    remove.focus()
    press(tab, "Enter")
    expect(remove).to_be_disabled()
    see_focused(tab, "Copy")
