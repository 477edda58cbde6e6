"""The app over 20,000 assets: counts first, pages of rows, cancelled work, 100,000 jobs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-scale")]

EVERYTHING = '{"_id": {"$exists": true}}'


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {"DISPATCH_DEMO_ASSETS": "20000"}


@pytest.fixture
def found(tab: Tab) -> Tab:
    """All assets are found."""
    tab.open()
    tab.page.get_by_role("radio", name="JSON").click()
    tab.type_text(EVERYTHING)
    tab.press("Find assets")
    tab.see_heading("19,995 assets")
    return tab


@pytest.mark.main
def test_twenty_thousand_assets_are_searched_and_paged_on_the_server(found: Tab) -> None:
    found.see("Rows 1 to 500 of 19,999 (4 excluded)")

    box = found.page.get_by_role("textbox", name="Filter all 19,999 rows")
    box.fill("900003")
    box.press("Enter")

    found.see(re.compile(r"^Rows 1 to \d+ of \d+ that match, of 19,999 \(4 excluded\)$"))


def test_a_click_on_a_header_sorts_all_rows_and_not_only_the_page(found: Tab) -> None:
    table = found.page.get_by_test_id("stDataFrame").first
    header, first_box = {"x": 250, "y": 17}, {"x": 15, "y": 52}

    for order in ("Name, ascending", "Name, descending", "original order"):
        table.click(position=header)
        expect(found.page.get_by_role("combobox", name="Sort by")).to_have_value(
            f"Sort by: {order}"
        )
        if order == "Name, ascending":
            found.settle()
            table.click(position=first_box)
            found.see("Record of 900013_2025-08-21_09-04-27")
            table.click(position=first_box)
            found.see("Click a value to show only these, or all but these.")


def test_a_second_click_on_a_header_counts_while_the_first_one_sorts(found: Tab) -> None:
    """The former table takes clicks until it goes, and sent the second one no more."""
    found.page.get_by_test_id("stDataFrame").first.dblclick(position={"x": 250, "y": 17})

    expect(found.page.get_by_role("combobox", name="Sort by")).to_have_value(
        "Sort by: Name, descending"
    )


def test_an_update_goes_on_behind_the_drawer_and_what_is_typed_there_stays(tab: Tab) -> None:
    """If the page ran, the browser would make the drawer anew, without the text."""
    text = "part of a name that is typed while the files are located"
    tab.open("files")
    tab.choose_ending(".nwb")
    tab.go("Assets")
    tab.type_text(EVERYTHING)
    tab.press("Update everything")
    tab.see_heading("19,999 assets")
    tab.press("Why is one missing?")
    box = tab.page.get_by_role("textbox", name="Name, part of a name")

    box.press_sequentially(text, delay=150)
    expect(box).to_have_value(text)
    tab.page.keyboard.press("Escape")

    expect(tab.page.get_by_test_id("stSidebar")).to_contain_text("= 9,056 jobs")


@pytest.mark.long
def test_locating_can_be_cancelled_and_what_was_there_before_stays(found: Tab) -> None:
    found.go("Files")
    found.choose_ending(".nwb")
    found.press("Locate files")
    found.see(re.compile(r"^files: [\d,]+ of 19,\d+"))

    found.press("Cancel")

    found.see("Cancelled")
    expect(found.page.get_by_role("button", name="Locate files")).to_be_enabled()
    found.see("Next: locate the files")
    found.go("Assets")
    found.see_heading("19,999 assets")


@pytest.mark.long
def test_a_hundred_thousand_jobs_are_a_page_of_rows(found: Tab) -> None:
    found.go("Parameters")
    sets = ", ".join(f'{{"seed": {seed}}}' for seed in range(5))
    found.type_text(f'{{"distributed_parameters": [{sets}]}}')
    expect(found.page.locator(".st-key-equation")).to_contain_text("5 parameter sets")

    found.go("Jobs")

    found.see(re.compile(r"^Jobs \(99,\d{3}\)$"))
    found.see(re.compile(r"^Rows 1 to 500 of 99,\d{3}$"))
    found.see(re.compile(r"^Download all 99,\d{3} rows as CSV$"))
