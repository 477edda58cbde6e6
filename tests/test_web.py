"""What the running server sends to browsers, foreign sites and unknown clients."""

from __future__ import annotations

import ast
import asyncio
import http.client
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from streamlit import config as streamlit_config
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benchmarks.browserless import HOST, AppServer, Tab, wait_until
from benchmarks.load import Tally, prepare
from pages.shared.state.entry import FRAME
from pages.shared.state.lifespan import keep_imports_whole
from tests.support.coroutines import result_of
from tests.support.syntax import syntax_of
from tests.support.tier import amount

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))

pytestmark = pytest.mark.xdist_group("browser")

SETTINGS: dict[str, Any] = {
    "global.maxCachedMessageAge": 100,
    "server.address": "127.0.0.1",
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 50,
    "server.maxMessageSize": 50,
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.level": "info",
    "runner.fastReruns": False,
    "runner.postScriptGC": False,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with AppServer(tmp_path_factory.mktemp("server")) as server:
        yield server


# The configuration


def test_the_configuration_has_exactly_these_settings() -> None:
    found = {
        f"{section}.{name}": value
        for section, values in CONFIG.items()
        for name, value in values.items()
        if section != "theme"
    }

    assert found == SETTINGS


def test_streamlit_knows_every_setting() -> None:
    # Streamlit logs and ignores unknown settings
    known = streamlit_config._config_options_template

    assert SETTINGS.keys() - known.keys() == set()


def test_the_log_has_no_warning_about_settings_or_telemetry(server: AppServer) -> None:
    assert "not a valid config option" not in server.log
    assert "usage statistics" not in server.log


# Who may open a session


def handshake(server: AppServer, host: str, origin: str | None) -> int:
    """Return the HTTP status of opening a session; 101 means success."""
    headers = {"Host": host}
    if origin is not None:
        headers["Origin"] = origin
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "streamlit",
    }
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    for name, value in {**headers, **upgrade}.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]"])
def test_a_session_opens_under_each_name_of_this_machine(server: AppServer, host: str) -> None:
    host = f"{host}:{server.port}"

    assert handshake(server, host, f"http://{host}") == 101
    assert handshake(server, host, None) == 101


@pytest.mark.parametrize(
    "host",
    ["evil.invalid", "localhost.evil.invalid", "evil.invalid:8501", "10.0.0.1", "x@localhost", ""],
)
def test_a_session_under_a_foreign_host_is_rejected_with_any_origin(
    server: AppServer, host: str
) -> None:
    for origin in (None, f"http://{host}", f"http://127.0.0.1:{server.port}"):
        assert handshake(server, host, origin) == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.invalid", "https://evil.invalid:8501", "http://127.0.0.1.evil.invalid", "null"],
)
def test_a_session_from_a_foreign_origin_is_rejected(server: AppServer, origin: str) -> None:
    assert handshake(server, f"127.0.0.1:{server.port}", origin) == 403


def test_an_invalid_message_closes_only_its_own_session(server: AppServer) -> None:
    address = f"ws://{HOST}:{server.port}/_stcore/stream"
    with connect(address, subprotocols=[Subprotocol("streamlit")]) as socket:
        socket.send(b"\xff\xff\xff\xff")
        with pytest.raises(Exception, match="1002"):
            socket.recv(30)

    assert requests.get(f"{server.url}/_stcore/health", timeout=30).text == "ok"


def test_a_rejected_websocket_has_the_status_403(server: AppServer) -> None:
    address = f"ws://{HOST}:{server.port}/_stcore/stream"

    with pytest.raises(InvalidStatus) as caught:
        connect(address, origin=Origin("http://evil.invalid"))

    assert caught.value.response.status_code == 403


# Actions that follow each other at once


def widget_ids(tab: Tab) -> set[str]:
    kinds = ((one, one.WhichOneof("type") or "empty") for one in tab.last.elements)
    return {getattr(getattr(one, kind), "id", "") for one, kind in kinds}


@pytest.mark.soak
@pytest.mark.parametrize("wait", [0, 0.001, 0.002, 0.005])
def test_no_press_is_lost_if_another_action_follows_at_once(server: AppServer, wait: float) -> None:
    async def lost_presses() -> int:
        lost = 0
        async with Tab(server.url) as tab:
            await tab.open()
            for _ in range(amount(10, 100)):
                before = widget_ids(tab)
                await tab.press_and_leave("start-over")
                await asyncio.sleep(wait)
                await tab.rerun()
                await tab.rerun()
                lost += widget_ids(tab) == before  # starting over gives each widget a new key
        return lost

    assert result_of(lost_presses()) == 0


def test_a_page_opened_right_after_a_press_is_the_one_that_is_shown(server: AppServer) -> None:
    async def shown() -> list[str]:
        keys = []
        async with Tab(server.url) as tab:
            await tab.open()
            for wait in (0, 0.01, 0.1, 0.3):
                await tab.press_and_leave("find")
                await asyncio.sleep(wait)
                await tab.go("Files")
                keys.append(tab.widget("extension"))
                await tab.go("Assets")
        return keys

    assert len(result_of(shown())) == 4


def test_find_starts_if_another_action_follows_at_once(server: AppServer) -> None:
    async def shown() -> list[str]:
        texts = []
        async with Tab(server.url) as tab:
            await tab.open()
            for _ in range(5):
                await tab.press_and_leave("find")
                await tab.rerun()
                texts.append((await tab.settle()).text)
                await tab.press("start-over")
        return texts

    assert all("assets match" in text or "357 assets" in text for text in result_of(shown()))


def test_a_page_that_is_opened_on_a_running_server_is_drawn_once(server: AppServer) -> None:
    async def timers() -> dict[str, float]:
        async with Tab(server.url) as first:
            await first.open()
            await first.settle()
        async with Tab(server.url) as second:
            await second.open()
            return second.timers

    assert result_of(timers()) == {}


# Addresses of pages


def test_the_first_visit_after_a_start_may_be_to_any_page(tmp_path: Path) -> None:
    async def kinds(url: str) -> list[str]:
        async with Tab(url) as tab:
            await tab.open("jobs")
            return tab.kinds

    with AppServer(tmp_path) as server:
        sent = result_of(kinds(server.url))

    assert "navigation" in sent
    assert "page_not_found" not in sent


# The start and the end of the server


def test_the_first_page_imports_no_module_of_the_app(tmp_path: Path) -> None:
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
from pages.shared.state.lifespan import import_pages

import_pages()
before = set(sys.modules)
app = AppTest.from_file({str(ROOT / "pages" / "frame.py")!r}, default_timeout=60).run()
assert app.title[0].value == "Assets"
print(*sorted(set(sys.modules) - before), sep="\\n")
"""
    environment = AppServer(tmp_path).environment
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    added = done.stdout.splitlines()
    assert "streamlit.material_icon_names" in added
    assert [one for one in added if one.startswith(("pages.", "pandas", "pydantic"))] == []


def test_a_run_of_a_page_leaves_the_paths_of_imports_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A path that changes makes an import of another thread pass over an entry, and fail."""
    monkeypatch.setattr(sys, "path", [one for one in sys.path if Path(one) != FRAME.parent])

    keep_imports_whole()
    before = list(sys.path)
    with modified_sys_path(str(FRAME)):
        during = list(sys.path)

    assert during == before == sys.path


def test_a_dispatch_that_has_begun_is_written_before_the_server_ends(tmp_path: Path) -> None:
    async def begin(server: AppServer) -> None:
        async with Tab(server.url) as tab:
            await prepare(tab, 1, Tally(), assets=50, sets=40)
            await tab.go("Deliver")
            await tab.write("target", "last")
            await tab.press_and_leave("write")
            await asyncio.to_thread(wait_until, lambda: any(server.output_root.glob("*last*")))
            server.process.terminate()

    with AppServer(tmp_path) as server:
        result_of(begin(server))
        server.process.wait(60)

    assert len(list((server.output_root / "last").glob("*/*.json"))) == 2_000
    assert (server.output_root / "last.dispatch.json").exists()
    assert "ScriptRunContext" not in server.log


# What plain requests get


@pytest.mark.parametrize("path", ["", "_stcore/health", "_stcore/host-config", "jobs"])
def test_foreign_pages_cannot_read_a_response(server: AppServer, path: str) -> None:
    headers = {"Origin": "http://evil.invalid"}

    answer = requests.get(f"{server.url}/{path}", headers=headers, timeout=30)

    assert answer.headers.get("Access-Control-Allow-Origin") not in ("*", "http://evil.invalid")


def test_an_upload_without_the_token_or_above_the_limit_is_rejected(server: AppServer) -> None:
    async def session() -> tuple[int, int]:
        async with Tab(server.url) as tab:
            await tab.open()
            await tab.go("Deliver")
            address = f"{server.url}/_stcore/upload_file/{tab.session_id}/file"
            files = {"file": ("x.json", b"{}")}
            without = requests.put(address, files=files, timeout=30)
            large = {"Content-Length": str(51 << 20), "X-Xsrftoken": tab.token}
            too_large = tab.http.put(address, data=b"", headers=large, timeout=30)
            return without.status_code, too_large.status_code

    assert result_of(session()) == (403, 413)


@pytest.mark.parametrize(
    "path",
    [
        *["app/static/config.toml", "static/../.streamlit/config.toml", ".streamlit/config.toml"],
        *["app.py", "dispatch_core/cli.py", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"],
        *["static/..%2f..%2f..%2fetc%2fpasswd", "media/../../../etc/passwd", "//etc/passwd"],
        "component/streamlit_ace.streamlit_ace/../../../../../../etc/passwd",
        "component/streamlit_ace.streamlit_ace/..%2f..%2f__init__.py",
        "component/streamlit_ace.streamlit_ace//etc/passwd",
    ],
)
def test_no_address_returns_a_file_of_the_server(server: AppServer, path: str) -> None:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    connection.request("GET", f"/{path}")  # requests would normalize the dots
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    connection.close()

    # for unknown addresses Streamlit returns its own page
    assert answer.status >= 400 or "<title>Streamlit</title>" in body
    for content in ("root:", "gatherUsageStats", "import streamlit", "def main"):
        assert content not in body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("_stcore/agent/interact", {}),
        ("_stcore/agent/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}),
    ],
)
def test_the_agent_interface_is_disabled(
    server: AppServer, path: str, body: dict[str, Any]
) -> None:
    answer = requests.post(f"{server.url}/{path}", json=body, timeout=30)

    assert "does not serve the agent API" in answer.text


@pytest.mark.parametrize("path", ["_stcore/metrics", "_stcore/script-health-check"])
def test_metrics_contain_neither_paths_nor_sessions(server: AppServer, path: str) -> None:
    async def session() -> tuple[str, str]:
        async with Tab(server.url) as tab:
            await tab.open()
            answer = await asyncio.to_thread(requests.get, f"{server.url}/{path}", timeout=30)
            return answer.text, tab.session_id

    text, session_id = result_of(session())

    assert session_id
    assert session_id not in text
    assert str(ROOT) not in text
    assert str(server.output_root) not in text


# What a failure shows


def test_the_message_and_traceback_of_a_failing_page_are_only_in_the_log(
    tmp_path: Path,
) -> None:
    async def first_page(url: str) -> str:
        async with Tab(url) as tab:
            run = await tab.open()
            assert run.errors
            return run.text

    with AppServer(tmp_path, "tests/support/failing_app.py") as server:
        shown = result_of(first_page(server.url))

    assert "before" in shown
    for secret in ("s3cret", "/srv/private", "RuntimeError", "failing_app.py", "Traceback"):
        assert secret not in shown.replace(str(ROOT / "tests/support/failing_app.py"), "")
    assert "s3cret in /srv/private/path" in server.log


# Caches and downloads, in the text of the pages


def page_calls() -> Iterator[tuple[str, ast.AST]]:
    """Yield each call and function of the app with its file."""
    for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]:
        for node in ast.walk(syntax_of(path)):
            if isinstance(node, ast.Call | ast.FunctionDef):
                yield path.relative_to(ROOT).as_posix(), node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def test_downloads_are_made_on_click() -> None:
    # data made earlier could be downloaded without a cookie, even after the tab is closed
    downloads = [
        (file, call)
        for file, call in page_calls()
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "download_button"
    ]

    assert len(downloads) >= 3
    for file, call in downloads:
        data = keyword(call, "data") or call.args[1]
        is_made_late = isinstance(data, ast.Call) and ast.unparse(data.func) == "kept_file"
        assert is_made_late, f"{file}:{call.lineno}: the data is not that of kept_file"


SHARED = {"cache_data", "cache_resource"}


def test_caches_are_in_one_file_are_bounded_and_take_no_session() -> None:
    for file, node in page_calls():
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            target = call.func if call else decorator
            if not isinstance(target, ast.Attribute) or target.attr not in SHARED:
                continue
            where = f"{file}:{node.lineno}"
            assert file == "pages/shared/state/services.py", f"{where}: caches live in services.py"
            assert call is not None, f"{where}: the cache is unbounded"
            assert keyword(call, "max_entries"), f"{where}: the cache is unbounded"
            personal = {
                argument.arg: ast.unparse(argument.annotation or ast.Constant(None))
                for argument in node.args.args
                if "ession" in ast.unparse(argument.annotation or ast.Constant(None))
                or argument.arg.startswith("_")
            }
            assert personal == {}, f"{where}: all sessions share a cache"
