"""Accessibility in a real browser: axe-core on every page in both themes, and the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from pages.shared.widgets.documents import FIRST, read_document
from tests.support.browser import Server, Tab
from tests.support.corpora import axe_core

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-axe")]

# What Streamlit draws and the app cannot mend: the rule, the selector, and the reason.
STREAMLITS_OWN = {
    # lists of pages below headings of sections, which are in the same list
    ("list", '[data-testid="stSidebarNavItems"]'),
    ("listitem", '[data-testid="stSidebarNavItems"] li'),
    # the label of a disabled input, which WCAG 1.4.3 exempts; axe does not see what it labels
    ("color-contrast", '[data-testid="stSelectbox"] *, [data-testid="stRadio"] *'),
}

_RUN_AXE = """
async (accepted) => {
  // a colour that changes is in between for a moment
  const changing = document.getAnimations().filter(
    (one) => one.effect.getComputedTiming().endTime !== Infinity
  );
  await Promise.allSettled(changing.map((one) => one.finished));
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const found = [];
  for (const { id, nodes } of violations)
    for (const { target, html, any } of nodes) {
      const node = target.length === 1 ? document.querySelector(target[0]) : null;
      const entry = accepted.findIndex(([rule, where]) => rule === id && node?.matches(where));
      found.push([entry, `${id}: ${target.join(" > ")}: ${html.slice(0, 200)} ${any[0]?.message}`]);
    }
  return found;
}
"""

_COUNT_RUNS = """
window.runs = 0;
new MutationObserver(() => { window.runs += 1; }).observe(document, {
  subtree: true, attributeFilter: ["data-test-script-state"],
});
"""


class Checked:
    """What axe has found so far in one tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.ours: list[str] = []
        self.used: set[tuple[str, str]] = set()
        self.accepted = sorted(STREAMLITS_OWN)

    def check(self, state: str) -> None:
        """Note what axe finds in a page that is whole, so that no run came in between."""
        runs = -1
        while runs != self.tab.page.evaluate("window.runs"):
            self.tab.settle()
            runs = self.tab.page.evaluate("window.runs")
            found: list[tuple[int, str]] = self.tab.page.evaluate(_RUN_AXE, self.accepted)
        self.ours += [f"{state}: {what}" for entry, what in found if entry < 0]
        self.used |= {self.accepted[entry] for entry, _ in found if entry >= 0}


@pytest.fixture(params=["light", "dark"])
def checked(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Checked]:
    script = axe_core()
    scheme: Any = request.param
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 1360, "height": 900}, reduced_motion="reduce"
    )
    context.add_init_script(script)
    context.add_init_script(_COUNT_RUNS)
    yield Checked(Tab(context.new_page(), server.url))
    context.close()


def test_axe_finds_nothing_of_ours_on_any_page(checked: Checked) -> None:
    tab = checked.tab
    tab.open()
    checked.check("Assets, nothing found")
    for name in ("Files", "Jobs", "Deliver", "History", "Compare and check"):
        tab.go(name)
        checked.check(f"{name}, nothing found")

    tab.go("Assets")
    tab.press("Find assets")
    tab.see_heading("357 assets")
    checked.check("Assets, found")
    tab.page.get_by_role("radio", name="Charts").click()
    expect(tab.page.get_by_role("button", name="behavior: 357 assets")).to_be_visible()
    checked.check("Assets, charts")
    tab.page.get_by_role("radio", name="Table").click()
    tab.page.locator(".st-key-facets").get_by_role("button", name="Subject", exact=True).click()
    expect(tab.page.get_by_test_id("stPopoverBody")).to_be_visible()
    checked.check("Assets, a facet open")
    tab.page.keyboard.press("Escape")
    tab.press("Saved")
    tab.page.get_by_role("textbox", name="Name of the current query").fill("mine")
    tab.page.get_by_role("button", name="Save", exact=True).click()
    tab.see("Project: Thalamic Ephys Survey · Level: derived")
    checked.check("Assets, saved queries open")
    tab.page.keyboard.press("Escape")
    tab.press("Latest only, groups")
    expect(tab.page.get_by_role("button", name="of each session")).to_be_visible()
    checked.check("Assets, latest only and groups open")
    tab.page.keyboard.press("Escape")
    tab.press("Why is one missing?")
    box = tab.page.get_by_role("textbox", name="Name, part of a name, id or location of an asset")
    box.fill("900003")
    box.press("Enter")
    tab.see("16 names contain it")
    checked.check("Assets, why one is missing")
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    tab.page.get_by_role("radio", name="Rows", exact=True).click()
    checked.check("Assets, rows")

    for name in ("Files", "Jobs", "Deliver"):
        tab.go(name)
        checked.check(f"{name}, planned")

    tab.go("Parameters")
    checked.check("Parameters, JSON")
    tab.page.get_by_text("Sweep: many sets from lists of values").click()
    checked.check("Parameters, a sweep")
    tab.press("Examples")
    tab.press("A form, from an example schema")
    expect(tab.page.get_by_role("textbox", name="isi_violations_cutoff")).to_be_visible()
    checked.check("Parameters, examples open")
    tab.page.keyboard.press("Escape")
    checked.check("Parameters, a form")
    field = tab.page.get_by_role("textbox", name="isi_violations_cutoff")
    value = field.input_value()
    for wrong, said in (("7", "greater than the maximum"), ("abc", "is not a number")):
        field.fill(wrong)
        field.press("Enter")
        tab.see(re.compile(said))
    checked.check("Parameters, an error beside a field")
    field.fill(value)
    field.press("Enter")
    expect(tab.page.get_by_text("is not a number")).to_have_count(0)
    tab.page.get_by_role("radio", name="Several sets").click()
    tab.page.get_by_text("All sets side by side").click()
    expect(tab.page.get_by_text("one row per set")).to_be_visible()
    checked.check("Parameters, the sets side by side")

    # last: a text that is typed within seconds of a press of Find is found, too
    tab.go("Assets")
    tab.type_text('{"name": [1, }')
    tab.see("line 1, column 12")
    checked.check("Assets, an error in the JSON")
    tab.type_text('{"subject.subject_id": "900003"}')
    tab.see(re.compile("^Out of date"))
    checked.check("Assets, out of date")

    assert checked.ours == []
    assert checked.used == set(checked.accepted), "an entry of the list is no longer needed"


def test_axe_finds_nothing_of_ours_in_help(checked: Checked) -> None:
    tab = checked.tab
    tab.open()
    button = tab.page.get_by_test_id("stSidebar").get_by_role("button", name="Help")
    menu = tab.page.get_by_test_id("stPopoverBody")
    dialog = tab.page.get_by_role("dialog", name="Help")

    for name in FIRST:
        title = read_document(name).title
        button.click()
        menu.get_by_role("button", name=title).click()
        expect(dialog.get_by_role("heading", name=title)).to_be_visible()
        expect(menu).to_have_count(0)
        checked.check(f"Help, {name}")
        if name == "reference.md":  # links to a document with long lines of code
            linked = read_document("notebook.md").title
            dialog.get_by_role("button", name=linked).click()
            expect(dialog.get_by_role("heading", name=linked)).to_be_visible()
            checked.check("Help, notebook.md")
        tab.settle()
        tab.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        tab.settle()
    button.click()
    expect(menu).to_be_visible()
    checked.check("Help")

    assert checked.ours == []


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_the_keyboard_leaves_the_json_editor_and_writes_nothing_into_it(tab: Tab, key: str) -> None:
    tab.open()
    tab.type_text('{"subject.subject_id": "900003"}')
    tab.see("Tab leaves the editor.")
    box = tab.editor().get_by_role("textbox", name="JSON. Tab leaves the editor")
    expect(box).to_be_focused()
    text = tab.editor().locator(".ace_editor").evaluate("one => one.env.editor.getValue()")

    tab.page.keyboard.press(key)

    expect(tab.page.locator("iframe:focus")).to_have_count(0)
    expect(tab.page.locator("body:focus")).to_have_count(0)
    after = tab.editor().locator(".ace_editor").evaluate("one => one.env.editor.getValue()")
    assert after == text == '{"subject.subject_id": "900003"}'
