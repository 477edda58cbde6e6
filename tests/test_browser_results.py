"""In the browser: the assets found, the record beside them, and filters from what is shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-results")]


def found(tab: Tab) -> Tab:
    tab.page.set_viewport_size({"width": 1360, "height": 900})
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.settle()
    return tab


def select_first_row(tab: Tab) -> None:
    box = tab.page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    tab.page.mouse.click(box["x"] + 18, box["y"] + 53)  # the box left of the first row


@pytest.mark.main
def test_the_record_of_a_selected_row_is_beside_the_table_in_sight(tab: Tab) -> None:
    found(tab)

    select_first_row(tab)

    record = tab.page.get_by_test_id("stJson")
    expect(record).to_be_in_viewport()
    table, beside = tab.page.get_by_test_id("stDataFrame").bounding_box(), record.bounding_box()
    assert table is not None
    assert beside is not None
    assert beside["x"] > table["x"] + table["width"]
    select_first_row(tab)
    expect(record).to_have_count(0)


@pytest.mark.main
def test_a_cell_of_the_table_becomes_a_condition(tab: Tab) -> None:
    found(tab)
    box = tab.page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None

    tab.page.mouse.click(box["x"] + 630, box["y"] + 53)  # the subject of the first row
    tab.page.get_by_role("button", name="Only 900120").click()

    tab.see_heading("8 assets")
    expect(tab.page.get_by_role("button", name="Subject: 900120", exact=True)).to_be_visible()


def test_a_bar_of_a_chart_becomes_a_condition_that_excludes_it(tab: Tab) -> None:
    found(tab)
    tab.page.get_by_role("radio", name="Charts").click()
    tab.settle()
    bars = tab.page.get_by_test_id("stVegaLiteChart").nth(1)
    bars.locator(".mark-rect path").nth(2).click()
    tab.page.get_by_role("button", name="Not behavior-videos").click()

    chips = tab.page.locator("[class*=st-key-chip-edit-]")
    expect(chips.filter(has_text="Modality: not behavior-videos")).to_be_visible()


def test_a_bar_is_chosen_by_the_keyboard(tab: Tab) -> None:
    found(tab)
    tab.page.get_by_role("radio", name="Charts").click()
    tab.settle()
    bar = tab.page.get_by_role("button", name="behavior-videos: 357 assets", exact=True)
    before = tab.page.get_by_role("button", name="behavior: 357 assets", exact=True)

    before.focus()
    tab.page.keyboard.press("Tab")
    expect(bar).to_be_focused()
    tab.page.keyboard.press("Enter")

    expect(tab.page.get_by_role("button", name="Only behavior-videos")).to_be_visible()
    tab.settle()
    expect(bar).to_be_focused()


def test_the_menu_of_a_header_offers_no_sort_of_the_page_alone(tab: Tab) -> None:
    found(tab)
    table = tab.page.get_by_test_id("stDataFrame")

    table.click(position={"x": 645, "y": 17})  # the dots of the header Subject

    menu = tab.page.get_by_role("menu", name="Dataframe column menu")
    expect(menu.get_by_text("Pin column")).to_be_visible()
    expect(menu.get_by_text("Sort ascending")).to_be_hidden()
    expect(menu.get_by_text("Sort descending")).to_be_hidden()


def test_help_and_start_over_are_in_sight_below_the_numbers_of_a_plan(tab: Tab) -> None:
    found(tab)
    tab.go("Files")
    tab.choose_ending(".nwb")
    tab.go("Jobs")
    tab.press("Update everything")
    cap = tab.page.get_by_role("spinbutton", name="Cap on jobs")
    cap.fill("200")
    cap.press("Enter")
    tab.see("The cap cuts 46 jobs.")

    tab.settle()

    bar = tab.page.get_by_test_id("stSidebar")
    expect(bar.get_by_role("button", name="Help")).to_be_in_viewport(ratio=1)
    expect(bar.get_by_role("button", name="Start over")).to_be_in_viewport(ratio=1)
