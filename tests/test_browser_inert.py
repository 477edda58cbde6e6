"""Data is shown as text: dangerous names on every page of the app, in a real browser.

Names of assets, fields, values, keys, parameters, schema titles, queries, lists and files are
strings that would run, link or draw as markup. The test opens every page, tab and expander,
so that it includes pages and widgets that are added later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator

from tests.fakes import record, record_v2
from tests.servers.gateway import GatewayServer
from tests.servers.s3 import S3Server
from tests.support.browser import HOST, Server, Tab
from tests.support.naughty import NAUGHTY, OURS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-inert")]

TEXTS = [text for text in NAUGHTY if text.strip()]
INJECTED = """() => {
  const evil = 'a[href*="evil.invalid"], a[href^="javascript"], img[src*="evil"], img[src="x"], '
    + 'iframe[src^="javascript"], [onerror], [onload], [onfocus], script[src*="evil"]';
  const found = [...document.querySelectorAll(evil)].map((one) => one.outerHTML.slice(0, 200));
  const scripts = [...document.scripts].filter((one) => /reached|alert/.test(one.textContent));
  const texts = scripts.map((one) => one.outerHTML.slice(0, 200));
  return [...found, ...texts, ...(window.reached ? [`reached by ${window.reached}`] : [])];
}"""
"""What must not be in any frame: links, images, handlers and scripts that came from data."""


def records() -> list[dict[str, Any]]:
    """One asset for each naughty text, which is its name, project, subject and field names."""
    made = []
    for number, text in enumerate(TEXTS):
        fields = {
            "subject": {"subject_id": text},
            "data_description": {
                "project_name": text,
                "data_level": text,
                "modality": [{"abbreviation": text, "name": text}],
                "creation_time": text,
            },
            "session": {"session_type": text, re.sub(r"[.$\0]", "_", text) or "x": text},
        }
        one = (record if number % 2 else record_v2)(f"a{number}", ids=[text], **fields)
        made.append({**one, "name": text, "location": f"s3://data/a{number}"})
    return made


def keys() -> list[str]:
    """An object for most assets, whose key is its naughty text."""
    plain = (re.sub(r"[\0-\x1f\ufffe\uffff]", "", text) for text in TEXTS)
    return [f"a{number}/{text}.nwb" for number, text in enumerate(plain) if number % 5]


@pytest.fixture(scope="module")
def server_environment() -> Iterator[dict[str, str]]:
    with GatewayServer(records()) as gateway, S3Server({"data": keys()}) as s3:
        yield {
            "DOCDB_HOST": gateway.host,
            "REQUESTS_CA_BUNDLE": gateway.ca_file,
            "AWS_ENDPOINT_URL_S3": s3.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-west-2",
        }


def parameters() -> dict[str, Any]:
    fixed = {text: text for text in OURS}
    return {"fixed_parameters": fixed, "distributed_parameters": [{"n": 1}, {"n": OURS[0]}]}


def schema() -> dict[str, Any]:
    described = {"title": OURS[1], "description": OURS[5], "examples": [OURS[6]]}
    fields = {text: {**described, "title": text, "default": text} for text in OURS}
    return {
        **described,
        "type": "object",
        "properties": {**fields, "n": {"enum": [1, *OURS], **described}},
    }


REQUESTS: dict[str, dict[str, Any]] = {
    "query": {
        "query": {"$or": [{"name": {"$exists": True}}, {OURS[1]: OURS[0]}, {"name": OURS[4]}]},
        "file_extension": ".nwb",
        "parameters": parameters(),
        "parameters_schema": schema(),
    },
    "groups": {
        "query": {"name": {"$exists": True}},
        "group_by": ["subject.subject_id", "session.session_type"],
        "parameters": parameters(),
    },
    "list": {
        "asset_rows": [{"number": n, "text": text.strip()} for n, text in enumerate(TEXTS, 2)],
        "file_extension": ".nwb",
    },
}


@pytest.mark.parametrize(
    "kind",
    [
        "query",
        pytest.param("groups", marks=pytest.mark.long),
        pytest.param("list", marks=pytest.mark.long),
    ],
)
def test_nothing_in_the_data_runs_links_or_draws(
    browser: Browser, server: Server, tmp_path: Path, kind: str
) -> None:
    dialogs: list[str] = []
    context = browser.new_context(viewport={"width": 1360, "height": 2000})
    page = context.new_page()
    page.on("dialog", lambda one: (dialogs.append(one.message), one.dismiss()))
    tab = Tab(page, server.url)
    file = tmp_path / "<img src=x onerror=alert(1)>[x](http:evil.invalid).json"
    file.write_text(json.dumps({"version": 1, **REQUESTS[kind]}))

    tab.open()
    tab.go("Deliver")
    page.get_by_text("Load a saved request").click()
    page.locator("input[type=file]").set_input_files(file)
    tab.see("is loaded")
    tab.settle()
    check(tab, f"{kind}: loaded")
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))
    shown = walk(tab, kind)

    assert "window.reached" in shown
    assert dialogs == []
    assert tab.hosts == {HOST}
    context.close()


def walk(tab: Tab, kind: str) -> str:
    """Open every page, and on it every tab and expander; returns their text."""
    shown = ""
    links = tab.page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
    titles = [link.strip().splitlines()[-1] for link in links]
    assert len(titles) >= 5
    for title in titles:
        tab.go(title)
        check(tab, f"{kind}: {title}")
        locate = tab.page.get_by_role("button", name="Locate files")
        if locate.count() and locate.is_enabled():
            locate.click()
            tab.see_heading(re.compile(r"^[\d,]+ files in"))
        for opener in ('[role="tab"]', "details > summary"):
            found = tab.page.get_by_test_id("stMain").locator(opener)
            for number in range(found.count()):
                open_part(tab, found.nth(number))
                check(tab, f"{kind}: {title}: {opener} {number}")
        shown += tab.page.get_by_test_id("stMain").inner_text()
    return shown


def open_part(tab: Tab, opener: Locator) -> None:
    if opener.is_visible() and opener.is_enabled():
        opener.click()
        tab.settle()


def check(tab: Tab, where: str) -> None:
    """Assert that every frame shows data as text only."""
    found = {
        f"{where}: {frame.url}": frame.evaluate(INJECTED)
        for frame in tab.page.frames
        if not frame.is_detached()
    }
    assert {place: nodes for place, nodes in found.items() if nodes} == {}
    for emphasis in ("bold", "it"):
        drawn = tab.page.locator("strong, em").get_by_text(emphasis, exact=True)
        assert drawn.count() == 0, f"{where}: Markdown of the data was drawn"


def test_the_search_for_injected_nodes_finds_them(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        "<a href='http://evil.invalid/'>x</a><img src=x><b onload='1'>y</b>"
        "<script>window.reached = 'script'</script>"
    )

    found = page.evaluate(INJECTED)

    page.close()
    assert len(found) == 5
