"""Nothing typed is lost: reloads, closed tabs, two tabs, a write seen again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.browser import Server, Tab, load_request, name_folder, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-sessions")]

QUERY = '{"subject.subject_id": "900003"}'
OTHER = '{"subject.subject_id": "900005"}'
BROKEN = '{"subject.subject_id": '
ASSETS = re.compile(r"^[\d,]+ assets$")


@pytest.fixture
def tabs(context: BrowserContext, server: Server) -> Iterator[list[Tab]]:
    """Two tabs of one browser."""
    tabs = [Tab(context.new_page(), server.url) for _ in range(2)]
    yield tabs
    assert [fault for tab in tabs for fault in tab.faults] == []


@pytest.mark.main
def test_what_was_typed_and_found_is_there_after_a_reload(tab: Tab) -> None:
    tab.open()
    tab.type_text(QUERY)
    tab.press("Find assets")
    tab.see_heading(ASSETS)
    tab.type_text(BROKEN)
    tab.see("line 1, column")

    tab.page.reload()

    tab.settle()
    tab.see("line 1, column")
    expect(tab.editor().locator(".ace_content")).to_contain_text(BROKEN.strip())
    tab.type_text(QUERY)
    tab.see_heading(ASSETS)


def test_a_tab_opened_after_the_last_one_was_closed_continues_its_session(
    context: BrowserContext, server: Server, tabs: list[Tab]
) -> None:
    first, _ = tabs
    first.open()
    first.type_text(QUERY)
    first.press("Find assets")
    first.see_heading(ASSETS)
    first.page.close()

    again = Tab(context.new_page(), server.url)
    again.open("jobs")

    again.see(re.compile(r"^Jobs \(\d+\)$"))
    assert QUERY not in again.page.url


def test_two_tabs_do_not_write_into_each_other(tabs: list[Tab]) -> None:
    one, two = tabs
    one.open()
    one.type_text(QUERY)
    two.open()
    two.type_text(OTHER)
    one.page.reload()
    one.settle()
    two.page.reload()
    two.settle()

    expect(one.editor().locator(".ace_content")).to_contain_text("900003")
    expect(two.editor().locator(".ace_content")).to_contain_text("900005")


@pytest.mark.long
def test_a_write_is_seen_again_after_a_reload(tab: Tab, server: Server, tmp_path: Path) -> None:
    request = {
        "version": 1,
        "query": {"data_description.data_level": "derived"},
        "parameters": {"distributed_parameters": [{"seed": seed} for seed in range(10)]},
    }
    (tmp_path / "many.json").write_text(json.dumps(request))
    load_request(tab, tmp_path / "many.json")
    tab.go("Deliver")
    name_folder(tab, "again")
    tab.press("Write the worker folders")
    wait_until(lambda: any(server.output_root.glob(".again.tmp-*/1*")))

    tab.page.reload()

    tab.see(re.compile("^Written: "))
    assert (server.output_root / "again.dispatch.json").exists()


def test_the_id_of_a_session_is_in_no_address_and_no_cookie(tab: Tab) -> None:
    tab.open()
    tab.go("Files")

    kept = tab.page.evaluate("sessionStorage.getItem('job-dispatch')")
    cookies = {one["name"]: one.get("value") for one in tab.page.context.cookies()}

    assert len(kept) > 40
    assert kept.strip('"') not in tab.page.url
    assert cookies["job-dispatch-kept"] == "1"
    assert kept.strip('"') not in json.dumps(cookies)


def test_starting_over_takes_two_clicks_and_restores_the_first_query(tab: Tab) -> None:
    tab.open()
    tab.type_text(QUERY)
    tab.settle()
    tab.press("Start over")
    tab.press("Yes, start over")
    expect(tab.page.get_by_role("button", name="Level: derived", exact=True)).to_be_visible()
    tab.settle()

    tab.open_editor()
    expect(tab.editor().locator(".ace_content")).to_contain_text("Thalamic Ephys Survey")
    tab.page.reload()
    tab.settle()
    expect(tab.editor().locator(".ace_content")).to_contain_text("Thalamic Ephys Survey")
