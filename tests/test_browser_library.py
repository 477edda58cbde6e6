"""The loop in a real browser: dispatch, come back when there are more assets, run again.

"A month later" is the server started again over the same output root, with more assets.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.browser import HOST, Tab, name_folder, running_server, tree
from tests.support.dispatches import document

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-library")]

THEN, NOW = {"DISPATCH_DEMO_ASSETS": "120"}, {"DISPATCH_DEMO_ASSETS": "300"}


@pytest.mark.main
def test_only_the_new_ones_and_then_only_the_failed_ones_are_dispatched(
    context: BrowserContext, tmp_path: Path
) -> None:
    with running_server(tmp_path / "then", THEN) as server:
        root = server.output_root
        tab = Tab(context.new_page(), server.url)
        dispatch_all(tab, "monday")
        tab.page.close()
    variables = {**NOW, "DISPATCH_OUTPUT_ROOT": str(root)}
    with running_server(tmp_path / "now", variables) as server:
        tab = Tab(context.new_page(), server.url)
        dispatch_what_is_new(tab, "tuesday")
        failed = mark_as_failed(root, "tuesday", 2)
        dispatch_what_failed(tab, "again")
        assert (tab.faults, tab.hosts) == ([], {HOST})

    monday, tuesday, again = (jobs_in(root / name) for name in ("monday", "tuesday", "again"))
    assert [len(monday), len(tuesday), len(again)] == [10, 22, 2]
    assert monday.keys().isdisjoint(tuesday)
    assert again == {name: tuesday[name] for name in failed}


def dispatch_all(tab: Tab, name: str) -> None:
    """Write the dispatch of the example query, and follow it to the history."""
    tab.open()
    tab.press("Find assets")
    tab.see_heading("10 assets")
    write(tab, name)
    tab.page.get_by_role("link", name="See the history").click()
    tab.see_heading(name)


def dispatch_what_is_new(tab: Tab, name: str) -> None:
    tab.open("history")
    tab.see_heading("monday")
    tab.keep_picture("library-1-history")
    tab.page.get_by_role("button", name="Dispatch only what is new").dblclick()
    tab.see_heading("32 assets")
    tab.see(re.compile("10 dispatched before"))
    tab.go("Jobs")
    tab.see("Jobs (22)")
    tab.keep_picture("library-2-only-new")
    write(tab, name)


def dispatch_what_failed(tab: Tab, name: str) -> None:
    tab.go("History")
    tab.see_heading("tuesday")
    tab.see("2 failed")
    tab.keep_picture("library-3-failed")
    tab.press("Dispatch only the 2 failed jobs")
    tab.see_heading("32 assets")
    tab.go("Jobs")
    tab.see("Jobs (2)")
    write(tab, name)


def write(tab: Tab, name: str) -> None:
    tab.go("Deliver")
    name_folder(tab, name)
    tab.press("Write the worker folders")
    tab.see(re.compile("^Written: "))


def mark_as_failed(root: Path, name: str, count: int) -> list[str]:
    """Leave the marks of a run in which the first jobs failed, and return their names."""
    names = sorted(jobs_in(root / name))
    results = root / f"{name}.results"
    results.mkdir()
    for number, job in enumerate(names):
        (results / f"{job}.{'failed' if number < count else 'done'}").write_text("{}")
    return names[:count]


def jobs_in(folder: Path) -> dict[str, bytes]:
    return {Path(path).stem: content for path, content in tree(folder).items()}


def test_a_zip_with_faults_is_read_and_compared_with_the_plan(
    context: BrowserContext, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.zip"
    with zipfile.ZipFile(theirs, "w") as archive:
        archive.writestr("0/a.json", json.dumps(document()))
        archive.writestr("0/b.json", json.dumps(document()))
        archive.writestr("0/notes.txt", "x")
        archive.writestr("2/c.json", "{")
    with running_server(tmp_path / "server", THEN) as server:
        tab = Tab(context.new_page(), server.url)
        tab.open()
        tab.press("Find assets")
        tab.see_heading("10 assets")

        tab.go("Compare and check")
        tab.page.get_by_role("radio", name="Check").click()
        choose(tab, "Dispatch", "a zip to upload")
        tab.page.locator("input[type=file]").set_input_files(theirs)
        tab.see("4 faults in 2 jobs, 1 worker.")
        tab.keep_picture("library-4-faults")

        tab.page.get_by_role("radio", name="Compare").click()
        choose(tab, "Before", "a zip or a record to upload")
        tab.page.locator("input[type=file]").set_input_files(theirs)
        choose(tab, "After", "the current plan (10 jobs)")
        tab.see(re.compile("has 1 job more than once and has 2 items that cannot be read"))
        expect(tab.page.get_by_test_id("stMetricValue")).to_have_text(["10", "1", "0", "0"])
        tab.keep_picture("library-5-compared")
        assert (tab.faults, tab.hosts) == ([], {HOST})
        assert list(server.output_root.iterdir()) == []


def choose(tab: Tab, menu: str, option: str) -> None:
    tab.page.get_by_role("combobox", name=menu).click()
    tab.page.get_by_role("option", name=option, exact=True).click()
