"""The app in a real browser, on a real server: typing, clicks, downloads, closed tabs.

Every page of the journey is kept as a picture in ``test-artefacts/``; the README's
``docs/app.png`` is a copy of the one of the page Jobs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FrameLocator,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from dispatch_core.connect import SourceSettings, open_metadata_source
from dispatch_core.embedded.catalogue import AWKWARD, DemoCatalogue

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROOT = Path(__file__).resolve().parents[1]
ARTEFACTS = ROOT / "test-artefacts"
HOST = "127.0.0.1"
PATIENCE = 30_000  # milliseconds; a bound for hung tests, not a measure
QUERY = (
    '{"data_description.project_name": "Thalamic Ephys Survey", '
    '"data_description.data_level": "derived"}'
)
# a page opened by its address first looks for the server below that address
STREAMLITS_OWN_PROBES = ("_stcore/health", "_stcore/host-config")


@dataclass(frozen=True)
class Server:
    """The running app."""

    url: str
    output_root: Path


@dataclass
class Tab:
    """A browser tab that notes what should not happen in it."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda one: self._note_host(one.url))
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _note_host(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob"):
            self.hosts.add(urlsplit(url).hostname or url)

    def _note_console(self, message: Any) -> None:
        where = str(message.location.get("url", ""))
        if message.type == "error" and not where.endswith(STREAMLITS_OWN_PROBES):
            self.faults.append(f"{where}: {message.text}")

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.base}/{path}")
        self.settle()

    def settle(self) -> None:
        """Wait for the script that the last action started."""
        expect(self.page.locator("h1")).to_be_visible(timeout=PATIENCE)
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE)

    def editor(self) -> FrameLocator:
        return self.page.frame_locator('iframe[title="streamlit_ace.streamlit_ace"]')

    def type_text(self, text: str) -> None:
        """Replace what stands in the editor, as fast as a paste."""
        self.editor().locator(".ace_content").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)
        expect(self.editor().locator(".ace_content")).to_contain_text(text)

    def command(self) -> Locator:
        return self.page.get_by_test_id("stCode").locator("code")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def go(self, name: str) -> None:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        expect(self.page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        self.settle()

    def see(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def see_heading(self, text: str | re.Pattern[str]) -> None:
        heading = self.page.get_by_role("heading", level=3, name=text)
        expect(heading).to_be_visible(timeout=PATIENCE)

    def keep_picture(self, name: str) -> None:
        self.settle()
        self.page.mouse.move(0, 0)
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled")

    def download(self, button: str, target: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.press(button)
        waiting.value.save_as(target)
        return target


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    root = tmp_path_factory.mktemp("output")
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.address", HOST]
    command += ["--server.fileWatcherType", "none"]
    log = (tmp_path_factory.mktemp("log") / "server.log").open("w+")
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(root), stdout=log, stderr=subprocess.STDOUT
    )
    try:
        url = f"http://{HOST}:{port}"
        wait_until(lambda: process.poll() is not None or answers(f"{url}/_stcore/health"))
        assert process.poll() is None, Path(log.name).read_text()
        yield Server(url, root)
        assert "Traceback" not in Path(log.name).read_text()
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        path = found or playwright.chromium.executable_path
        if not Path(path).exists():
            told = "no Chromium: install one, or run python -m playwright install chromium"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    yield context
    context.close()


@pytest.fixture
def tab(context: BrowserContext, server: Server) -> Iterator[Tab]:
    tab = Tab(context.new_page(), server.url)
    yield tab
    assert tab.faults == []
    assert tab.hosts <= {HOST}


def environment(output_root: Path) -> dict[str, str]:
    """The embedded demo, whatever the environment of the tests says."""
    ours = ("DOCDB_", "DISPATCH_", "STREAMLIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    python = Path(sys.executable).parent
    path = f"{python}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"DISPATCH_OUTPUT_ROOT": str(output_root), "PATH": path}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE / 1000) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def tree_of_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def written_by_command_line(request: str, folder: Path) -> dict[str, bytes]:
    command = [sys.executable, "-m", "dispatch_core", "--request", "-"]
    command += ["--output_directory", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment(folder), input=request.encode(), check=True)
    return tree(folder)


def load_request(tab: Tab, request: Path) -> None:
    """Load a saved request and find its assets."""
    tab.open("deliver")
    tab.page.get_by_text("Load a saved request").click()
    tab.page.locator("input[type=file]").set_input_files(request)
    tab.see(f"{request.name} is loaded")
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^[\d,]+ assets$"))


def name_folder(tab: Tab, name: str) -> None:
    box = tab.page.get_by_role("textbox", name="Name of the folder")
    box.fill(name)
    box.press("Enter")
    expect(tab.command()).to_contain_text(f"--output_directory {name} ")
    tab.settle()


# The tests


def test_from_a_typed_query_to_the_bytes_that_the_command_line_writes(
    tab: Tab, server: Server, tmp_path: Path
) -> None:
    tab.open()
    tab.type_text(QUERY)
    tab.press("Find assets")
    tab.see_heading(re.compile(r"^\d+ assets$"))
    tab.keep_picture("1-assets")

    tab.press("Next: files")
    tab.page.get_by_role("combobox").click()
    tab.page.get_by_role("option", name=".nwb", exact=True).click()
    tab.press("Locate files")
    tab.see_heading(re.compile(r"^\d+ files in \d+ assets$"))
    tab.keep_picture("2-files")

    tab.go("Parameters")
    tab.press("Examples")
    tab.press("Two sets, each for every asset")
    tab.see_heading("2 parameter sets")
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


def test_find_pressed_right_after_typing_acts_on_the_new_text(tab: Tab) -> None:
    # the editor sends its text 200 ms after the last key
    demo = open_metadata_source(SourceSettings())
    tab.open()
    for subject in ("900003", "900007", "900005", "900006"):
        query = {"subject.subject_id": subject}

        tab.type_text(json.dumps(query))
        tab.press("Find assets")

        tab.see_heading(f"{demo.count(query)} assets")


def test_a_query_that_does_not_parse_is_told_with_its_place_and_stays(tab: Tab) -> None:
    tab.open()
    tab.type_text('{"name": [1, }')
    tab.see("line 1, column 12")

    tab.go("Jobs")
    tab.see("line 1, column 12")
    tab.page.get_by_role("link", name="Correct the query").click()

    expect(tab.editor().locator(".ace_content")).to_contain_text('{"name": [1, }')
    expect(tab.page.get_by_role("button", name="Find assets")).to_be_disabled()


def test_a_list_with_duplicates_and_second_ids_is_answered_row_by_row(
    tab: Tab, tmp_path: Path
) -> None:
    wanted = AWKWARD["second code ocean id"]
    record = next(one for one in DemoCatalogue().records if one["name"] == wanted)
    second = record["external_links"]["Code Ocean"][1]
    rows = ["\ufeffAsset_ID,note", f"{second},it", "", "nobody,", f" {wanted} ,again"]
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
        "reloaded-when-staged": (is_staged, lambda page: page.reload()),
        "reloaded-in-the-middle": (has_begun, lambda page: page.reload()),
        "closed-in-the-middle": (has_begun, lambda page: page.close()),
    }
    for name, (is_time, end) in ends.items():
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

    for name in ends:
        record = server.output_root / f"{name}.dispatch.json"
        wait_until(record.exists)
        assert tree(server.output_root / name) == expected
        assert not is_staged(name)


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


@pytest.mark.parametrize("path", ["", "files", "parameters", "jobs", "deliver"])
def test_a_page_opened_by_its_address_asks_no_other_host_and_has_the_frame(
    tab: Tab, path: str
) -> None:
    tab.open(path)

    tab.see("Embedded demo")
    tab.see("parameter sets")
    assert tab.hosts == {HOST}


def test_the_editor_is_as_dark_as_the_page(browser: Browser, server: Server) -> None:
    def darkness(scheme: Any) -> tuple[bool, bool]:
        context = browser.new_context(color_scheme=scheme)
        tab = Tab(context.new_page(), server.url)
        tab.open()
        tab.editor().locator(".ace_content").wait_for()
        colours = "element => getComputedStyle(element).backgroundColor.match(/\\d+/g).map(Number)"
        page = tab.page.get_by_test_id("stApp").evaluate(colours)
        editor = tab.editor().locator(".ace_editor").evaluate(colours)
        context.close()
        return sum(page[:3]) < 200, sum(editor[:3]) < 200

    assert darkness("light") == (False, False)
    assert darkness("dark") == (True, True)
