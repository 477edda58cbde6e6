"""The request in the address, in a real browser: reload, back and forward, another browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Server, Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-sessions")]

SURVEY = '{"data_description.project_name": "Thalamic Ephys Survey"}'
SUBJECT = '{"subject.subject_id": "900003"}'


def find(tab: Tab, text: str, heading: str) -> str:
    """Find a query; the address that it has then, which the browser writes a moment later."""
    before = tab.page.url
    tab.type_text(text)
    tab.press("Find assets")
    tab.see_heading(heading)
    expect(tab.page).not_to_have_url(before)
    tab.settle()
    return tab.page.url


def beside_own_work(tab: Tab, browser: Browser, server: Server) -> tuple[str, Tab, Tab]:
    """A link, and two tabs of another browser: one with work of its own, and an empty one."""
    tab.open()
    address = find(tab, SUBJECT, "16 assets")
    context = browser.new_context()
    own = Tab(context.new_page(), server.url)
    own.open()
    find(own, SURVEY, "494 assets")
    return address, own, Tab(context.new_page(), server.url)


def see_query(page: Page, text: str) -> None:
    editor = page.frame_locator('iframe[title="streamlit_ace.streamlit_ace"]').last
    expect(editor.locator(".ace_content")).to_contain_text(text)


def test_the_address_holds_the_request_for_a_reload_and_for_back_and_forward(tab: Tab) -> None:
    tab.open()
    first = find(tab, SURVEY, "494 assets")
    second = find(tab, SUBJECT, "16 assets")
    assert "request=" in first
    assert first != second

    tab.page.go_back()
    see_query(tab.page, "Thalamic Ephys Survey")
    expect(tab.page).to_have_url(first)
    tab.page.go_forward()
    see_query(tab.page, "900003")
    expect(tab.page).to_have_url(second)

    tab.go("Files")
    tab.page.go_back()
    expect(tab.page.get_by_role("heading", level=1, name="Assets")).to_be_visible()
    tab.page.reload()
    tab.settle()
    see_query(tab.page, "900003")
    tab.see_heading("16 assets")


def test_one_step_back_leaves_a_page_that_a_button_opened(tab: Tab) -> None:
    tab.open()
    first = find(tab, SUBJECT, "16 assets")
    tab.press("Next: files")
    expect(tab.page).to_have_url(re.compile("/files.request="))
    tab.settle()

    tab.page.go_back()

    expect(tab.page.get_by_role("heading", level=1, name="Assets")).to_be_visible()
    expect(tab.page).to_have_url(first)
    tab.see_heading("16 assets")


_STEP_BACK_AT_ONCE = """
const push = history.pushState;
history.pushState = function (state, title, url) {
  push.call(history, state, title, url);
  if (window.isAwaited && location.pathname.endsWith("/files")) setTimeout(() => history.back(), 0);
};
"""


def test_a_step_back_counts_before_the_new_page_is_whole(tab: Tab) -> None:
    """The script that follows the address has not yet heard of the page that is left."""
    tab.page.add_init_script(_STEP_BACK_AT_ONCE)
    tab.open()
    first = find(tab, SUBJECT, "16 assets")
    tab.page.evaluate("window.isAwaited = true")

    tab.press("Next: files")
    expect(tab.page).to_have_url(re.compile("/files.request="))
    expect(tab.page).to_have_url(first)
    tab.page.wait_for_timeout(1_000)
    tab.settle()

    expect(tab.page.get_by_role("heading", level=1, name="Assets")).to_be_visible()
    tab.see_heading("16 assets")


def test_a_reload_before_the_address_is_written_shows_the_newest_request(tab: Tab) -> None:
    tab.open()
    first = find(tab, SURVEY, "494 assets")
    second = find(tab, SUBJECT, "16 assets")

    tab.page.evaluate("address => history.replaceState(history.state, '', address)", first)
    tab.page.reload()
    tab.see_heading("16 assets")
    expect(tab.page).to_have_url(second)

    tab.page.goto("about:blank")
    tab.page.goto(first)
    tab.open_editor()
    see_query(tab.page, "Thalamic Ephys Survey")


@pytest.mark.main
def test_a_colleague_sees_the_same_choice_and_finds_it_when_asked(
    tab: Tab, browser: Browser, server: Server
) -> None:
    address, other, linked = beside_own_work(tab, browser, server)
    own = other.page.url

    linked.page.goto(address.replace("/?", "/jobs?"))
    linked.settle()
    expect(linked.page.get_by_role("heading", level=1, name="Jobs")).to_be_visible()
    linked.go("Assets")
    linked.open_editor()

    see_query(linked.page, "900003")
    expect(linked.page.get_by_role("heading", level=2, name="assets")).to_have_count(0)
    other.page.reload()
    other.settle()
    see_query(other.page, "Thalamic Ephys Survey")
    other.see_heading("494 assets")
    expect(other.page).to_have_url(own)
    linked.page.context.close()


def test_a_link_that_was_only_looked_at_is_not_what_the_browser_goes_on_with(
    tab: Tab, browser: Browser, server: Server
) -> None:
    address, own, linked = beside_own_work(tab, browser, server)
    context = linked.page.context
    linked.page.goto(address)
    linked.settle()
    own.page.close()

    linked.page.goto(server.url)
    linked.settle()
    linked.see_heading("494 assets")
    linked.page.goto(address)
    linked.settle()
    linked.page.close()
    later = Tab(context.new_page(), server.url)
    later.page.goto(server.url)
    later.settle()

    later.see_heading("494 assets")
    context.close()


def test_a_long_list_of_ids_goes_by_a_short_link_to_a_colleague(tab: Tab, browser: Browser) -> None:
    ids = [f"{n * 7919 % 1_000_003:x}-{n * 104_729 % 999_983:x}" for n in range(900)]
    tab.open()
    tab.page.get_by_role("radio", name="List of ids").click()
    box = tab.page.get_by_role("textbox", name=re.compile("^or paste ids"))
    box.fill("\n".join(ids))
    box.press("ControlOrMeta+Enter")
    tab.settle()
    tab.page.get_by_role("button", name="Link", exact=True).click()
    tab.see("the link works until")
    address = tab.command().inner_text()
    expect(tab.page).to_have_url(re.compile(re.escape(address.partition("=")[2])))
    context = browser.new_context()
    other = Tab(context.new_page(), tab.base)

    other.page.goto(address)
    other.settle()

    assert len(address) < 80
    other.see("saved request: 900 rows")
    context.close()


def test_a_damaged_link_says_so_and_the_page_works(tab: Tab) -> None:
    tab.page.goto(f"{tab.base}/?request=1.AAAA<script>alert(1)</script>")
    tab.settle()

    tab.see("it is cut or changed")
    tab.press("Find assets")
    tab.see_heading("357 assets")
