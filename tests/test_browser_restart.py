"""The server is stopped and started again: open tabs, reloads and new tabs go on."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import HOST, Server, Tab, free_port, running_server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-restart")]

BROKEN = '{"subject.subject_id": '
RESTORED = "Everything you typed and decided is restored"

Story = Callable[[Page, Server], Iterator[None]]
"""Yields when the server may end and when it may start again; then it looks at what is left."""


def new_page(browser: Browser, contexts: ExitStack) -> Page:
    """A page whose browser is that of another user."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    contexts.callback(context.close)
    return context.new_page()


def see_query(tab: Tab, text: str) -> None:
    tab.open_editor()
    expect(tab.editor().locator(".ace_content")).to_contain_text(text)


def open_whole(tab: Tab) -> None:
    """Open the first page of a server that has just started, up to its last line."""
    tab.open()
    tab.see("The assets are not found yet.")
    tab.settle()


def type_broken(tab: Tab) -> None:
    """Type a query that does not parse, and wait for its message."""
    open_whole(tab)
    tab.type_text(BROKEN)
    tab.see("line 1, column")
    tab.settle()


def type_parameters(tab: Tab, text: str) -> None:
    tab.go("Parameters")
    tab.type_text(text)
    tab.see("ends too early")
    tab.settle()


def an_open_tab_and_its_reload_show_what_was_typed(page: Page, server: Server) -> Iterator[None]:
    tab = Tab(page, server.url)
    open_whole(tab)
    tab.type_text('{"subject.subject_id": "900003"}')
    tab.press("Find assets")
    tab.see_heading("16 assets")
    tab.go("Files")
    tab.choose_ending(".nwb")
    type_parameters(tab, '{"analysis_parameter": {"a": 1, ')
    tab.go("Assets")
    tab.type_text(BROKEN)
    tab.see("line 1, column")
    tab.settle()
    yield
    # without a server, the editor still takes text
    tab.editor().locator(".ace_content").click()
    page.keyboard.press("ControlOrMeta+End")
    page.keyboard.insert_text('"9000')
    yield
    tab.see(RESTORED)
    tab.settle()
    see_query(tab, BROKEN + '"9000')
    tab.see("the string that starts here does not end")
    page.reload()
    tab.settle()
    tab.see(RESTORED)
    see_query(tab, BROKEN + '"9000')
    tab.go("Parameters")
    tab.see("ends too early")
    see_query(tab, '{"analysis_parameter": {"a": 1, ')
    tab.type_text('{"analysis_parameter": {"a": 1}}')
    tab.go("Files")
    expect(page.get_by_text(".nwb", exact=True).first).to_be_visible()
    tab.go("Assets")
    tab.type_text('{"subject.subject_id": "900003"}')
    tab.press("Update everything")
    tab.see(re.compile(r"= \d+ jobs"))
    expect(page.get_by_text(RESTORED)).to_have_count(0)


def two_tabs_go_on_each_with_its_own_text_also_one_not_sent_yet(
    page: Page, server: Server
) -> Iterator[None]:
    one, two = Tab(page, server.url), Tab(page.context.new_page(), server.url)
    type_broken(one)
    two.open()
    two.page.get_by_role("radio", name="List of ids").click()
    ids = two.page.get_by_role("textbox", name=re.compile("^or paste ids"))
    ids.fill("a")
    ids.press("ControlOrMeta+Enter")
    two.see("1 row")
    two.settle()
    ids.click()
    two.page.keyboard.press("ControlOrMeta+End")
    two.page.keyboard.type("\nhalf")
    yield
    yield
    two.see(RESTORED)
    two.settle()
    expect(ids).to_have_value("a\nhalf")
    one.see(RESTORED)
    see_query(one, BROKEN)


def a_new_tab_goes_on_after_the_browser_was_closed(page: Page, server: Server) -> Iterator[None]:
    context = page.context
    type_broken(Tab(page, server.url))
    page.close()
    yield
    yield
    again = Tab(context.new_page(), server.url)
    again.open()
    again.see(RESTORED)
    see_query(again, BROKEN)


def what_started_over_does_not_come_back(page: Page, server: Server) -> Iterator[None]:
    tab = Tab(page, server.url)
    type_broken(tab)
    tab.press("Start over")
    tab.press("Yes, start over")
    expect(page.get_by_role("button", name="Level: derived", exact=True)).to_be_visible()
    tab.settle()
    yield
    yield
    tab.see("This is a new session")
    tab.settle()
    see_query(tab, "Thalamic Ephys Survey")
    assert tab.hosts <= {HOST}


def saved_queries_are_there_only_in_their_browser(page: Page, server: Server) -> Iterator[None]:
    context, tab = page.context, Tab(page, server.url)
    tab.open()
    tab.press("Saved")
    tab.see("No query is saved yet")
    page.get_by_role("textbox", name="Name of the current query").fill("Survey")
    page.get_by_role("button", name="Save", exact=True).click()
    tab.see("Project: Thalamic Ephys Survey · Level: derived")
    page.close()
    yield
    yield
    again = Tab(context.new_page(), server.url)
    open_whole(again)
    again.page.get_by_role("button", name="Remove Level: derived").click()
    expect(again.page.get_by_role("button", name="Level: derived", exact=True)).to_have_count(0)
    again.press("Saved")
    again.press("Use")
    expect(again.page.get_by_role("button", name="Level: derived", exact=True)).to_be_visible()
    again.page.keyboard.press("Escape")
    again.press("Undo")
    expect(again.page.get_by_role("button", name="Level: derived", exact=True)).to_have_count(0)
    assert context.browser is not None
    with ExitStack() as contexts:
        other = Tab(new_page(context.browser, contexts), server.url)
        other.open()
        other.press("Saved")
        other.see("No query is saved yet")


STORIES: list[Story] = [
    an_open_tab_and_its_reload_show_what_was_typed,
    two_tabs_go_on_each_with_its_own_text_also_one_not_sent_yet,
    a_new_tab_goes_on_after_the_browser_was_closed,
    what_started_over_does_not_come_back,
    saved_queries_are_there_only_in_their_browser,
]


@pytest.fixture(scope="module")
def restarted(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Story, Iterator[None]]]:
    """The stories, each in a browser of its own, after the server was stopped and started."""
    folder, port = tmp_path_factory.mktemp("restart"), free_port()
    with ExitStack() as contexts:
        with running_server(folder, {}, port) as server:
            begun = {story: story(new_page(browser, contexts), server) for story in STORIES}
            for told in begun.values():
                next(told)
        for told in begun.values():
            next(told)
        with running_server(folder, {}, port):
            yield begun


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_after_a_restart(restarted: dict[Story, Iterator[None]], story: Story) -> None:
    assert next(restarted[story], "the end") == "the end"


def test_a_server_that_is_killed_loses_nothing_that_it_has_received(
    browser: Browser, tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as contexts:
        with running_server(tmp_path, {}, port) as server:
            tab = Tab(new_page(browser, contexts), server.url)
            type_broken(tab)
            drafts = server.state_root / "drafts"
            wait_until(
                lambda: any(
                    "subject.subject_id" in one.read_text() for one in drafts.glob("*.json")
                )
            )
            os.kill(server.pid, signal.SIGKILL)

        with running_server(tmp_path, {}, port):
            tab.see(RESTORED)
            see_query(tab, BROKEN)
