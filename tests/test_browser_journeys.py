"""The app as a whole: a first visit, narrow and dark, cancelled work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import (
    Server,
    Tab,
    name_folder,
    tree_of_zip,
    written_by_command_line,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-journeys")]

PAGES = ("Assets", "Files", "Parameters", "Jobs", "Deliver")


@pytest.mark.main
def test_a_first_visit_dispatches_the_demo_by_what_is_offered_next(
    tab: Tab, tmp_path: Path
) -> None:
    tab.open()

    tab.press("Find assets")
    tab.press("Next: files")
    tab.press("Next: parameters")
    tab.press("Next: jobs")
    tab.press("Next: deliver")
    zipped = tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))

    request = tab.download("Save the request", tmp_path / "request.json").read_text()
    assert len(zipped) == 357
    assert zipped == written_by_command_line(request, tmp_path / "cli")


@pytest.mark.long
def test_a_pasted_query_is_two_clicks_from_the_zip(tab: Tab, tmp_path: Path) -> None:
    tab.open()
    tab.page.get_by_role("radio", name="JSON").click()
    tab.type_text('{"subject.subject_id": "900003"}')

    tab.press("Find assets")
    tab.see_heading(re.compile(r"^\d+ assets?$"))
    tab.go("Deliver")

    assert tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))


def hidden_width(tab: Tab) -> int:
    """How many pixels of the page are reached only by a scroll to the right."""
    main = tab.page.get_by_test_id("stMain")
    return int(main.evaluate("one => one.scrollWidth - one.clientWidth"))


@pytest.mark.parametrize(
    ("scheme", "width"), [pytest.param("light", 1500, marks=pytest.mark.long), ("dark", 1000)]
)
def test_every_page_fits_its_window_in_both_themes(
    browser: Browser, server: Server, scheme: Any, width: int
) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 1100}, reduced_motion="reduce"
    )
    tab = Tab(context.new_page(), server.url)
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.go("Files")
    tab.choose_ending(".nwb")
    tab.press("Locate files")
    tab.see_heading(re.compile(r"^\d+ files in \d+ assets$"))
    expect(tab.page.get_by_role("radiogroup").first).to_contain_text("246 jobs")

    too_wide = {}
    for page in PAGES:
        tab.go(page)
        tab.keep_picture(f"{scheme}-{width}-{page.lower()}")
        too_wide[page] = hidden_width(tab)
    background = tab.page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    )
    context.close()

    assert too_wide == dict.fromkeys(PAGES, 0)
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == (scheme == "dark")
    assert tab.faults == []


def test_a_window_of_320_pixels_scrolls_only_down(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    tab = Tab(context.new_page(), server.url)
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.page.get_by_role("button", name="Acquired").click()
    popover = tab.page.get_by_test_id("stPopoverBody")
    expect(popover.get_by_role("button", name="This year")).to_be_visible()
    box = popover.bounding_box()
    tab.page.keyboard.press("Escape")

    too_wide = {}
    for page in (*PAGES, "History", "Compare and check"):
        tab.press("Expand sidebar")
        tab.go(page)
        expect(tab.page.get_by_test_id("stSidebar")).to_be_hidden()
        too_wide[page] = hidden_width(tab)
    context.close()

    assert set(too_wide.values()) == {0}, too_wide
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert tab.faults == []


@pytest.mark.main
def test_excluded_rows_stay_excluded_after_a_reload_and_in_the_saved_request(
    tab: Tab, tmp_path: Path
) -> None:
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.page.get_by_test_id("stDataFrame").first.click(position={"x": 15, "y": 52})
    tab.see("Record of")
    expect(tab.page.get_by_role("button", name="Exclude 1")).to_be_in_viewport()

    tab.press("Exclude 1")
    tab.see_heading("356 assets")
    tab.page.reload()

    tab.see_heading("356 assets")
    tab.see("1 of 357 assets excluded: 1 by hand")
    tab.go("Deliver")
    request = json.loads(tab.download("Save the request", tmp_path / "r.json").read_text())
    assert len(request["excluded"]) == 1


def test_a_plan_that_changed_must_be_reviewed_before_it_is_written(
    tab: Tab, server: Server
) -> None:
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.go("Jobs")
    tab.see("Jobs (357)")
    tab.go("Files")
    tab.choose_ending(".nwb")
    tab.press("Locate files")
    tab.see_heading(re.compile(r"^\d+ files in \d+ assets$"))

    tab.go("Deliver")
    tab.see("The plan changed since you last saw it.")
    locked = tab.page.get_by_role("button", name="The plan changed: review it first")
    expect(locked).to_have_count(2)
    tab.press("Use the new plan")
    expect(locked).to_have_count(0)
    tab.settle()
    name_folder(tab, "seen")
    tab.press("Write the worker folders")

    tab.see(re.compile("^Written: "))
    assert (server.output_root / "seen").is_dir()
