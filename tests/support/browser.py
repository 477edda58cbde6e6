"""Fixtures and steps of `tests/test_browser*.py`: a browser on a running app.

All files share one server (`server`), unless a module-scoped fixture `server_environment` adds
to its environment. They share one browser (`browser`) with one context (`context`), which keeps
only the static files of the app from one test to the next. Each test opens its own tab (`tab`).
While the browser runs, the main thread has Playwright's loop: `result_of` of
`tests/support/coroutines.py` runs other coroutines in another thread.

A file declares an xdist group, so that different files run in parallel:

    pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-files")]
"""

from __future__ import annotations

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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "test-artefacts"
HOST = "127.0.0.1"
PATIENCE = 90_000  # milliseconds; a timeout for hanging tests
expect.set_options(timeout=PATIENCE)
FIND = re.compile(r"Find (?:[\d,]+ )?assets")
"""The button on Assets, which names their number where the count took long."""
# a page that is opened by its address first looks for the server below that address
STREAMLITS_OWN_PROBES = ("_stcore/health", "_stcore/host-config")


_SLOW = """
const later = (act) => setTimeout(act, DELAY);
window.WebSocket = class extends WebSocket {
  send(message) { later(() => super.send(message)); }
  set onmessage(act) { super.onmessage = (event) => later(() => act(event)); }
  addEventListener(name, act, options) {
    const slow = (event) => later(() => act(event));
    super.addEventListener(name, name === "message" ? slow : act, options);
  }
};
"""


@dataclass(frozen=True)
class Server:
    """The running app."""

    url: str
    output_root: Path
    log: Path
    pid: int

    @property
    def state_root(self) -> Path:
        return _state_root(self.output_root)

    def check(self) -> None:
        """Fail if a page raised an exception."""
        assert "Traceback" not in self.log.read_text()


@dataclass
class Tab:
    """A browser tab that records errors and the hosts of its requests."""

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
        """Wait until the script that the last action started has finished."""
        expect(self.page.locator("h1")).to_be_visible(timeout=PATIENCE)
        app = self.page.get_by_test_id("stApp")
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE)

    def editor(self) -> FrameLocator:
        # for a moment the previous editor is on the page too
        return self.page.frame_locator('iframe[title="streamlit_ace.streamlit_ace"]').last

    def open_editor(self) -> None:
        """Switch from facets or rows to the JSON editor, if necessary."""
        as_json = self.page.get_by_role("radio", name="JSON", exact=True)
        editor = self.page.locator('iframe[title="streamlit_ace.streamlit_ace"]')
        expect(as_json.or_(editor).first).to_be_visible()
        if as_json.count() and not as_json.first.is_checked():
            as_json.first.click()
            expect(editor).to_be_visible()
            self.settle()

    def enter_editor(self) -> None:
        """Click into the JSON editor; a page that still moves may take the click elsewhere."""
        self.open_editor()
        self.editor().locator(".ace_content").click()
        expect(self.editor().locator(".ace_editor.ace_focus")).to_be_visible()

    def type_text(self, text: str) -> None:
        """Replace the text of the editor in one step, like a paste."""
        self.enter_editor()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)
        expect(self.editor().locator(".ace_content")).to_contain_text(text)

    def command(self) -> Locator:
        return self.page.get_by_test_id("stCode").locator("code")

    def slow_down(self, milliseconds: int) -> None:
        """Delay what this tab sends and what it gets, as on a slow connection; before `open`."""
        self.page.add_init_script(_SLOW.replace("DELAY", str(milliseconds)))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=FIND if name == "Find assets" else name)

    def press(self, name: str) -> None:
        button = self.button(name)
        expect(button).to_have_count(1)  # while a run draws, there may be two for a moment
        button.click()

    def go(self, name: str) -> None:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        heading = self.page.get_by_role("heading", name=name, exact=True, level=1)
        expect(heading).to_be_visible(timeout=PATIENCE)
        self.settle()

    def choose_ending(self, ending: str) -> None:
        """Choose an extension on the page Files, and close its menu."""
        self.page.get_by_role("combobox", name="Names end with").click()
        self.page.get_by_role("option", name=ending, exact=True).click()
        self.page.keyboard.press("Escape")

    def see(self, text: str | re.Pattern[str]) -> None:
        # a table has its texts a second time, for screen readers
        shown = self.page.get_by_text(text).filter(visible=True).first
        expect(shown).to_be_visible(timeout=PATIENCE)

    def see_heading(self, text: str | re.Pattern[str]) -> None:
        # while a page is drawn anew, its former heading may still be below the new one
        heading = self.page.get_by_role("heading", level=2, name=text).first
        expect(heading).to_be_visible(timeout=PATIENCE)

    def keep_picture(self, name: str) -> None:
        self.settle()
        self.page.mouse.move(0, 0)
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", animations="disabled")

    def double_click(self, what: Locator, right: Callable[[float], float], down: float) -> None:
        """Double-click in `what`, once it stands still; `right` is given its width."""
        boxes: list[Any] = [None]

        def stands_still() -> bool:
            what.scroll_into_view_if_needed()
            boxes.append(what.bounding_box())
            time.sleep(0.1)
            return boxes[-1] is not None and boxes[-3:] == [boxes[-1]] * 3

        wait_until(stands_still)
        self.page.mouse.dblclick(boxes[-1]["x"] + right(boxes[-1]["width"]), boxes[-1]["y"] + down)

    def download(self, button: str, target: Path) -> Path:
        with self.page.expect_download() as waiting:
            self.press(button)
        waiting.value.save_as(target)
        return target


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    """Return additional environment variables of the server; files override this fixture."""
    return {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(folder: Path, variables: Mapping[str, str], port: int = 0) -> Iterator[Server]:
    """Run the app with the embedded demo; output, state and log are in `folder`.

    Without a port, a free one is taken.
    """
    port = port or free_port()
    root = folder / "output"
    root.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.port", str(port), "--server.address", HOST]
    command += ["--server.fileWatcherType", "none"]
    log = folder / "server.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(root) | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://{HOST}:{port}"
            wait_until(lambda: process.poll() is not None or answers(f"{url}/_stcore/health"))
            assert process.poll() is None, log.read_text()
            server = Server(url, root, log, process.pid)
            yield server
            server.check()
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:  # it waits for the connections of open tabs
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the app with nothing in its environment but the embedded demo."""
    with running_server(tmp_path_factory.mktemp("server"), {}) as server:
        yield server


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    server_environment: dict[str, str],
) -> Iterator[Server]:
    if server_environment:
        with running_server(tmp_path_factory.mktemp("server"), server_environment) as server:
            yield server
    else:
        server = request.getfixturevalue("demo_server")
        yield server
        server.check()


def chromium() -> str:
    """Return the path of an installed Chromium; empty if only Playwright's own can be used."""
    # without the window of a browser around each page, it needs about half the time
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), "")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        if not chromium() and not Path(playwright.chromium.executable_path).exists():
            advice = "no Chromium: install one, or run python -m playwright install chromium"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(advice)
        browser = playwright.chromium.launch(
            executable_path=chromium() or None, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def warm_context(browser: Browser) -> Iterator[BrowserContext]:
    # what moves is drawn 60 times a second, on a machine without a graphics card
    context = browser.new_context(viewport={"width": 1360, "height": 900}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def context(warm_context: BrowserContext, server: Server) -> Iterator[BrowserContext]:
    """Return the context of all files, in which no test has left anything but static files."""
    yield warm_context
    blank = warm_context.new_page()
    for page in warm_context.pages:
        if page is not blank:
            page.close()
    storage = {"origin": server.url, "storageTypes": "local_storage,session_storage,indexeddb"}
    warm_context.new_cdp_session(blank).send("Storage.clearDataForOrigin", storage)
    warm_context.clear_cookies()
    blank.close()


@pytest.fixture
def tab(context: BrowserContext, server: Server) -> Iterator[Tab]:
    tab = Tab(context.new_page(), server.url)
    yield tab
    assert tab.faults == [], tab.faults
    assert tab.hosts <= {HOST}


def environment(output_root: Path) -> dict[str, str]:
    """Return an environment with the embedded demo; settings of the tests are ignored."""
    ours = ("DOCDB_", "DISPATCH_", "STREAMLIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    python = Path(sys.executable).parent
    path = f"{python}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {
        "DISPATCH_OUTPUT_ROOT": str(output_root),
        "DISPATCH_STATE_ROOT": str(_state_root(output_root)),
        "PATH": path,
    }


def _state_root(output_root: Path) -> Path:
    return output_root.with_name(f"{output_root.name}-state")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE / 1000) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"the condition is still false after {seconds:g} s"
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
    tab.see_heading(re.compile(r"^[\d,]+ assets?$"))


def name_folder(tab: Tab, name: str) -> None:
    box = tab.page.get_by_role("textbox", name="Name of the folder")
    box.fill(name)
    box.press("Enter")
    expect(tab.command()).to_contain_text(f"--output_directory {name} ")
    tab.settle()
