"""The frame of every page in a browser: clicks to the zip, what moves at load, deep links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from pages.shared.widgets.documents import read_document
from tests.support.browser import Server, Tab, running_server, tree_of_zip

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-frame")]

ADDRESSES = {
    "": "Assets",
    "files": "Files",
    "parameters": "Parameters",
    "jobs": "Jobs",
    "deliver": "Deliver",
    "history": "History",
    "check": "Compare and check",
}

_COUNT_CLICKS = """
window.clicks = 0;
document.addEventListener("click", () => { window.clicks += 1; }, true);
"""
_SUM_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def clicks(tab: Tab) -> int:
    """How many clicks the browser has counted; the page is never reloaded meanwhile."""
    return int(tab.page.evaluate("window.clicks"))


@pytest.mark.main
def test_a_first_visit_is_at_most_five_clicks_from_the_zip(tab: Tab, tmp_path: Path) -> None:
    tab.page.add_init_script(_COUNT_CLICKS)
    tab.open()

    tab.press("Update everything")
    tab.see("357 assets → 357 inputs × 1 set = 357 jobs → 50 workers")
    tab.go("Deliver")
    zipped = tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))

    assert len(zipped) == 357
    assert clicks(tab) <= 5


def test_a_late_change_is_two_clicks_from_the_zip(tab: Tab) -> None:
    tab.page.add_init_script(_COUNT_CLICKS)
    tab.open()
    tab.press("Update everything")
    tab.see("= 357 jobs")
    tab.go("Deliver")
    expect(tab.page.get_by_role("button", name="Download the zip")).to_be_enabled()
    tab.go("Files")
    tab.choose_ending(".nwb")
    tab.see("the files are not located yet")

    before = clicks(tab)
    tab.press("Update everything")
    tab.see("= 246 jobs")
    tab.go("Deliver")

    expect(tab.page.get_by_role("button", name="Download the zip")).to_be_enabled()
    assert clicks(tab) - before <= 2


def shifts_of_a_visit(browser: Browser, server: Server, address: str) -> float:
    """How much of what a new browser draws moves while it opens an address."""
    page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
    page.add_init_script(_SUM_SHIFTS)

    Tab(page, server.url).open(address)
    expect(page.get_by_test_id("stSidebarNav")).to_be_visible()
    shifts = float(page.evaluate("window.shifts"))

    page.context.close()
    return shifts


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_drawn_stays_where_it_is_while_a_page_loads(
    browser: Browser, server: Server, address: str
) -> None:
    assert shifts_of_a_visit(browser, server, address) < 0.1


@pytest.mark.parametrize("address", ["jobs", "check"])
def test_the_first_visitor_of_a_server_sees_the_page_of_the_address(
    browser: Browser, tmp_path: Path, address: str
) -> None:
    with running_server(tmp_path, {}) as server:
        context: Any = browser.new_context()
        tab = Tab(context.new_page(), server.url)

        tab.open(address)

        expect(tab.page).to_have_title(re.compile(f"^{ADDRESSES[address]} · Job dispatch$"))
        expect(tab.page.get_by_role("heading", level=1)).to_have_text(ADDRESSES[address])
        expect(tab.page.get_by_text("Page not found")).to_have_count(0)
        context.close()


@pytest.mark.parametrize("address", ["", "jobs"])
def test_what_is_drawn_stays_where_it_is_for_the_first_visitor_of_a_server(
    browser: Browser, tmp_path: Path, address: str
) -> None:
    with running_server(tmp_path, {}) as server:
        assert shifts_of_a_visit(browser, server, address) < 0.1


_COUNT_ENDED_RUNS = """
window.ended = 0;
new MutationObserver((changes) => {
  window.ended += changes.filter((one) => one.oldValue === "running").length;
}).observe(document.querySelector("[data-test-script-state]"), {
  attributeFilter: ["data-test-script-state"], attributeOldValue: true,
});
"""


@pytest.mark.main
def test_the_help_menu_stays_open_while_a_followed_document_is_closed(tab: Tab) -> None:
    tab.slow_down(300)
    tab.open()
    open_help = tab.page.get_by_test_id("stSidebar").get_by_role("button", name="Help")
    menu = tab.page.get_by_test_id("stPopoverBody")
    dialog = tab.page.get_by_role("dialog", name="Help")
    reference, notebook = (read_document(name).title for name in ("reference.md", "notebook.md"))
    open_help.click()
    menu.get_by_role("button", name=reference).click()
    dialog.get_by_role("button", name=notebook).click()
    expect(dialog.get_by_role("heading", name=notebook)).to_be_visible()
    tab.settle()

    tab.page.evaluate(_COUNT_ENDED_RUNS)
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    open_help.click()
    tab.page.wait_for_function("window.ended > 0")
    tab.settle()

    menu.get_by_role("button", name=reference).click()
    expect(dialog.get_by_role("heading", name=reference)).to_be_visible()


_ESCAPE_AT_ONCE = """
(title) => document.addEventListener("focusout", async ({ target }) => {
  if (!target.textContent.includes(title) || target.tagName !== "BUTTON") return;
  await null;  // until it is gone
  const escape = { key: "Escape", bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", escape));
})
"""


def test_escape_closes_a_dialog_whose_pressed_button_has_just_gone(tab: Tab) -> None:
    """The browser moves the focus to the body, where Escape is not for the dialog."""
    tab.open()
    reference, notebook = (read_document(name).title for name in ("reference.md", "notebook.md"))
    tab.page.get_by_test_id("stSidebar").get_by_role("button", name="Help").click()
    tab.page.get_by_test_id("stPopoverBody").get_by_role("button", name=reference).click()
    dialog = tab.page.get_by_role("dialog", name="Help")
    expect(dialog).to_be_visible()
    tab.page.evaluate(_ESCAPE_AT_ONCE, notebook)

    dialog.get_by_role("button", name=notebook).click()

    expect(dialog).to_have_count(0)
