"""The app in a real browser, on a real server: typing, clicks, downloads, closed tabs.

Every page of the journey is kept as a picture in ``test-artefacts/``.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.demo.catalogue import AWKWARD, DemoCatalogue
from tests.support.browser import (
    HOST,
    ROOT,
    Server,
    Tab,
    environment,
    load_request,
    name_folder,
    tree,
    tree_of_zip,
    wait_until,
    written_by_command_line,
)
from tests.support.tier import amount

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

QUERY = (
    '{"data_description.project_name": "Thalamic Ephys Survey", '
    '"data_description.data_level": "derived"}'
)


@pytest.mark.main
def test_from_a_typed_query_to_the_bytes_that_the_command_line_writes(
    tab: Tab, server: Server, tmp_path: Path
) -> None:
    tab.open()
    tab.type_text(QUERY)
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^\d+ assets$"))
    tab.keep_picture("1-assets")

    tab.press("Next: files")
    tab.choose_ending(".nwb")
    tab.press("Locate files")
    tab.see_heading(re.compile(r"^\d+ files in \d+ assets$"))
    tab.keep_picture("2-files")

    tab.go("Parameters")
    tab.press("Examples")
    tab.press("Two sets, each for every asset")
    expect(tab.page.locator(".st-key-equation")).to_contain_text("2 parameter sets")
    tab.keep_picture("3-parameters")

    tab.go("Jobs")
    tab.see(re.compile(r"^Jobs \(\d+\)$"))
    tab.keep_picture("4-jobs")

    tab.go("Deliver")
    name_folder(tab, "journey")
    zipped = tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))
    request = tab.download("Save the request", tmp_path / "request.json").read_text()
    tab.press("Write the worker folders")
    tab.see(re.compile("^Written: "))
    tab.keep_picture("5-deliver")

    written = written_by_command_line(request, tmp_path / "cli")
    assert len(written) > 100
    assert zipped == written
    assert tree(server.output_root / "journey") == written


def test_an_extension_is_added_for_the_assets_without_and_no_asset_loses_its_files(
    tab: Tab, tmp_path: Path
) -> None:
    tab.open()
    tab.press("Find assets")
    tab.see_heading("357 assets")
    tab.press("Next: files")
    tab.choose_ending(".nwb")
    tab.press("Locate files")
    tab.see_heading("246 files in 246 assets")

    tab.press("Add .nwb.zarr (111 assets)")
    tab.press("Locate files")

    tab.see_heading("357 files in 357 assets")
    tab.see("In this order: 1. .nwb (246 assets) · 2. .nwb.zarr (111 assets)")
    tab.keep_picture("several-extensions")
    tab.go("Deliver")
    name_folder(tab, "several")
    zipped = tree_of_zip(tab.download("Download the zip", tmp_path / "jobs.zip"))
    request = tab.download("Save the request", tmp_path / "request.json").read_text()
    assert json.loads(request)["file_extension"] == ".nwb,.nwb.zarr"
    assert zipped == written_by_command_line(request, tmp_path / "cli")
    assert tab.faults == []


def test_find_pressed_right_after_typing_acts_on_the_new_text(tab: Tab) -> None:
    # the editor sends its text 200 ms after the last key
    demo = open_metadata_source(SourceSettings())
    tab.open()
    for subject in ("900003", "900007", "900005", "900006")[: amount(2, 4)]:
        query = {"subject.subject_id": subject}

        tab.type_text(json.dumps(query))
        tab.press("Find assets")

        tab.see_heading(f"{demo.count(query)} assets")


def test_a_query_that_does_not_parse_is_reported_with_its_position_and_stays(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"name": [1, }')
    tab.see("line 1, column 12")

    tab.go("Jobs")
    tab.see("line 1, column 12")
    tab.page.get_by_role("link", name="Correct the query").click()

    expect(tab.editor().locator(".ace_content")).to_contain_text('{"name": [1, }')
    tab.press("Find assets")
    tab.see("The search did not start")


@pytest.mark.main
def test_a_list_with_duplicates_and_second_ids_is_answered_row_by_row(
    tab: Tab, tmp_path: Path
) -> None:
    wanted = AWKWARD["second code ocean id"]
    record = next(one for one in DemoCatalogue().records if one["name"] == wanted)
    second = record["external_links"]["Code Ocean"][1]
    rows = ["\ufeffAsset_ID,note", f"{second},it", "", "unknown,", f" {wanted} ,again"]
    (tmp_path / "list.csv").write_bytes("\r\n".join(rows).encode())
    tab.open()

    tab.page.get_by_role("radio", name="List of ids").click()
    tab.page.locator("input[type=file]").set_input_files(tmp_path / "list.csv")
    tab.see("list.csv: 3 rows")
    tab.press("Find assets")

    tab.see("1 matched, 1 not found, 1 duplicate")
    tab.go("Files")
    tab.go("Assets")
    tab.see("list.csv: 3 rows")
    tab.see("1 matched, 1 not found, 1 duplicate")


def test_the_same_dispatch_as_one_command_works_when_pasted(
    tab: Tab, server: Server, tmp_path: Path
) -> None:
    # quotes, a line break, a dollar and a word that could end the here-document
    request = {
        "version": 1,
        "query": {"name": {"$regex": "^ecephys_900003"}},
        "parameters": {"analysis_parameter": {"odd": 'it\'s "$HOME" `x`\nREQUEST\n\\ é'}},
    }
    (tmp_path / "odd.json").write_text(json.dumps(request))
    load_request(tab, tmp_path / "odd.json")
    tab.go("Deliver")
    name_folder(tab, "pasted")
    tab.press("Write the worker folders")
    tab.see(re.compile("^Written: "))

    command = tab.command().text_content() or ""

    shell_environment = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=shell_environment, check=True)
    assert tree(tmp_path / "pasted") == tree(server.output_root / "pasted")


@pytest.mark.long
def test_a_reload_or_a_closed_tab_during_a_write_leaves_it_whole_and_once(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    request = {
        "version": 1,
        "query": json.loads(QUERY),
        "parameters": {"distributed_parameters": [{"seed": seed} for seed in range(20)]},
    }
    saved = tmp_path / "many.json"
    saved.write_text(json.dumps(request))
    expected = written_by_command_line(saved.read_text(), tmp_path / "cli")
    assert len(expected) > 5_000

    def is_staged(name: str) -> bool:
        return any(server.output_root.glob(f".{name}.tmp-*"))

    def has_begun(name: str) -> bool:
        return any(server.output_root.glob(f".{name}.tmp-*/1*"))

    ends: dict[str, tuple[Callable[[str], bool], Callable[[Page], object]]] = {
        "reloaded-in-the-middle": (has_begun, lambda page: page.reload()),
        "closed-in-the-middle": (has_begun, lambda page: page.close()),
        "reloaded-when-staged": (is_staged, lambda page: page.reload()),
    }
    tried = list(ends)[: amount(1, 3)]
    for name, (is_time, end) in ((name, ends[name]) for name in tried):
        context = browser.new_context()
        tab = Tab(context.new_page(), server.url)
        load_request(tab, saved)
        tab.go("Deliver")
        name_folder(tab, name)
        tab.press("Write the worker folders")
        wait_until(lambda: is_time(name))  # noqa: B023
        assert not (server.output_root / name).exists()
        end(tab.page)
        context.close()

    for name in tried:
        record = server.output_root / f"{name}.dispatch.json"
        wait_until(record.exists)
        assert tree(server.output_root / name) == expected
        assert not is_staged(name)


@pytest.mark.main
def test_a_double_click_writes_once(tab: Tab, server: Server, tmp_path: Path) -> None:
    request = {"version": 1, "query": {"name": {"$regex": "^ecephys_900003"}}}
    (tmp_path / "small.json").write_text(json.dumps(request))
    load_request(tab, tmp_path / "small.json")
    tab.go("Deliver")
    name_folder(tab, "double")

    tab.page.get_by_role("button", name="Write the worker folders").dblclick()

    tab.see(re.compile(r"^(Written|Already there, byte for byte): "))
    record = json.loads((server.output_root / "double.dispatch.json").read_text())
    assert len(tree(server.output_root / "double")) == record["equation"]["jobs"]


@pytest.mark.parametrize("path", ["jobs", pytest.param("", marks=pytest.mark.long)])
def test_a_page_opened_by_its_address_asks_no_other_host_and_has_the_frame(
    tab: Tab, path: str
) -> None:
    tab.open(path)

    tab.see("Embedded demo")
    tab.see(re.compile("parameter set"))
    assert tab.hosts == {HOST}


@pytest.mark.long
def test_the_editor_is_as_dark_as_the_page(browser: Browser, server: Server) -> None:
    def darkness(scheme: Any) -> tuple[bool, bool]:
        context = browser.new_context(color_scheme=scheme)
        tab = Tab(context.new_page(), server.url)
        tab.open()
        tab.open_editor()
        tab.editor().locator(".ace_content").wait_for()
        colours = "element => getComputedStyle(element).backgroundColor.match(/\\d+/g).map(Number)"
        page = tab.page.get_by_test_id("stApp").evaluate(colours)
        editor = tab.editor().locator(".ace_editor").evaluate(colours)
        context.close()
        return sum(page[:3]) < 200, sum(editor[:3]) < 200

    assert darkness("light") == (False, False)
    assert darkness("dark") == (True, True)
