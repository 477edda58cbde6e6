"""The first screen in a real browser, with its clicks counted and its result in sight."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-first")]


@dataclass
class Clicks:
    """Clicks on a page, counted."""

    tab: Tab
    number: int = 0

    def on(self, target: Locator) -> None:
        target.click()
        self.number += 1
        self.tab.settle()

    def on_facet(self, name: str) -> Locator:
        """Open a facet; the one that is open closes by the same click."""
        self.on(
            self.tab.page.locator(".st-key-facets").get_by_role("button", name=name, exact=True)
        )
        return self.tab.page.get_by_test_id("stPopoverBody")


def chips(tab: Tab) -> Locator:
    return tab.page.locator('[class*="st-key-chip-edit-"]')


def bottom_of_sight(tab: Tab) -> float:
    """Where the last line of the page begins, below which nothing is seen."""
    line = tab.page.get_by_test_id("stBottom")
    box = line.bounding_box() if line.count() else None
    return box["y"] if box else 900


@pytest.mark.main
def test_subject_level_modality_and_dates_take_at_most_nine_clicks(tab: Tab) -> None:
    tab.open()
    clicks = Clicks(tab)

    clicks.on(tab.page.get_by_role("button", name="Remove Project: Thalamic Ephys Survey"))
    subject = clicks.on_facet("Subject")
    search = subject.get_by_role("textbox", name="Search Subject")
    search.fill("900120")
    search.press("Enter")
    expect(chips(tab).filter(has_text="Subject: 900120")).to_be_visible()
    clicks.on_facet("Modality").get_by_text("ecephys", exact=False).first.click()
    clicks.number += 1
    expect(chips(tab).filter(has_text="Modality: ecephys")).to_be_visible()
    acquired = clicks.on_facet("Acquired")
    clicks.on(acquired.get_by_role("button", name="Last 6 months"))

    expect(chips(tab)).to_have_text(
        [
            "Level: derived",
            "Subject: 900120",
            "Modality: ecephys",
            "Acquired: last 6 months",
        ]
    )
    assert clicks.number <= 9
    tab.keep_picture("first-screen-journey")


def test_six_rows_and_more_are_in_sight_after_a_choice(tab: Tab) -> None:
    tab.open()
    clicks = Clicks(tab)

    level = clicks.on_facet("Type")
    expect(level.get_by_role("checkbox").first).to_be_visible()
    clicks.on(level.get_by_text("Optotagging").first)
    table = tab.page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible()
    tab.page.keyboard.press("Escape")
    tab.settle()

    box = table.bounding_box()
    assert box is not None
    header, row = 35, 35
    seen = min(bottom_of_sight(tab), box["y"] + box["height"]) - box["y"] - header
    assert seen // row >= 6
    assert clicks.number == 2
    tab.keep_picture("first-screen")


def test_a_text_typed_right_before_a_chip_is_left_is_kept(tab: Tab) -> None:
    tab.open()
    panel = tab.page.locator(".st-key-query-form")
    field, value = panel.get_by_role("combobox", name="Field"), panel.get_by_label("Value").last
    for number, leave in enumerate(("Done", "Level: derived", "Remove Level: derived")):
        tab.page.locator('[class*="st-key-chip-edit-"]').first.get_by_role("button").click()
        expect(field).to_have_value("Project · project_name")
        tab.settle()
        value.fill(f"Project {number}")

        tab.page.get_by_role("button", name=leave, exact=True).click()

        expect(chips(tab).first).to_have_text(f"Project: Project {number}")
        tab.settle()
